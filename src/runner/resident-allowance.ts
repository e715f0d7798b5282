import { isDocketError } from '../errors.ts';
import * as Cid from '../ipld/cid.ts';
import { isMap } from '../ipld/value.ts';
import { heldSize } from '../store/content-files.ts';
import { digestHex } from '../store/digest.ts';
import type { Job } from './job.ts';
import { CACHED_MODULE_BYTES, MOST_MODULE_BYTES } from './module-bounds.ts';

/** Resident bytes a slot process needs beside what its guest holds: Node and V8 (60 MiB), garbage between two collections, and a margin. */
const OVERHEAD = 256 << 20;
/** Files a guest writes are in memory up to 1 MiB each; beyond this they had better be fewer and larger, which go to disk. */
const MOST_OUTPUT = 1 << 30;
/** For each byte of a module: it is read, rewritten, and copied and compiled by V8. Measured: 340 MiB for the 59 MB of pandoc while they are made ready. */
const PER_MODULE_BYTE = 6;
/** If metering is put in: each variant is made by itself, from the start. Measured: 670 MiB for pandoc. */
const PER_METERED_BYTE = 14;
/** What the cache of a slot process keeps, and one module more. */
const MOST_MODULES = CACHED_MODULE_BYTES + MOST_MODULE_BYTES;

/** How much one slot process may hold in memory before its task is blamed for it. */
export class ResidentAllowance {
  readonly #storeRoot: string;
  readonly #seen = new Set<string>();
  #modules = 0;
  /** Bytes for each of a module, once the process ran one with metering. */
  #perByte = PER_MODULE_BYTE;

  constructor(storeRoot: string) {
    this.#storeRoot = storeRoot;
  }

  /** In bytes, while `job` runs. What other modules the process has run stays in its cache, and counts too. */
  of({ limits, module, input, small }: Job): number {
    const extensions = isMap(input) && input['extensions'] !== undefined ? Cid.links(input['extensions']) : [];
    for (const each of [module, ...extensions]) if (Cid.isStored(each) && this.#modules < MOST_MODULES) this.#note(digestHex(each), small);
    if (limits.fuel !== undefined) this.#perByte = PER_METERED_BYTE;
    return limits.memory + Math.min(limits.output, MOST_OUTPUT) + OVERHEAD + this.#perByte * this.#modules;
  }

  #note(hex: string, small: Job['small']): void {
    if (this.#seen.has(hex)) return;
    this.#seen.add(hex);
    const size = small.get(hex)?.length ?? this.#sizeOnDisk(hex);
    this.#modules = Math.min(MOST_MODULES, this.#modules + size);
  }

  /** What cannot be looked at counts nothing here: the slot process says what is wrong with it. */
  #sizeOnDisk(hex: string): number {
    try {
      return heldSize(this.#storeRoot, hex) ?? 0;
    } catch (error) {
      if (isDocketError(error)) return 0;
      throw error;
    }
  }
}
