import { isDocketError } from '../errors.ts';
import type { CID } from '../ipld/cid.ts';
import type { Failure } from '../receipt/outcome.ts';
import type { ImportName, ModuleInfo } from '../sandbox/module/model.ts';
import { planCoreWorld } from '../sandbox/component/core-world.ts';
import type { Plan } from '../sandbox/component/plan-model.ts';
import { planComponent } from '../sandbox/component/plan.ts';
import { compileMetered } from '../sandbox/metering/compile.ts';
import { compile } from '../sandbox/module/prepare.ts';
import { importProblems } from '../sandbox/wasi/signatures.ts';
import { INTERFACES } from '../sandbox/wasi2/interfaces.ts';
import { isComponent } from '../sandbox/wit/world.ts';
import { digestHex } from '../store/digest.ts';
import { CACHED_MODULE_BYTES } from './module-bounds.ts';

/** Metered code counts fuel, and runs slower for it. */
type Variant = 'plain' | 'metered';

export interface CompiledModule {
  readonly module: WebAssembly.Module;
  readonly info: ModuleInfo;
  readonly memoryImport: ImportName | undefined;
  /** Preview 1 functions it imports with another type than they have: it must not be linked to them. */
  readonly preview1Problems: readonly string[];
}

type Core = { readonly compiled: CompiledModule } | { readonly failure: Failure };
type Callable = Core | { readonly plan: Plan };
type Weighed<T> = T & { readonly weight: number; readonly defining?: number };
type Reading = (cid: CID) => Uint8Array;

/** What a module that was refused weighs: its entry, not its code. */
const REFUSED_WEIGHT = 1 << 10;

/** What a core module weighs beside its bytes, however small it is. Measured: 10 to 15 KiB for 239 bytes. */
const MODULE_WEIGHT = 16 << 10;

/**
 * Definitions of a component that weigh more are not kept for the next task. A binary of some KiB may define as much as tens of MiB, of which who grants a process
 * its memory knows nothing.
 */
const MOST_DEFINING = 32 << 20;

/**
 * Modules of one slot process, each prepared and compiled once, by CID; the least recently used go first. Weights are
 * bytes of binary: compiled code is some multiple of that, which V8 does not tell. Definitions of components weigh what they take in memory.
 */
export class ModuleCache {
  readonly #capacity: number;
  readonly #onDropped: (bytes: number) => void;
  readonly #core = new Map<string, Weighed<Core>>();
  readonly #callable = new Map<string, Weighed<Callable>>();
  #weight = 0;

  /** `onDropped` is told of what has become garbage, bytes. */
  constructor(onDropped: (bytes: number) => void, capacity = CACHED_MODULE_BYTES) {
    this.#onDropped = onDropped;
    this.#capacity = capacity;
  }

  /** The metered variant is another entry, made when it is first asked for. `read` is called if the module is not there. Throws `CID_INVALID` if `cid` names no blob. A module that is not valid is a failure, remembered like a good one; what `read` throws is not. */
  get(cid: CID, read: Reading, variant: Variant = 'plain'): Core {
    return this.#remembered(this.#core, nameOf(cid, variant), () => coreOf(cid, read(cid), variant));
  }

  /** As `get`, for who calls functions: components, and core modules made to be one, come as their plans. */
  callable(cid: CID, read: Reading, variant: Variant = 'plain'): Callable {
    return this.#remembered(this.#callable, nameOf(cid, variant), () => callableOf(cid, read(cid), variant));
  }

  /** As `get`, for who runs commands: a component comes as its plan. */
  command(cid: CID, read: Reading, variant: Variant = 'plain'): Callable {
    const core = this.get(cid, read, variant);
    return 'failure' in core && core.failure.data?.['component'] === true ? this.callable(cid, read, variant) : core;
  }

  #remembered<T extends object>(entries: Map<string, Weighed<T>>, key: string, make: () => Weighed<T>): T {
    const found = entries.get(key);
    if (found !== undefined) {
      entries.delete(key);
      entries.set(key, found);
      return found;
    }
    const entry = make();
    // What definitions are read into is as much as what is made of them, and is garbage now.
    this.#onDropped(entry.defining ?? 0);
    if ((entry.defining ?? 0) > MOST_DEFINING) {
      this.#onDropped(entry.weight);
      return entry;
    }
    entries.set(key, entry);
    this.#weight += entry.weight;
    this.#shrink(entries);
    return entry;
  }

  /** The newest stays, however heavy. What is used in the other way goes first: most processes use modules in one way only. */
  #shrink(newest: Map<string, Weighed<object>>): void {
    const other: Map<string, Weighed<object>> = newest === this.#core ? this.#callable : this.#core;
    for (const entries of [other, newest]) {
      for (const [key, { weight }] of entries) {
        if (this.#weight <= this.#capacity || (entries === newest && entries.size === 1)) break;
        entries.delete(key);
        this.#weight -= weight;
        this.#onDropped(weight);
      }
    }
  }
}

const COMPILE = { plain: compile, metered: compileMetered } as const;

function nameOf(cid: CID, variant: Variant): string {
  return variant === 'plain' ? digestHex(cid) : `${digestHex(cid)} metered`;
}

function coreOf(cid: CID, bytes: Uint8Array, variant: Variant): Weighed<Core> {
  return orFailure(cid, () => {
    const { bytes: prepared, info, memoryImport, module } = COMPILE[variant](bytes);
    return {
      compiled: { module, info, memoryImport, preview1Problems: importProblems(info.imports) },
      weight: MODULE_WEIGHT + prepared.length,
    };
  });
}

function callableOf(cid: CID, bytes: Uint8Array, variant: Variant): Weighed<Callable> {
  const planned = (plan: Plan): Weighed<Callable> => {
    const { code, defining, modules } = plan;
    return { plan, weight: modules * MODULE_WEIGHT + code + defining, defining };
  };
  if (isComponent(bytes)) return orFailure(cid, () => planned(planComponent(bytes, INTERFACES, COMPILE[variant])));
  const core = coreOf(cid, bytes, variant);
  if (!('compiled' in core) || !core.compiled.info.hasComponentType) return core;
  return orFailure(cid, () => planned(planCoreWorld(bytes, INTERFACES, COMPILE[variant])));
}

function orFailure<T>(cid: CID, make: () => T): T | Weighed<{ readonly failure: Failure }> {
  try {
    return make();
  } catch (error) {
    if (!isDocketError(error, 'MODULE_INVALID')) throw error;
    const data = { part: 'module', ...(error.details['component'] === true ? { component: true } : {}) };
    const failure: Failure = { code: 'invalid', message: `module ${cid}: ${error.message}`, data };
    // A copy: V8's part of a string keeps all of it, and names may be long.
    return { failure: structuredClone(failure), weight: REFUSED_WEIGHT };
  }
}
