import type { Ipld, IpldMap } from '../../ipld/value.ts';
import type { Branch } from '../model.ts';

/** A workflow file after reading: checked in itself, names and templates not yet filled in. `at` is an offset in the text. */
export interface WorkflowFile {
  readonly name: string | undefined;
  readonly inputs: ReadonlyMap<string, Parameter>;
  readonly tasks: ReadonlyMap<string, TaskSpec>;
  readonly outputs: readonly OutputSpec[];
}

/** One of `inputs`. Its `type` is written out or that of its default, else a string. */
export interface Parameter {
  readonly type: 'string' | 'integer' | 'number' | 'boolean';
  readonly fallback: Ipld | undefined;
  readonly description: string | undefined;
}

/** Text with `${…}` in it. `parts` has no refs if it is plain. */
export interface Template {
  readonly at: number;
  readonly parts: readonly (string | Ref)[];
}

export type Ref =
  | { readonly kind: 'input'; readonly name: string }
  | { readonly kind: 'item'; readonly key: string | undefined }
  | { readonly kind: 'index' };

export interface TaskSpec {
  readonly name: string;
  readonly at: number;
  readonly shape: Shape;
  readonly module: ModuleSpec;
  readonly body: WasiBody | WasmBody;
  readonly meta: IpldMap;
  readonly nonce: Template | undefined;
}

export interface ModuleSpec {
  /** What is written as a path may be a URL too. */
  readonly kind: 'path' | 'url' | 'cid';
  readonly text: Template;
  /** Of a web URL: `sha256-…`. */
  readonly integrity?: Template | undefined;
}

export type Shape =
  | { readonly kind: 'single' }
  | { readonly kind: 'glob'; readonly pattern: Template }
  | { readonly kind: 'list'; readonly items: readonly Data[] }
  | { readonly kind: 'pairs'; readonly task: string; readonly at: number }
  | { readonly kind: 'reduce'; readonly task: string; readonly at: number; readonly arity: number };

export interface WasiBody {
  readonly op: 'wasi/run';
  readonly args: readonly Template[];
  readonly env: ReadonlyMap<string, Template>;
  readonly stdin: Content | undefined;
  readonly files: readonly Mount[];
  readonly outputs: readonly Template[];
  /** By the name they are imported from. */
  readonly extensions: ReadonlyMap<string, ModuleSpec>;
  readonly grant: readonly string[];
}

export interface WasmBody {
  readonly op: 'wasm/run';
  readonly func: Template;
  readonly args: readonly Argument[];
}

export interface Mount {
  readonly path: Template;
  readonly content: Content;
}

export interface FromContent {
  readonly kind: 'from';
  readonly at: number;
  readonly task: string;
  readonly taskAt: number;
  readonly pointer: Template | undefined;
  readonly branch: Branch;
}

/** A VALUE of the format. */
export type Content =
  | { readonly kind: 'text'; readonly at: number; readonly text: Template }
  | { readonly kind: 'file'; readonly at: number; readonly path: Template }
  | {
      readonly kind: 'dir';
      readonly at: number;
      readonly path: Template;
      readonly include: readonly Template[] | undefined;
      readonly exclude: readonly Template[] | undefined;
    }
  | { readonly kind: 'bytes'; readonly at: number; readonly bytes: Uint8Array }
  | { readonly kind: 'cid'; readonly at: number; readonly cid: Template }
  | { readonly kind: 'json'; readonly at: number; readonly data: Data }
  | FromContent
  | { readonly kind: 'parts'; readonly at: number; readonly pointer: Template | undefined };

/** Plain data with templates in its texts. */
export type Data =
  | { readonly kind: 'literal'; readonly at: number; readonly value: Ipld }
  | { readonly kind: 'template'; readonly at: number; readonly text: Template }
  | { readonly kind: 'list'; readonly at: number; readonly items: readonly Data[] }
  | { readonly kind: 'map'; readonly at: number; readonly entries: readonly (readonly [string, Data])[] };

/** An argument of `wasm/run`: data in which a VALUE may stand anywhere. */
export type Argument =
  | Exclude<Content, { kind: 'text' }>
  | { readonly kind: 'literal'; readonly at: number; readonly value: Ipld }
  | { readonly kind: 'template'; readonly at: number; readonly text: Template }
  | { readonly kind: 'items'; readonly at: number; readonly items: readonly Argument[] }
  | { readonly kind: 'fields'; readonly at: number; readonly entries: readonly (readonly [string, Argument])[] };

export interface OutputSpec {
  readonly name: string;
  readonly at: number;
  readonly from: FromContent;
}
