/** What a core module declares, as plain data. Counts of memory are in pages of 64 KiB. */

/** Format: https://webassembly.github.io/spec/core/binary/types.html, the types that are let in. */
export type ValueType = 'i32' | 'i64' | 'f32' | 'f64' | 'v128' | 'funcref' | 'externref' | 'exnref';

export interface FunctionType {
  readonly params: readonly ValueType[];
  readonly results: readonly ValueType[];
}

/** Entries; without `maximum` the module sets itself no bound. */
export interface TableType {
  readonly element: 'funcref' | 'externref';
  readonly initial: number;
  readonly maximum?: number;
}

/** Pages of 64 KiB. */
export interface MemoryType {
  readonly initial: number;
  readonly maximum?: number;
}

export interface GlobalType {
  readonly value: ValueType;
  readonly mutable: boolean;
}

/** The type of a tag is that of its payload: parameters only. */
export type ExternType =
  | { readonly kind: 'function'; readonly type: FunctionType }
  | { readonly kind: 'table'; readonly type: TableType }
  | { readonly kind: 'memory'; readonly type: MemoryType }
  | { readonly kind: 'global'; readonly type: GlobalType }
  | { readonly kind: 'tag'; readonly type: FunctionType };

export interface ImportName {
  readonly module: string;
  readonly name: string;
}

export type ModuleImport = ImportName & ExternType;
export type ModuleExport = { readonly name: string } & ExternType;

export interface ModuleInfo {
  /** In the order of the binary. */
  readonly imports: readonly ModuleImport[];
  readonly exports: readonly ModuleExport[];
  /** Undefined: the module has no memory at all. */
  readonly memory: (MemoryType & { readonly imported?: ImportName }) | undefined;
  /** Imported ones first, as in the index space. */
  readonly tables: readonly (TableType & { readonly imported?: ImportName })[];
  /** Imported and defined. */
  readonly globals: number;
  /** Functions with a body. */
  readonly functions: number;
  /** Whether instantiating it runs code. */
  readonly start: boolean;
  /** Has a custom section `component-type…`: a core module made to be wrapped as a component. */
  readonly hasComponentType: boolean;
  /** From the name section, if it has one that can be read. */
  readonly names: { readonly module?: string; readonly functions: number } | undefined;
  /** What it uses beyond the first version of WebAssembly, in the words of `feature.ts`, sorted. */
  readonly features: readonly string[];
}
