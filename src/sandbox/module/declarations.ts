import { addImport, type Draft } from './draft.ts';
import { constExpression } from './const-expression.ts';
import { clip, hex, malformed, refused } from './fault.ts';
import {
  EXCEPTIONS,
  MULTI_MEMORY,
  MULTI_VALUE,
  MUTABLE_GLOBALS,
  REFERENCE_TYPES,
  STORED_EXCEPTIONS,
  THREADS,
  TYPED_REFERENCES,
} from './feature.ts';
import type { ExternType, FunctionType, GlobalType, MemoryType, TableType, ValueType } from './model.ts';
import type { Reader } from './reader.ts';
import { badType, elementType, limits, storedType, typeBits, valueType } from './value-type.ts';

/** Sections that declare types and index spaces: https://webassembly.github.io/spec/core/binary/modules.html. */

/** V8's own bounds (`wasm-limits.h`); beyond them it would refuse anyway, and a small file may not make us build millions of objects. */
const MOST_TYPES = 1_000_000;
const MOST_FUNCTIONS = 1_000_000;
const MOST_GLOBALS = 1_000_000;
const MOST_VALUES = 1_000;
/** Ours: what links a module to its host is a list for people too. */
const MOST_LINKS = 100_000;
/** Ours: growing 90 tables at once has brought down a whole process. */
const MOST_TABLES = 16;
const MOST_TAGS = 1_000;
/** Ours: an exception on the stack holds its payload outside of the memory limit, so a payload is kept small. */
const MOST_PAYLOAD = 16;
/** Pages of a 32-bit memory. */
export const MOST_PAGES = 65_536;
const MOST_ENTRIES = 2 ** 32 - 1;

export function typeSection(reader: Reader, draft: Draft): void {
  for (let left = reader.count('types', MOST_TYPES); left > 0; left--) {
    const offset = reader.at;
    const form = reader.u8('a type');
    if (form !== 0x60) throw badType(form, offset, 'an entry of the type section');
    const params = valueTypes(reader, draft, 'a parameter');
    const results = valueTypes(reader, draft, 'a result');
    if (results.length > 1) draft.features |= MULTI_VALUE;
    draft.types.push({ params, results });
  }
}

const NOTHING: readonly ValueType[] = [];

function valueTypes(reader: Reader, draft: Draft, what: string): readonly ValueType[] {
  const count = reader.count(`types of ${what}`, MOST_VALUES);
  if (count === 0) return NOTHING;
  const types: ValueType[] = [];
  for (let i = 0; i < count; i++) {
    draft.features |= typeBits(reader.bytes[reader.at] as number);
    types.push(valueType(reader, what));
  }
  return types;
}

export function importSection(reader: Reader, draft: Draft): void {
  for (let left = reader.count('imports', MOST_LINKS); left > 0; left--) {
    const name = { module: reader.name('the module of an import'), name: reader.name('the name of an import') };
    const offset = reader.at;
    const type = externType(reader, draft, `import "${clip(name.module)}" "${clip(name.name)}"`);
    if (type.kind === 'memory' && draft.memory !== undefined) throw refused(offset, MULTI_MEMORY, 'a second memory is imported');
    addImport(draft, name, type);
    if (type.kind === 'table') checkTables(draft, offset);
  }
}

function externType(reader: Reader, draft: Draft, what: string): ExternType {
  const offset = reader.at;
  const kind = reader.u8(what);
  switch (kind) {
    case 0:
      return { kind: 'function', type: functionType(reader, draft, what) };
    case 1:
      return { kind: 'table', type: tableType(reader, draft, what) };
    case 2:
      return { kind: 'memory', type: memoryType(reader, what) };
    case 3: {
      const type = globalType(reader, draft, what);
      if (type.mutable) draft.features |= MUTABLE_GLOBALS;
      return { kind: 'global', type };
    }
    case 4:
      return { kind: 'tag', type: tagType(reader, draft, what) };
    default:
      throw malformed(offset, `${what} is of unknown kind ${hex(kind)}`);
  }
}

function functionType(reader: Reader, draft: Draft, what: string): FunctionType {
  const offset = reader.at;
  const index = reader.u32(`the type of ${what}`);
  const type = draft.types[index];
  if (type === undefined) throw malformed(offset, `${what} has type ${index} of ${draft.types.length}`);
  return type;
}

function tableType(reader: Reader, draft: Draft, what: string): TableType {
  const offset = reader.at;
  if (reader.bytes[offset] === 0x40) throw refused(offset, TYPED_REFERENCES, `${what} gives its entries an initial value`);
  const element = elementType(reader, what);
  if (element !== 'funcref') draft.features |= REFERENCE_TYPES;
  return { element, ...limits(reader, what, MOST_ENTRIES) };
}

function memoryType(reader: Reader, what: string): MemoryType {
  return limits(reader, what, MOST_PAGES);
}

function globalType(reader: Reader, draft: Draft, what: string): GlobalType {
  draft.features |= typeBits(reader.bytes[reader.at] as number);
  const value = storedType(reader, what);
  const offset = reader.at;
  const flags = reader.u8(what);
  if (flags === 2 || flags === 3) throw refused(offset, THREADS, `${what} is shared`);
  if (flags > 1) throw malformed(offset, `${what} has mutability ${hex(flags)}`);
  return { value, mutable: flags === 1 };
}

function tagType(reader: Reader, draft: Draft, what: string): FunctionType {
  const offset = reader.at;
  const attribute = reader.u8(what);
  if (attribute !== 0) throw malformed(offset, `${what} has attribute ${hex(attribute)}`);
  const type = functionType(reader, draft, what);
  if (type.params.includes('exnref')) throw refused(offset, STORED_EXCEPTIONS, `${what} carries one`);
  if (type.params.length > MOST_PAYLOAD)
    throw malformed(offset, `${what} carries ${type.params.length} values, ${MOST_PAYLOAD} are allowed`);
  draft.features |= EXCEPTIONS;
  return type;
}

export function functionSection(reader: Reader, draft: Draft): void {
  draft.declared = reader.count('functions', MOST_FUNCTIONS);
  for (let left = draft.declared; left > 0; left--) draft.functions.push(functionType(reader, draft, 'a function'));
}

export function tableSection(reader: Reader, draft: Draft): void {
  for (let left = reader.count('tables', MOST_ENTRIES); left > 0; left--) {
    const offset = reader.at;
    draft.tables.push(tableType(reader, draft, 'a table'));
    checkTables(draft, offset);
  }
}

function checkTables(draft: Draft, offset: number): void {
  if (draft.tables.length > MOST_TABLES) throw malformed(offset, `the module has more than ${MOST_TABLES} tables`);
  if (draft.tables.length > 1) draft.features |= REFERENCE_TYPES;
}

export function memorySection(reader: Reader, draft: Draft): void {
  const offset = reader.at;
  const count = reader.count('memories', MOST_ENTRIES);
  if (count + (draft.memory === undefined ? 0 : 1) > 1) throw refused(offset, MULTI_MEMORY, 'a second memory is declared');
  if (count === 1) draft.memory = memoryType(reader, 'the memory');
}

export function tagSection(reader: Reader, draft: Draft): void {
  for (let left = reader.count('tags', MOST_TAGS); left > 0; left--) draft.tags.push(tagType(reader, draft, 'a tag'));
}

export function globalSection(reader: Reader, draft: Draft): void {
  for (let left = reader.count('globals', MOST_GLOBALS); left > 0; left--) {
    draft.globals.push(globalType(reader, draft, 'a global'));
    draft.features |= constExpression(reader, 'the value of a global');
  }
}

export function exportSection(reader: Reader, draft: Draft): void {
  const names = new Set<string>();
  for (let left = reader.count('exports', MOST_LINKS); left > 0; left--) {
    const offset = reader.at;
    const name = reader.name('the name of an export');
    if (names.has(name)) throw malformed(offset, `two exports are named "${clip(name)}"`);
    names.add(name);
    draft.exports.push({ name, ...exported(reader, draft, `export "${clip(name)}"`) });
  }
}

function exported(reader: Reader, draft: Draft, what: string): ExternType {
  const offset = reader.at;
  const kind = reader.u8(what);
  const index = reader.u32(`the index of ${what}`);
  const found = exportedAt(draft, kind, index);
  if (found === undefined) throw malformed(offset, `${what} names kind ${hex(kind)}, number ${index}, which the module does not have`);
  if (found.kind === 'global' && found.type.mutable) draft.features |= MUTABLE_GLOBALS;
  return found;
}

function exportedAt(draft: Draft, kind: number, index: number): ExternType | undefined {
  const functionOrTag = kind === 0 ? draft.functions[index] : kind === 4 ? draft.tags[index] : undefined;
  if (functionOrTag !== undefined) return { kind: kind === 0 ? 'function' : 'tag', type: functionOrTag };
  const global = kind === 3 ? draft.globals[index] : undefined;
  if (global !== undefined) return { kind: 'global', type: global };
  const table = kind === 1 ? draft.tables[index] : undefined;
  if (table !== undefined) return { kind: 'table', type: { element: table.element, ...bounds(table) } };
  if (kind !== 2 || index !== 0 || draft.memory === undefined) return undefined;
  return { kind: 'memory', type: bounds(draft.memory) };
}

function bounds({ initial, maximum }: MemoryType): MemoryType {
  return maximum === undefined ? { initial } : { initial, maximum };
}
