import { hex, malformed } from '../../module/fault.ts';
import type { Reader } from '../../module/reader.ts';
import { type Census, type ComponentShape, countOf, define, emptyScope, type Entities, type Entity, type Scope } from './entity.ts';
import { addNamed, externName } from './names.ts';
import { alias, exportDefinition, importDeclaration, itemAt, MOST_NESTED, typeDefinition } from './read-declarations.ts';

/**
 * A component binary (https://github.com/WebAssembly/component-model/blob/main/design/mvp/Binary.md), read for its world. That it is
 * well typed is not checked: who makes code of it does that. Throws `MODULE_INVALID` for bytes that are not a component.
 */

export interface ReadComponent {
  readonly shape: ComponentShape;
  /** Its core modules, those of components within it too, as parts of the bytes. */
  readonly modules: readonly Uint8Array[];
}

/** Ours: what names one thing each is a list for people too. */
const MOST_ITEMS = 100_000;
const MOST_MODULES = 1_000;
const MOST_OPTIONS = 16;

const PREAMBLE = [0x00, 0x61, 0x73, 0x6d, 0x0d, 0x00, 0x01, 0x00];

export function readComponent(reader: Reader, census: Census): ReadComponent {
  const modules: Uint8Array[] = [];
  const scope = component(reader, emptyScope(undefined, census), modules, 0);
  return { shape: scope, modules };
}

/** Into `scope`, which is empty. */
function component(reader: Reader, scope: Scope, modules: Uint8Array[], nested: number): Scope {
  if (nested >= MOST_NESTED) throw malformed(reader.at, `components nest more than ${MOST_NESTED} deep`);
  preamble(reader);
  while (!reader.done) {
    const offset = reader.at;
    const id = reader.u8('a section');
    const section = reader.part(`section ${id}`);
    switch (id) {
      case 0: // custom
      case 2: // core instances
      case 3: // core types
        continue;
      case 1:
        if (modules.length >= MOST_MODULES) throw malformed(offset, `the component has more than ${MOST_MODULES} core modules`);
        modules.push(section.bytes.subarray(section.at, section.end));
        continue;
      case 4:
        scope.components.push(component(section, emptyScope(scope, scope.census), modules, nested + 1));
        continue;
      case 5:
        each(section, scope, 'instances', () => define(scope, { sort: 'instance', exports: instance(section, scope) }));
        break;
      case 6:
        each(section, scope, 'aliases', () => alias(section, scope));
        break;
      case 7:
        each(section, scope, 'types', () => typeDefinition(section, scope, nested));
        break;
      case 8:
        each(section, scope, 'canonical functions', () => canonical(section, scope));
        break;
      case 10:
        each(section, scope, 'imports', () => importDeclaration(section, scope));
        break;
      case 11:
        each(section, scope, 'exports', () => exportDefinition(section, scope));
        break;
      default:
        throw malformed(offset, id === 9 || id === 12 ? 'the component uses values, which are not let in' : `section ${id} does not exist`);
    }
    section.finish(`section ${id}`);
  }
  return scope;
}

function preamble(reader: Reader): void {
  const offset = reader.at;
  for (const [i, byte] of PREAMBLE.entries()) {
    if (reader.u8('the header of a component') !== byte)
      throw malformed(offset + i, i < 4 ? 'the first four bytes are not those of WebAssembly' : 'the version is not that of components');
  }
}

function each(reader: Reader, scope: Scope, what: string, read: () => void): void {
  for (let left = countOf(reader, scope, what, MOST_ITEMS); left > 0; left--) read();
}

function instance(reader: Reader, scope: Scope): Entities {
  const offset = reader.at;
  const form = reader.u8('an instance');
  if (form > 0x01) throw malformed(offset, `an instance is of unknown form ${hex(form)}`);
  const index = form === 0x00 ? reader.u32('the component of an instance') : undefined;
  const items = new Map<string, Entity>();
  each(reader, scope, index === undefined ? 'exports of an instance' : 'arguments of an instance', () => {
    const at = reader.at;
    const name = index === undefined ? externName(reader, 'an export of an instance') : reader.name('an argument of an instance');
    addNamed(items, name, itemAt(reader, scope, 'an item of an instance'), at);
  });
  if (index === undefined) return items;
  // What a component exports does not depend on its arguments but for resources, and functions with those are not called.
  const made = scope.components[index];
  if (made === undefined) throw malformed(offset, `an instance is of component ${index} of ${scope.components.length}`);
  return made.exports;
}

const LIFT = 0x00;
const LOWER = 0x01;
const TASK_RETURN = 0x09;

/** Operands of the built-ins that give core functions: `u` an index, `b` a byte, `o` options. They are read past. */
const BUILT_INS: ReadonlyMap<number, string> = new Map([
  ...[0x02, 0x03, 0x04, 0x07, 0x0e, 0x13, 0x14, 0x15, 0x1a, 0x1b].map((code): [number, string] => [code, 'u']),
  ...[0x05, 0x08, 0x0d, 0x1e, 0x1f, 0x22, 0x23, 0x24, 0x25].map((code): [number, string] => [code, '']),
  ...[0x0a, 0x0b, 0x20, 0x21].map((code): [number, string] => [code, 'bu']),
  ...[0x0f, 0x10, 0x16, 0x17].map((code): [number, string] => [code, 'uo']),
  ...[0x11, 0x12, 0x18, 0x19].map((code): [number, string] => [code, 'ub']),
  ...[0x06, 0x0c].map((code): [number, string] => [code, 'b']),
  ...[0x1c, 0x1d].map((code): [number, string] => [code, 'o']),
]);

/** A canonical function. Only `lift` makes one of the component's. */
function canonical(reader: Reader, scope: Scope): void {
  const offset = reader.at;
  const code = reader.u8('a canonical function');
  if (code === LIFT || code === LOWER) {
    if (reader.u8('a canonical function') !== 0) throw malformed(offset, 'a canonical function is of unknown form');
    reader.u32('the function to lift or lower');
    options(reader);
    if (code === LIFT) lifted(reader, scope);
    return;
  }
  if (code === TASK_RETURN) return taskReturn(reader);
  const operands = BUILT_INS.get(code);
  if (operands === undefined) throw malformed(offset, `built-in ${hex(code)} is not let in: it is one of threads, or does not exist`);
  for (const operand of operands) {
    if (operand === 'u') reader.u32('an operand of a built-in');
    else if (operand === 'b') reader.u8('an operand of a built-in');
    else options(reader);
  }
}

function lifted(reader: Reader, scope: Scope): void {
  const offset = reader.at;
  const index = reader.u32('the type of a lifted function');
  const entry = scope.types[index];
  if (entry?.is !== 'func') throw malformed(offset, `a lifted function has type ${index}, which is not one of functions`);
  scope.funcs.push(entry.func);
}

function taskReturn(reader: Reader): void {
  const offset = reader.at;
  const form = reader.u8('a result');
  if (form > 0x01) throw malformed(offset, `a result is of unknown form ${hex(form)}`);
  // The code of a type or an index; where there is no result, a zero.
  reader.skipS32('a result');
  options(reader);
}

const WITHOUT_OPERAND = [0x00, 0x01, 0x02, 0x06, 0x09];
const WITH_OPERAND = [0x03, 0x04, 0x05, 0x07, 0x08];

function options(reader: Reader): void {
  for (let left = reader.count('options', MOST_OPTIONS); left > 0; left--) {
    const offset = reader.at;
    const code = reader.u8('an option');
    if (WITH_OPERAND.includes(code)) reader.u32('the index of an option');
    else if (!WITHOUT_OPERAND.includes(code)) throw malformed(offset, `option ${hex(code)} is not let in`);
  }
}
