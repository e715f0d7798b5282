import { hex, malformed } from '../../module/fault.ts';
import type { Reader } from '../../module/reader.ts';
import type { WitCase, WitField, WitPrimitive, WitType } from '../model.ts';
import { countOf, type FunctionShape, type Scope, type TypeEntry, type ValueEntry } from './entity.ts';
import { label } from './names.ts';

/** Types of values and functions: https://github.com/WebAssembly/component-model/blob/main/design/mvp/Binary.md#type-definitions. */

const PRIMITIVES: readonly WitPrimitive[] = ['bool', 's8', 'u8', 's16', 'u16', 's32', 'u32', 's64', 'u64', 'f32', 'f64', 'char', 'string'];
const FIRST_PRIMITIVE = 0x7f;
const ERROR_CONTEXT = 0x64;
/** Codes of types lie above; below begin the indices. */
const FIRST_CODE = 0x40;

/** Ours. Types refer to earlier ones, so a small file can describe one that is huge once it is written out, and code is made for all of it. */
const MOST_SIZE = 100_000;
const MOST_DEPTH = 64;
const MOST_PARAMS = 1_000;
const MOST_MEMBERS = 10_000;
/** The canonical ABI's: they are the bits of an i32. */
const MOST_FLAGS = 32;

const ONE: Pick<ValueEntry, 'size' | 'depth'> = { size: 1, depth: 1 };
const ENTRIES: readonly ValueEntry[] = PRIMITIVES.map((kind) => ({ is: 'value', type: { kind } as WitType, ...ONE }));
const ERROR_ENTRY: ValueEntry = { is: 'value', type: { kind: 'error-context' }, ...ONE };

function primitive(code: number): ValueEntry | undefined {
  return code === ERROR_CONTEXT ? ERROR_ENTRY : ENTRIES[FIRST_PRIMITIVE - code];
}

/** A type where one is used: the code of a primitive, or the index of one defined before. */
function used(reader: Reader, scope: Scope, what: string): ValueEntry {
  const offset = reader.at;
  const code = reader.bytes[offset] as number;
  const found = primitive(code);
  if (found !== undefined && reader.at < reader.end) {
    reader.u8(what);
    return found;
  }
  if (code >= FIRST_CODE && code < 0x80) throw malformed(offset, `${what} has type ${hex(code)}, which does not exist`);
  const entry = typeAt(reader, scope, what);
  if (entry.is !== 'value') throw malformed(offset, `${what} is of a type that is not one of values`);
  return entry;
}

/** The type whose index comes next. */
export function typeAt(reader: Reader, scope: Scope, what: string): TypeEntry {
  const offset = reader.at;
  const index = reader.u32(`the type of ${what}`);
  const entry = scope.types[index];
  if (entry === undefined) throw malformed(offset, `${what} has type ${index} of ${scope.types.length}`);
  return entry;
}

/** The type of values that starts with `code`, which has been read. */
export function valueType(reader: Reader, scope: Scope, code: number): ValueEntry {
  const offset = reader.at - 1;
  const found = primitive(code);
  if (found !== undefined) return found;
  const parts: ValueEntry[] = [];
  const part = (what: string): WitType => {
    const entry = used(reader, scope, what);
    parts.push(entry);
    return entry.type;
  };
  const optional = (what: string): WitType | undefined => (present(reader, what) ? part(what) : undefined);
  const type = made(reader, scope, code, part, optional);
  if (type === undefined) throw malformed(offset, `a type has code ${hex(code)}, which does not exist`);
  const depth = 1 + parts.reduce((most, each) => Math.max(most, each.depth), 0);
  if (depth > MOST_DEPTH) throw malformed(offset, `a type nests more than ${MOST_DEPTH} deep`);
  const size = parts.reduce((sum, each) => sum + each.size, 1);
  if (size > MOST_SIZE) throw malformed(offset, `a type is made of more than ${MOST_SIZE} others`);
  return { is: 'value', type, size, depth };
}

type ReadPart = (what: string) => WitType;

function made(
  reader: Reader,
  scope: Scope,
  code: number,
  part: ReadPart,
  optional: (what: string) => WitType | undefined,
): WitType | undefined {
  switch (code) {
    case 0x72:
      return { kind: 'record', fields: members(reader, scope, 'fields', 'a field', part) };
    case 0x71:
      return { kind: 'variant', cases: cases(reader, scope, optional) };
    case 0x70:
      return { kind: 'list', element: part('the element of a list') };
    case 0x6f: {
      const types = Array.from({ length: some(reader, scope, 'types of a tuple', MOST_MEMBERS) }, () => part('a part of a tuple'));
      return { kind: 'tuple', types };
    }
    case 0x6e:
      return { kind: 'flags', names: labels(reader, scope, 'flags', 'a flag', MOST_FLAGS) };
    case 0x6d:
      return { kind: 'enum', names: labels(reader, scope, 'cases', 'a case', MOST_MEMBERS) };
    case 0x6b:
      return { kind: 'option', some: part('an option') };
    case 0x6a: {
      const ok = optional('the ok side of a result');
      const err = optional('the err side of a result');
      return { kind: 'result', ...(ok === undefined ? {} : { ok }), ...(err === undefined ? {} : { err }) };
    }
    case 0x69:
    case 0x68:
      return { kind: code === 0x69 ? 'own' : 'borrow', resource: resourceAt(reader, scope) };
    case 0x67: {
      const element = part('the element of a list');
      return { kind: 'proposed', text: `a list of ${reader.u32('the length of a list')} ${element.kind}` };
    }
    case 0x66:
    case 0x65: {
      const element = optional('what comes of a stream or future');
      return { kind: code === 0x66 ? 'stream' : 'future', ...(element === undefined ? {} : { element }) };
    }
    case 0x63: {
      const key = part('the key of a map');
      return { kind: 'proposed', text: `a map of ${key.kind} to ${part('the value of a map').kind}` };
    }
    default:
      return undefined;
  }
}

function resourceAt(reader: Reader, scope: Scope): string {
  const offset = reader.at;
  const entry = typeAt(reader, scope, 'a handle');
  if (entry.is !== 'resource') throw malformed(offset, 'a handle is to a type that is not a resource');
  return entry.name ?? 'resource';
}

function cases(reader: Reader, scope: Scope, optional: (what: string) => WitType | undefined): WitCase[] {
  const taken = new Set<string>();
  return Array.from({ length: some(reader, scope, 'cases', MOST_MEMBERS) }, () => {
    const name = label(reader, 'a case', taken);
    const type = optional('a case');
    // Older binaries may say here which case it refines.
    if (present(reader, 'a case')) reader.u32('the case it refines');
    return type === undefined ? { name } : { name, type };
  });
}

function members(reader: Reader, scope: Scope, whats: string, what: string, part: ReadPart): WitField[] {
  const taken = new Set<string>();
  return Array.from({ length: some(reader, scope, whats, MOST_MEMBERS) }, () => ({ name: label(reader, what, taken), type: part(what) }));
}

function labels(reader: Reader, scope: Scope, whats: string, what: string, most: number): string[] {
  const taken = new Set<string>();
  return Array.from({ length: some(reader, scope, whats, most) }, () => label(reader, what, taken));
}

/** Every type with members has one at least. */
function some(reader: Reader, scope: Scope, what: string, most: number): number {
  const offset = reader.at;
  const count = countOf(reader, scope, what, most);
  if (count === 0) throw malformed(offset, `there are no ${what}`);
  return count;
}

function present(reader: Reader, what: string): boolean {
  const offset = reader.at;
  const flag = reader.u8(`whether ${what} is there`);
  if (flag > 1) throw malformed(offset, `${what} is neither there nor absent: ${hex(flag)}`);
  return flag === 1;
}

const NO_RESULT = 0x01;

export function functionShape(reader: Reader, scope: Scope, isAsync: boolean): FunctionShape {
  const taken = new Set<string>();
  const params = Array.from({ length: countOf(reader, scope, 'parameters', MOST_PARAMS) }, () => ({
    name: label(reader, 'a parameter', taken),
    type: used(reader, scope, 'a parameter').type,
  }));
  const offset = reader.at;
  const form = reader.u8('the result of a function');
  if (form > NO_RESULT) throw malformed(offset, `the result of a function is of unknown form ${hex(form)}`);
  const result = form === NO_RESULT ? noResult(reader) : used(reader, scope, 'the result of a function').type;
  return { params, ...(result === undefined ? {} : { result }), ...(isAsync ? { async: true } : {}) };
}

/** Older binaries could name several results; WIT never had more than one in use. */
function noResult(reader: Reader): undefined {
  const offset = reader.at;
  if (reader.u32('the number of named results') !== 0) throw malformed(offset, 'a function has named results, which WIT no longer has');
}

export { present };
