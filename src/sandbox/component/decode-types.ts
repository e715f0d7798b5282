import { hex, malformed, refused } from '../module/fault.ts';
import type { Reader } from '../module/reader.ts';
import type { WitPrimitive } from '../wit/model.ts';
import type { Alias, Declaration, Description, Labelled, Reference, Sort, TypeDefinition, ValueRef } from './model.ts';

/** Types, names and references of a component's binary. */

/** No bound of ours: the bytes present are the bound. */
export const ANY = 2 ** 32;

const MOST_NESTED_TYPES = 16;

const PRIMITIVES: Readonly<Record<number, WitPrimitive>> = {
  0x7f: 'bool',
  0x7e: 's8',
  0x7d: 'u8',
  0x7c: 's16',
  0x7b: 'u16',
  0x7a: 's32',
  0x79: 'u32',
  0x78: 's64',
  0x77: 'u64',
  0x76: 'f32',
  0x75: 'f64',
  0x74: 'char',
  0x73: 'string',
};

/** Kinds of types that exist and are not run. */
const REFUSED: Readonly<Record<number, string>> = {
  0x3e: 'resources with asynchronous destructors',
  0x43: 'asynchronous functions',
  0x63: 'maps',
  0x64: 'error contexts',
  0x65: 'futures',
  0x66: 'streams',
  0x67: 'lists of fixed length',
};

const CORE_SORTS: Readonly<Record<number, Sort>> = {
  0x00: 'core func',
  0x01: 'core table',
  0x02: 'core memory',
  0x03: 'core global',
  0x04: 'core tag',
  0x10: 'core type',
  0x11: 'core module',
  0x12: 'core instance',
};

const SORTS: Readonly<Record<number, Sort>> = { 0x01: 'func', 0x02: 'value', 0x03: 'type', 0x04: 'component', 0x05: 'instance' };

export function readCoreSort(reader: Reader): Sort {
  const at = reader.at;
  const code = reader.u8('a sort');
  const sort = CORE_SORTS[code];
  if (sort === undefined) throw malformed(at, `the core sort ${hex(code)} does not exist`);
  return sort;
}

function readSort(reader: Reader): Sort {
  const at = reader.at;
  const code = reader.u8('a sort');
  if (code === 0) return readCoreSort(reader);
  const sort = SORTS[code];
  if (sort === undefined) throw malformed(at, `the sort ${hex(code)} does not exist`);
  return sort;
}

export function readReference(reader: Reader): Reference {
  return { sort: readSort(reader), index: reader.u32('an index') };
}

/** Names of imports and exports. The forms 0 and 1 were two kinds once, and mean the same now. */
export function readExternName(reader: Reader): string {
  const at = reader.at;
  const form = reader.u8('the form of a name');
  if (form > 1) throw malformed(at, `a name has the unknown form ${hex(form)}`);
  return reader.name('a name');
}

export function readDescription(reader: Reader): Description {
  const at = reader.at;
  const code = reader.u8('the kind of an import or export');
  switch (code) {
    case 0x00:
      throw refused(at, 'core modules as imports or exports', 'a component brings its own');
    case 0x01:
      return { sort: 'func', type: reader.u32('a type') };
    case 0x02:
      throw refused(at, 'values', 'they cannot be given to a component');
    case 0x03: {
      const bound = reader.at;
      const kind = reader.u8('the bound of a type');
      if (kind > 1) throw malformed(bound, `the bound ${hex(kind)} of a type does not exist`);
      return kind === 0 ? { sort: 'type', equals: reader.u32('a type') } : { sort: 'type', fresh: true };
    }
    case 0x04:
      return { sort: 'component', type: reader.u32('a type') };
    case 0x05:
      return { sort: 'instance', type: reader.u32('a type') };
    default:
      throw malformed(at, `an import or export is of the unknown kind ${hex(code)}`);
  }
}

export function readAlias(reader: Reader): Alias {
  const sort = readSort(reader);
  const at = reader.at;
  const code = reader.u8('the target of an alias');
  switch (code) {
    case 0x00:
      return { kind: 'alias', sort, target: { kind: 'export', instance: reader.u32('an instance'), name: reader.name('a name') } };
    case 0x01:
      return { kind: 'alias', sort, target: { kind: 'core export', instance: reader.u32('an instance'), name: reader.name('a name') } };
    case 0x02:
      return { kind: 'alias', sort, target: { kind: 'outer', count: reader.u32('a depth'), index: reader.u32('an index') } };
    default:
      throw malformed(at, `an alias has the unknown target ${hex(code)}`);
  }
}

/** Types of core functions may stand there; nothing that is run refers to one. */
export function readCoreType(reader: Reader): { readonly kind: 'core type' } {
  const at = reader.at;
  const code = reader.u8('a core type');
  if (code !== 0x60) throw refused(at, 'core types other than those of functions', `type ${hex(code)}`);
  for (const what of ['parameters', 'results']) reader.skip(reader.count(what, ANY), what);
  return { kind: 'core type' };
}

export function readTypeDefinition(reader: Reader, depth = 0): TypeDefinition {
  const at = reader.at;
  const code = reader.u8('a type');
  const primitive = PRIMITIVES[code];
  if (primitive !== undefined) return { kind: 'primitive', primitive };
  switch (code) {
    case 0x72:
      return { kind: 'record', fields: readLabelled(reader, 'fields') };
    case 0x71:
      return { kind: 'variant', cases: list(reader, 'cases', readCase) };
    case 0x70:
      return { kind: 'list', element: readValue(reader) };
    case 0x6f:
      return { kind: 'tuple', types: list(reader, 'types', readValue) };
    case 0x6e:
      return { kind: 'flags', names: list(reader, 'flags', readLabel) };
    case 0x6d:
      return { kind: 'enum', names: list(reader, 'cases', readLabel) };
    case 0x6b:
      return { kind: 'option', some: readValue(reader) };
    case 0x6a: {
      const ok = readOptional(reader);
      const err = readOptional(reader);
      return { kind: 'result', ...(ok === undefined ? {} : { ok }), ...(err === undefined ? {} : { err }) };
    }
    case 0x69:
      return { kind: 'own', resource: reader.u32('a resource') };
    case 0x68:
      return { kind: 'borrow', resource: reader.u32('a resource') };
    case 0x40:
      return readFunction(reader);
    case 0x41:
      return { kind: 'component', declarations: readDeclarations(reader, at, depth, true) };
    case 0x42:
      return { kind: 'instance', declarations: readDeclarations(reader, at, depth, false) };
    case 0x3f:
      return readResource(reader);
    default:
      if (REFUSED[code] !== undefined) throw refused(at, REFUSED[code], `type ${hex(code)}`);
      throw malformed(at, `the type ${hex(code)} does not exist`);
  }
}

function readFunction(reader: Reader): TypeDefinition {
  const params = readLabelled(reader, 'parameters');
  const at = reader.at;
  const form = reader.u8('the results of a function');
  if (form === 0) return { kind: 'func', params, result: readValue(reader) };
  if (form !== 1 || reader.u8('the results of a function') !== 0) throw refused(at, 'named results', 'a function gives one or none');
  return { kind: 'func', params };
}

function readResource(reader: Reader): TypeDefinition {
  const at = reader.at;
  if (reader.u8('the representation of a resource') !== 0x7f) throw malformed(at, 'a resource is not represented by an i32');
  const destructor = readOptional(reader, () => reader.u32('a destructor'));
  return { kind: 'resource', ...(destructor === undefined ? {} : { destructor }) };
}

function readDeclarations(reader: Reader, at: number, depth: number, mayImport: boolean): Declaration[] {
  if (depth >= MOST_NESTED_TYPES) throw malformed(at, `types are nested more than ${MOST_NESTED_TYPES} deep`);
  return list(reader, 'declarations', () => readDeclaration(reader, depth + 1, mayImport));
}

function readDeclaration(reader: Reader, depth: number, mayImport: boolean): Declaration {
  const at = reader.at;
  const code = reader.u8('a declaration');
  if (code === 0x00) return readCoreType(reader);
  if (code === 0x01) return { kind: 'type', type: readTypeDefinition(reader, depth) };
  if (code === 0x02) return readAlias(reader);
  if (code !== 0x04 && !(code === 0x03 && mayImport)) throw malformed(at, `the declaration ${hex(code)} does not exist`);
  return { kind: code === 0x03 ? 'import' : 'export', name: readExternName(reader), description: readDescription(reader) };
}

function readLabelled(reader: Reader, what: string): Labelled[] {
  return list(reader, what, () => ({ name: readLabel(reader), type: readValue(reader) }));
}

function readCase(reader: Reader): { readonly name: string; readonly type?: ValueRef } {
  const name = readLabel(reader);
  const type = readOptional(reader);
  const at = reader.at;
  if (reader.u8('the end of a case') !== 0) throw malformed(at, 'a case refines another');
  return type === undefined ? { name } : { name, type };
}

/** https://component-model.bytecodealliance.org/design/wit.html#identifiers. What names may be matters: they become keys of objects. */
const LABEL = /^(?:[a-z][0-9a-z]*|[A-Z][0-9A-Z]*)(?:-(?:[a-z0-9]+|[A-Z0-9]+))*$/;

function readLabel(reader: Reader): string {
  const at = reader.at;
  const label = reader.name('a label');
  if (!LABEL.test(label)) throw malformed(at, `a label is not in kebab-case`);
  return label;
}

/** 33 bits, signed: what is below zero is a primitive. */
function readValue(reader: Reader): ValueRef {
  const at = reader.at;
  const first = reader.bytes[at];
  if (first === undefined || first < 0x40 || first >= 0x80) return reader.u32('a type');
  const code = reader.u8('a type');
  const primitive = PRIMITIVES[code];
  if (primitive !== undefined) return primitive;
  throw REFUSED[code] === undefined
    ? malformed(at, `the type ${hex(code)} does not exist`)
    : refused(at, REFUSED[code], `type ${hex(code)}`);
}

function readOptional(reader: Reader): ValueRef | undefined;
function readOptional<T>(reader: Reader, read: () => T): T | undefined;
function readOptional(reader: Reader, read: () => unknown = () => readValue(reader)): unknown {
  const at = reader.at;
  const present = reader.u8('whether something follows');
  if (present > 1) throw malformed(at, 'something is neither there nor not');
  return present === 1 ? read() : undefined;
}

export function list<T>(reader: Reader, what: string, read: (reader: Reader) => T): T[] {
  const items: T[] = [];
  for (let left = reader.count(what, ANY); left > 0; left--) items.push(read(reader));
  return items;
}
