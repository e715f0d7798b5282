import { DocketError } from '../../errors.ts';
import { clip } from '../module/fault.ts';
import type { Codec } from './codec.ts';
import type { ResourceType } from './handles.ts';
import type { ComponentDefinition, Declaration, Sort } from './model.ts';
import type { CoreItem, CoreModule, Func, Signature } from './plan-model.ts';

/** What names in a component stand for while it is taken apart. */

export type TypeItem =
  | { readonly kind: 'value'; readonly codec: Codec }
  | { readonly kind: 'func'; readonly signature: Signature }
  | { readonly kind: 'instance' | 'component'; readonly declarations: readonly Declaration[]; readonly scope: Scope }
  | { readonly kind: 'resource'; readonly resource: ResourceType };

export interface Closure {
  readonly component: ComponentDefinition;
  readonly scope: Scope;
}

export type Exports = ReadonlyMap<string, Item>;

export type Item =
  | { readonly sort: 'func'; readonly func: Func }
  | { readonly sort: 'type'; readonly type: TypeItem }
  | { readonly sort: 'instance'; readonly exports: Exports }
  | { readonly sort: 'component'; readonly component: Closure };

/** What lies in the index space of a sort. */
interface Spaces {
  readonly func: Func[];
  readonly type: TypeItem[];
  readonly instance: Exports[];
  readonly component: Closure[];
  readonly 'core func': CoreItem[];
  readonly 'core table': CoreItem[];
  readonly 'core memory': CoreItem[];
  readonly 'core global': CoreItem[];
  readonly 'core tag': CoreItem[];
  readonly 'core module': CoreModule[];
  readonly 'core instance': ReadonlyMap<string, CoreItem>[];
}

export type SpaceSort = keyof Spaces;

export const CORE_KINDS = {
  'core func': 'function',
  'core table': 'table',
  'core memory': 'memory',
  'core global': 'global',
  'core tag': 'tag',
} as const;

/** A component instance, or the type of one, with the index spaces that its definitions fill. */
export class Scope {
  readonly parent: Scope | undefined;
  /** Number of the component instance. */
  readonly instance: number;
  readonly #spaces: Spaces = {
    func: [],
    type: [],
    instance: [],
    component: [],
    'core func': [],
    'core table': [],
    'core memory': [],
    'core global': [],
    'core tag': [],
    'core module': [],
    'core instance': [],
  };

  constructor(parent: Scope | undefined, instance: number) {
    this.parent = parent;
    this.instance = instance;
  }

  get<S extends SpaceSort>(sort: S, index: number): Spaces[S][number] {
    const found = this.#spaces[sort][index];
    if (found === undefined) throw invalid(`there is no ${sort} ${index} in the component`);
    return found;
  }

  add<S extends SpaceSort>(sort: S, value: Spaces[S][number]): void {
    (this.#spaces[sort] as Spaces[S][number][]).push(value);
  }

  addItem(item: Item): void {
    if (item.sort === 'func') this.add('func', item.func);
    else if (item.sort === 'type') this.add('type', item.type);
    else if (item.sort === 'instance') this.add('instance', item.exports);
    else this.add('component', item.component);
  }

  item(sort: Sort, index: number): Item {
    switch (sort) {
      case 'func':
        return { sort, func: this.get(sort, index) };
      case 'type':
        return { sort, type: this.get(sort, index) };
      case 'instance':
        return { sort, exports: this.get(sort, index) };
      case 'component':
        return { sort, component: this.get(sort, index) };
      default:
        throw invalid(`a ${sort} stands where something of a component is expected`);
    }
  }

  outer(count: number): Scope {
    if (count === 0) return this;
    if (this.parent === undefined) throw invalid('an alias points out of the component');
    return this.parent.outer(count - 1);
  }
}

export function invalid(what: string, details: { readonly [key: string]: string | string[] } = {}): DocketError {
  const next = 'docs/sandbox.md says what components may be and what they may import.';
  return new DocketError('MODULE_INVALID', what, { next, details: { component: true, ...details } });
}

export function named(name: string): string {
  return JSON.stringify(clip(name));
}
