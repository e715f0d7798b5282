import { clip, hex, malformed } from '../../module/fault.ts';
import type { Reader } from '../../module/reader.ts';
import {
  type ComponentShape,
  countOf,
  define,
  emptyScope,
  type Entities,
  type Entity,
  named,
  type Scope,
  type TypeEntry,
} from './entity.ts';
import { addNamed, externName } from './names.ts';
import { functionShape, present, typeAt, valueType } from './read-type.ts';

/** What components, and the types of components and instances, declare: types, aliases, imports and exports. */

/** Ours: how deep components, and types of components and instances, lie within each other. */
export const MOST_NESTED = 32;
const MOST_DECLARATIONS = 100_000;

const CORE = 0x00;
const FUNC = 0x01;
const VALUE = 0x02;
const TYPE = 0x03;
const COMPONENT = 0x04;
const INSTANCE = 0x05;
const CORE_MODULE = 0x11;

/** A type definition; gives it the next index. */
export function typeDefinition(reader: Reader, scope: Scope, nested: number): void {
  scope.types.push(definition(reader, scope, nested));
}

function definition(reader: Reader, scope: Scope, nested: number): TypeEntry {
  const offset = reader.at;
  const code = reader.u8('a type');
  if (code === 0x40 || code === 0x43) return { is: 'func', func: functionShape(reader, scope, code === 0x43) };
  if (code === 0x41 || code === 0x42) {
    if (nested >= MOST_NESTED) throw malformed(offset, `types nest more than ${MOST_NESTED} deep`);
    const inner = declarations(reader, emptyScope(scope, scope.census), nested + 1, code === 0x41);
    return code === 0x41 ? { is: 'component', shape: inner } : { is: 'instance', exports: inner.exports };
  }
  if (code === 0x3f || code === 0x3e) return resource(reader, code);
  return valueType(reader, scope, code);
}

/** Its representation and what is called when a handle is dropped. */
function resource(reader: Reader, code: number): TypeEntry {
  reader.u8('the representation of a resource');
  if (code === 0x3e) reader.u32('the destructor of a resource');
  if (present(reader, 'the destructor of a resource')) reader.u32('the destructor of a resource');
  return { is: 'resource' };
}

function declarations(reader: Reader, scope: Scope, nested: number, isComponent: boolean): ComponentShape {
  for (let left = countOf(reader, scope, 'declarations', MOST_DECLARATIONS); left > 0; left--) {
    const offset = reader.at;
    const kind = reader.u8('a declaration');
    if (kind === 0x01) typeDefinition(reader, scope, nested);
    else if (kind === 0x02) alias(reader, scope);
    else if (kind === 0x03 && isComponent) importDeclaration(reader, scope);
    else if (kind === 0x04) exportDeclaration(reader, scope);
    else if (kind === 0x00) throw malformed(offset, 'the type of a component or instance declares a core type, which is not let in');
    else throw malformed(offset, `a declaration is of unknown kind ${hex(kind)}`);
  }
  return scope;
}

export function importDeclaration(reader: Reader, scope: Scope): void {
  const offset = reader.at;
  const name = externName(reader, 'an import');
  const entity = named(described(reader, scope, `import ${JSON.stringify(clip(name))}`), name);
  addNamed(scope.imports, name, entity, offset);
  define(scope, entity);
}

function exportDeclaration(reader: Reader, scope: Scope): void {
  const offset = reader.at;
  const name = externName(reader, 'an export');
  const entity = named(described(reader, scope, `export ${JSON.stringify(clip(name))}`), name);
  addNamed(scope.exports, name, entity, offset);
  define(scope, entity);
}

/** The export of a component names one of its items, and may say as what type. */
export function exportDefinition(reader: Reader, scope: Scope): void {
  const offset = reader.at;
  const name = externName(reader, 'an export');
  const what = `export ${JSON.stringify(clip(name))}`;
  const item = itemAt(reader, scope, what);
  const entity = named(present(reader, `the type of ${what}`) ? described(reader, scope, what) : item, name);
  if (entity.sort !== item.sort) throw malformed(offset, `${what} is a ${item.sort} said to be a ${entity.sort}`);
  addNamed(scope.exports, name, entity, offset);
  define(scope, entity);
}

/** An item described by its type. */
function described(reader: Reader, scope: Scope, what: string): Entity {
  const offset = reader.at;
  const sort = reader.u8(what);
  if (sort === CORE) return moduleDescribed(reader, what);
  if (sort === VALUE) throw malformed(offset, `${what} is a value, which is not let in`);
  if (sort === TYPE) return typeDescribed(reader, scope, what);
  const entry = typeAt(reader, scope, what);
  if (sort === FUNC && entry.is === 'func') return { sort: 'func', func: entry.func };
  if (sort === COMPONENT && entry.is === 'component') return { sort: 'component', shape: entry.shape };
  if (sort === INSTANCE && entry.is === 'instance') return { sort: 'instance', exports: entry.exports };
  throw malformed(offset, `${what} is of sort ${hex(sort)}, its type is not`);
}

function moduleDescribed(reader: Reader, what: string): Entity {
  const offset = reader.at;
  if (reader.u8(what) !== CORE_MODULE) throw malformed(offset, `${what} is a core item other than a module`);
  reader.u32(`the type of ${what}`);
  return { sort: 'module' };
}

function typeDescribed(reader: Reader, scope: Scope, what: string): Entity {
  const offset = reader.at;
  const bound = reader.u8(`the bound of ${what}`);
  if (bound === 0x00) return { sort: 'type', type: typeAt(reader, scope, what) };
  if (bound === 0x01) return { sort: 'type', type: { is: 'resource' } };
  throw malformed(offset, `the bound of ${what} is of unknown kind ${hex(bound)}`);
}

/** An item named by its sort and index. */
export function itemAt(reader: Reader, scope: Scope, what: string): Entity {
  const offset = reader.at;
  const sort = reader.u8(what);
  if (sort === CORE) {
    const core = reader.u8(what);
    reader.u32(`the index of ${what}`);
    if (core !== CORE_MODULE) throw malformed(offset, `${what} is a core item other than a module`);
    return { sort: 'module' };
  }
  const index = reader.u32(`the index of ${what}`);
  const found = indexed(scope, sort, index);
  if (found === undefined) throw malformed(offset, `${what} is of sort ${hex(sort)}, number ${index}, which is not there`);
  return found;
}

function indexed(scope: Scope, sort: number, index: number): Entity | undefined {
  const func = sort === FUNC ? scope.funcs[index] : undefined;
  if (func !== undefined) return { sort: 'func', func };
  const type = sort === TYPE ? scope.types[index] : undefined;
  if (type !== undefined) return { sort: 'type', type };
  const shape = sort === COMPONENT ? scope.components[index] : undefined;
  if (shape !== undefined) return { sort: 'component', shape };
  const exports = sort === INSTANCE ? scope.instances[index] : undefined;
  return exports === undefined ? undefined : { sort: 'instance', exports };
}

const OF_INSTANCE = 0x00;
const OF_CORE_INSTANCE = 0x01;
const OF_OUTER = 0x02;

/** Another name for an item of an instance or of a scope around this one. */
export function alias(reader: Reader, scope: Scope): void {
  const sort = reader.u8('an alias');
  const core = sort === CORE ? reader.u8('an alias') : undefined;
  const offset = reader.at;
  const target = reader.u8('the target of an alias');
  if (target === OF_CORE_INSTANCE && core !== undefined) {
    reader.u32('the core instance of an alias');
    reader.name('the name of an alias');
  } else if (target === OF_INSTANCE) define(scope, ofInstance(reader, scope, sort));
  else if (target === OF_OUTER) define(scope, ofOuter(reader, scope, sort));
  else throw malformed(offset, `the target of an alias is of unknown kind ${hex(target)}`);
}

const SORTS: Readonly<Record<number, Entity['sort']>> = {
  [CORE]: 'module',
  [FUNC]: 'func',
  [TYPE]: 'type',
  [COMPONENT]: 'component',
  [INSTANCE]: 'instance',
};

function ofInstance(reader: Reader, scope: Scope, sort: number): Entity {
  const offset = reader.at;
  const index = reader.u32('the instance of an alias');
  const name = reader.name('the name of an alias');
  const exports: Entities | undefined = scope.instances[index];
  if (exports === undefined) throw malformed(offset, `an alias is into instance ${index} of ${scope.instances.length}`);
  const found = exports.get(name);
  if (found === undefined || found.sort !== SORTS[sort])
    throw malformed(offset, `an alias names ${JSON.stringify(clip(name))}, which the instance lacks`);
  return found;
}

function ofOuter(reader: Reader, scope: Scope, sort: number): Entity {
  const offset = reader.at;
  const levels = reader.u32('the scope of an alias');
  const index = reader.u32('the index of an alias');
  if (sort === CORE) return { sort: 'module' };
  let outer: Scope | undefined = scope;
  for (let left = levels; left > 0 && outer !== undefined; left--) outer = outer.parent;
  const found = outer === undefined || (sort !== TYPE && sort !== COMPONENT) ? undefined : indexed(outer, sort, index);
  if (found === undefined)
    throw malformed(offset, `an alias names sort ${hex(sort)}, number ${index}, ${levels} scopes out, which is not there`);
  return found;
}
