import { isDocketError } from '../errors.ts';
import type { CID } from '../ipld/cid.ts';
import type { Failure } from '../receipt/outcome.ts';
import type { ImportName, ModuleInfo } from '../sandbox/module/model.ts';
import { compileMetered } from '../sandbox/metering/compile.ts';
import { compile } from '../sandbox/module/prepare.ts';
import { importProblems } from '../sandbox/wasi/signatures.ts';
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

type Entry = ({ readonly compiled: CompiledModule } | { readonly failure: Failure }) & { readonly weight: number };

/** What a module that was refused weighs: its entry, not its code. */
const REFUSED_WEIGHT = 1 << 10;

/**
 * Modules of one slot process, each prepared and compiled once, by CID; the least recently used go first. Weights are
 * bytes of binary: compiled code is some multiple of that, which V8 does not tell.
 */
export class ModuleCache {
  readonly #capacity: number;
  readonly #entries = new Map<string, Entry>();
  #weight = 0;

  constructor(capacity = CACHED_MODULE_BYTES) {
    this.#capacity = capacity;
  }

  /** The metered variant is another entry, made when it is first asked for. `read` is called if the module is not there. Throws `CID_INVALID` if `cid` names no blob. A module that is not valid is a failure, remembered like a good one; what `read` throws is not. */
  get(
    cid: CID,
    read: (cid: CID) => Uint8Array,
    variant: Variant = 'plain',
  ): { readonly compiled: CompiledModule } | { readonly failure: Failure } {
    const key = variant === 'plain' ? digestHex(cid) : `${digestHex(cid)} metered`;
    const found = this.#entries.get(key);
    if (found !== undefined) {
      this.#entries.delete(key);
      this.#entries.set(key, found);
      return found;
    }
    const entry = entryOf(cid, read(cid), variant);
    this.#entries.set(key, entry);
    this.#weight += entry.weight;
    this.#shrink();
    return entry;
  }

  /** The newest stays, however heavy. */
  #shrink(): void {
    for (const [key, { weight }] of this.#entries) {
      if (this.#weight <= this.#capacity || this.#entries.size === 1) return;
      this.#entries.delete(key);
      this.#weight -= weight;
    }
  }
}

function entryOf(cid: CID, bytes: Uint8Array, variant: Variant): Entry {
  try {
    const { bytes: prepared, info, memoryImport, module } = variant === 'plain' ? compile(bytes) : compileMetered(bytes);
    return { compiled: { module, info, memoryImport, preview1Problems: importProblems(info.imports) }, weight: prepared.length };
  } catch (error) {
    if (!isDocketError(error, 'MODULE_INVALID')) throw error;
    return { failure: { code: 'invalid', message: `module ${cid}: ${error.message}`, data: { part: 'module' } }, weight: REFUSED_WEIGHT };
  }
}
