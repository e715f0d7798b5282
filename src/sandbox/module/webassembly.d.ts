/**
 * The WebAssembly JavaScript interface as far as Docket uses it (https://webassembly.github.io/spec/js-api/). TypeScript has it only in its
 * `dom` library, whose other globals must not look usable here.
 */
declare namespace WebAssembly {
  type Kind = 'function' | 'table' | 'memory' | 'global' | 'tag';
  type Value = unknown;
  type ExportValue = ((...args: never[]) => unknown) | Memory | Table | Global;
  type Imports = Record<string, Record<string, ExportValue>>;
  type Exports = Record<string, ExportValue>;

  function validate(bytes: Uint8Array): boolean;
  function compile(bytes: Uint8Array): Promise<Module>;

  class Module {
    constructor(bytes: Uint8Array);
    static exports(module: Module): { name: string; kind: Kind }[];
    static imports(module: Module): { module: string; name: string; kind: Kind }[];
    static customSections(module: Module, name: string): ArrayBuffer[];
  }

  class Instance {
    constructor(module: Module, imports?: Imports);
    readonly exports: Exports;
  }

  /** Sizes in pages of 64 KiB. */
  class Memory {
    constructor(type: { initial: number; maximum?: number });
    readonly buffer: ArrayBuffer;
    grow(pages: number): number;
  }

  class Table {
    constructor(type: { element: 'anyfunc' | 'externref'; initial: number; maximum?: number });
    readonly length: number;
    grow(entries: number, value?: unknown): number;
  }

  class Global {
    constructor(type: { value: string; mutable?: boolean }, value?: Value);
    value: Value;
  }

  class CompileError extends Error {}
  class LinkError extends Error {}
  class RuntimeError extends Error {}
  /** What `throw` in a guest throws. */
  class Exception extends Error {}
}
