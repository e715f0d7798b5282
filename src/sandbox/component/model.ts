import type { WitPrimitive } from '../wit/model.ts';

/**
 * A component as it stands in its binary: definitions in order, which name earlier ones by their index in the space of their sort.
 * Format: https://github.com/WebAssembly/component-model/blob/main/design/mvp/Binary.md
 */

export type Sort =
  | 'core func'
  | 'core table'
  | 'core memory'
  | 'core global'
  | 'core tag'
  | 'core type'
  | 'core module'
  | 'core instance'
  | 'func'
  | 'value'
  | 'type'
  | 'component'
  | 'instance';

export interface Reference {
  readonly sort: Sort;
  readonly index: number;
}

export type Named = Reference & { readonly name: string };

/** A type where a value's type stands: a primitive, or the index of a type. */
export type ValueRef = WitPrimitive | number;

export interface Labelled {
  readonly name: string;
  readonly type: ValueRef;
}

export type TypeDefinition =
  | { readonly kind: 'primitive'; readonly primitive: WitPrimitive }
  | { readonly kind: 'record'; readonly fields: readonly Labelled[] }
  | { readonly kind: 'variant'; readonly cases: readonly { readonly name: string; readonly type?: ValueRef }[] }
  | { readonly kind: 'list'; readonly element: ValueRef }
  | { readonly kind: 'tuple'; readonly types: readonly ValueRef[] }
  | { readonly kind: 'flags' | 'enum'; readonly names: readonly string[] }
  | { readonly kind: 'option'; readonly some: ValueRef }
  | { readonly kind: 'result'; readonly ok?: ValueRef; readonly err?: ValueRef }
  | { readonly kind: 'own' | 'borrow'; readonly resource: number }
  | { readonly kind: 'func'; readonly params: readonly Labelled[]; readonly result?: ValueRef }
  | { readonly kind: 'instance' | 'component'; readonly declarations: readonly Declaration[] }
  | { readonly kind: 'resource'; readonly destructor?: number };

/** What an import or export is declared to be. */
export type Description =
  | { readonly sort: 'func' | 'instance' | 'component'; readonly type: number }
  | { readonly sort: 'type'; readonly equals: number }
  | { readonly sort: 'type'; readonly fresh: true };

export type AliasTarget =
  | { readonly kind: 'export' | 'core export'; readonly instance: number; readonly name: string }
  | { readonly kind: 'outer'; readonly count: number; readonly index: number };

export interface Alias {
  readonly kind: 'alias';
  readonly sort: Sort;
  readonly target: AliasTarget;
}

/** What stands inside of the type of an instance or a component. */
export type Declaration =
  | { readonly kind: 'type'; readonly type: TypeDefinition }
  | { readonly kind: 'core type' }
  | Alias
  | { readonly kind: 'import' | 'export'; readonly name: string; readonly description: Description };

export type TextEncoding = 'utf8' | 'utf16' | 'latin1+utf16';

export interface CanonOptions {
  readonly text: TextEncoding;
  /** Indices of core functions and of a core memory. */
  readonly memory?: number;
  readonly realloc?: number;
  readonly postReturn?: number;
}

export type Canon =
  | { readonly op: 'lift'; readonly core: number; readonly options: CanonOptions; readonly type: number }
  | { readonly op: 'lower'; readonly func: number; readonly options: CanonOptions }
  | { readonly op: 'resource.new' | 'resource.drop' | 'resource.rep'; readonly resource: number };

export type Definition =
  | { readonly kind: 'core module'; readonly bytes: Uint8Array }
  | {
      readonly kind: 'core instantiate';
      readonly module: number;
      readonly args: readonly { readonly name: string; readonly index: number }[];
    }
  | { readonly kind: 'core bundle'; readonly items: readonly Named[] }
  | { readonly kind: 'core type' }
  | { readonly kind: 'component'; readonly component: ComponentDefinition }
  | { readonly kind: 'instantiate'; readonly component: number; readonly args: readonly Named[] }
  | { readonly kind: 'bundle'; readonly items: readonly Named[] }
  | Alias
  | { readonly kind: 'type'; readonly type: TypeDefinition }
  | ({ readonly kind: 'canon' } & Canon)
  | { readonly kind: 'import'; readonly name: string; readonly description: Description }
  | ({ readonly kind: 'export' } & Named);

export interface ComponentDefinition {
  readonly definitions: readonly Definition[];
}
