import type { FunctionType, ModuleExport, ModuleInfo } from '../module/model.ts';
import type { ImportName } from '../module/model.ts';
import type { WitFunction, WitWorld } from '../wit/model.ts';
import type { Codec } from './codec.ts';
import type { ResourceType } from './handles.ts';
import type { TextEncoding } from './model.ts';

/**
 * A component taken apart once: which core modules are instantiated in which order and linked to what, and what its exports are. Components have no loops and
 * no conditions, so that all this is known before anything runs. Nothing of it changes, so tasks can share it.
 */

export interface CoreModule {
  /** Absent in plans that are only looked at. */
  readonly module: WebAssembly.Module | undefined;
  readonly info: ModuleInfo;
  readonly memoryImport: ImportName | undefined;
}

/** What a core module is linked to. */
export type CoreItem =
  /** Of the core instance with this number. */
  | ({ readonly kind: 'export'; readonly instance: number } & { readonly item: ModuleExport })
  | { readonly kind: 'lowered'; readonly func: Func; readonly side: Side; readonly type: FunctionType }
  | {
      readonly kind: 'resource';
      readonly op: 'new' | 'drop' | 'rep';
      readonly resource: ResourceType;
      readonly instance: number;
      readonly type: FunctionType;
    }
  | { readonly kind: 'preview1'; readonly name: string };

/** What a canonical function says of the core side: whose handles, which memory. */
export interface Side {
  /** Number of the component instance. */
  readonly instance: number;
  readonly text: TextEncoding;
  readonly memory: CoreItem | undefined;
  readonly realloc: CoreItem | undefined;
}

export interface Signature {
  readonly params: readonly { readonly name: string; readonly codec: Codec }[];
  /** All parameters as one tuple in memory, where they are too many for core values. */
  readonly spilled: Codec | undefined;
  readonly result: Codec | undefined;
  /** The same as WIT has it. A function may be exported under thousands of names, so it is written down once. */
  readonly wit: Pick<WitFunction, 'params' | 'result'>;
}

export type Func =
  | {
      readonly kind: 'lifted';
      readonly signature: Signature;
      readonly core: CoreItem;
      readonly postReturn: CoreItem | undefined;
      readonly side: Side;
    }
  | { readonly kind: 'host'; readonly signature: Signature; readonly interface: string; readonly name: string };

export interface CoreStep {
  readonly module: CoreModule;
  /** Import module → name → what is given. */
  readonly links: ReadonlyMap<string, ReadonlyMap<string, CoreItem>>;
  /** Whether the export `_initialize` is called next. */
  readonly initializes: boolean;
}

export interface Plan {
  /** Core instances, in order. */
  readonly steps: readonly CoreStep[];
  /** How many component instances there are. */
  readonly instances: number;
  readonly destructors: ReadonlyMap<ResourceType, CoreItem>;
  /** Functions by name. */
  readonly exports: ReadonlyMap<string, Func>;
  /** Functions by the name of their interface and their own. One interface that is exported under several names is one map. */
  readonly interfaces: ReadonlyMap<string, ReadonlyMap<string, Func>>;
  /** The same as WIT has them. What is imported is not listed. */
  readonly world: WitWorld;
  /** Whether it calls the host. */
  readonly callsHost: boolean;
  /** Core modules, each definition of which has its own however often it is instantiated. */
  readonly modules: number;
  /** Bytes of all core modules as they were prepared. */
  readonly code: number;
  /** Bytes that its definitions may take in memory: functions, their types, and the names that stand in the binary beside the core modules. */
  readonly defining: number;
}
