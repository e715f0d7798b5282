/**
 * WIT types and worlds as data (https://component-model.bytecodealliance.org/design/wit.html). Type names and aliases are resolved: a type
 * is whole in itself. Types never refer to themselves, so a walk over one ends; how large one may be is bounded where it is read (`world.ts`).
 */

export type WitInteger = 'u8' | 'u16' | 'u32' | 'u64' | 's8' | 's16' | 's32' | 's64';
export type WitPrimitive = 'bool' | WitInteger | 'f32' | 'f64' | 'char' | 'string';

export interface WitField {
  readonly name: string;
  readonly type: WitType;
}

export interface WitCase {
  readonly name: string;
  readonly type?: WitType;
}

/** What values of can be passed. `name` is the one it has in WIT, where it has one. */
export type WitValueType =
  | { [K in WitPrimitive]: { readonly kind: K } }[WitPrimitive]
  | { readonly kind: 'list'; readonly element: WitType }
  | { readonly kind: 'record'; readonly fields: readonly WitField[]; readonly name?: string }
  | { readonly kind: 'tuple'; readonly types: readonly WitType[] }
  | { readonly kind: 'variant'; readonly cases: readonly WitCase[]; readonly name?: string }
  | { readonly kind: 'enum'; readonly names: readonly string[]; readonly name?: string }
  | { readonly kind: 'flags'; readonly names: readonly string[]; readonly name?: string }
  | { readonly kind: 'option'; readonly some: WitType }
  | { readonly kind: 'result'; readonly ok?: WitType; readonly err?: WitType };

/** What has no value outside of a running component: a function that takes or gives one, however deep, cannot be called, and says so by this kind. */
export type WitHandleType =
  | { readonly kind: 'own' | 'borrow'; readonly resource: string }
  | { readonly kind: 'resource'; readonly name: string }
  | { readonly kind: 'future' | 'stream'; readonly element?: WitType }
  | { readonly kind: 'error-context' }
  /** Of component model proposals that are not run: `map<…>`, lists of fixed length. `text` is its WIT text. */
  | { readonly kind: 'proposed'; readonly text: string };

export type WitType = WitValueType | WitHandleType;

export interface WitFunction {
  /** As WIT has it: kebab-case; methods as `[method]resource.name`. */
  readonly name: string;
  readonly params: readonly WitField[];
  /** Absent where it gives nothing. */
  readonly result?: WitType;
  /** Declared `async`: cannot be called. */
  readonly async?: true;
}

/** What is imported or exported: one function, or an interface (an instance) with its functions. Types are not listed. */
export type WitItem =
  | { readonly name: string; readonly func: WitFunction }
  /** `ns:package/interface@1.0.0`, or a plain name. */
  | { readonly name: string; readonly interface: readonly WitFunction[] };

export interface WitWorld {
  readonly imports: readonly WitItem[];
  readonly exports: readonly WitItem[];
}
