import { malformed } from '../../module/fault.ts';
import type { Reader } from '../../module/reader.ts';
import type { WitFunction, WitType } from '../model.ts';

/** What the index spaces of a component hold, as far as its world can depend on it: core items are not kept. */

export type FunctionShape = Omit<WitFunction, 'name'>;

export type Entity =
  | { readonly sort: 'func'; readonly func: FunctionShape }
  | { readonly sort: 'type'; readonly type: TypeEntry }
  | { readonly sort: 'instance'; readonly exports: Entities }
  | { readonly sort: 'component'; readonly shape: ComponentShape }
  | { readonly sort: 'module' | 'value' };

/** By name, in the order of the binary. Shared, never changed once read. */
export type Entities = ReadonlyMap<string, Entity>;

export interface ComponentShape {
  readonly imports: Entities;
  readonly exports: Entities;
}

/** A type of values, with how many types it is made of, shared ones counted as often as they stand in it, and how deep they nest. */
export interface ValueEntry {
  readonly is: 'value';
  readonly type: WitType;
  readonly size: number;
  readonly depth: number;
}

export type TypeEntry =
  | ValueEntry
  | { readonly is: 'func'; readonly func: FunctionShape }
  | { readonly is: 'instance'; readonly exports: Entities }
  | { readonly is: 'component'; readonly shape: ComponentShape }
  | { readonly is: 'resource'; readonly name?: string };

/** The index spaces of a component, or of the type of one or of an instance, while it is read. */
export interface Scope {
  /** `undefined` for the outermost. */
  readonly parent: Scope | undefined;
  readonly types: TypeEntry[];
  readonly funcs: FunctionShape[];
  readonly instances: Entities[];
  readonly components: ComponentShape[];
  readonly imports: Map<string, Entity>;
  readonly exports: Map<string, Entity>;
  /** Shared by all scopes of one binary. */
  readonly census: Census;
}

/** How much more may be read: definitions, their parts and their names each count as one. Real components have some thousands. */
export interface Census {
  left: number;
}

/** Ours: what is read lies in memory, at a few hundred bytes for a byte or two of the binary. */
export const MOST_READ = 200_000;

export function emptyScope(parent: Scope | undefined, census: Census): Scope {
  return { parent, types: [], funcs: [], instances: [], components: [], imports: new Map(), exports: new Map(), census };
}

/** How many items follow, which are counted as read. */
export function countOf(reader: Reader, { census }: Pick<Scope, 'census'>, what: string, most: number): number {
  const offset = reader.at;
  const count = reader.count(what, most);
  census.left -= count;
  if (census.left < 0) throw malformed(offset, `its types and names are more than the ${MOST_READ} allowed`);
  return count;
}

/** Gives an entity the next index of its sort. */
export function define(scope: Scope, entity: Entity): void {
  if (entity.sort === 'func') scope.funcs.push(entity.func);
  else if (entity.sort === 'type') scope.types.push(entity.type);
  else if (entity.sort === 'instance') scope.instances.push(entity.exports);
  else if (entity.sort === 'component') scope.components.push(entity.shape);
}

/** A type exported or imported under a name is called so from there on. */
export function named(entity: Entity, name: string): Entity {
  if (entity.sort !== 'type') return entity;
  const { type: entry } = entity;
  if (entry.is === 'resource') return { sort: 'type', type: { is: 'resource', name } };
  if (entry.is !== 'value') return entity;
  const { kind } = entry.type;
  if (kind !== 'record' && kind !== 'variant' && kind !== 'enum' && kind !== 'flags') return entity;
  return { sort: 'type', type: { ...entry, type: { ...entry.type, name } } };
}
