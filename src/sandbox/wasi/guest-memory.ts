import * as Errno from '../files/errno.ts';
import { MAX_PATH_BYTES } from '../files/lookup.ts';

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * The guest's memory. Every address a guest hands over goes through `check`, which throws EFAULT if any byte of it lies
 * outside; only then `bytes` and `view` are used, at addresses that were checked.
 *
 * Invariant: `bytes` and `view` are of the buffer the memory has now. Growing detaches the old buffer, which shows as a
 * length of 0; `check` renews them, so they are read after `check`, within one host call, and never kept.
 */
export class GuestMemory {
  #memory: WebAssembly.Memory | undefined;
  bytes = new Uint8Array(0);
  view = new DataView(new ArrayBuffer(0));

  bind(memory: WebAssembly.Memory): void {
    this.#memory = memory;
    this.#renew();
  }

  /** Gives `pointer` as an unsigned number if `size` bytes lie there. Throws EFAULT. */
  check(pointer: number, size: number): number {
    if (this.bytes.length === 0) this.#renew();
    const start = pointer >>> 0;
    if (start + size > this.bytes.length) throw Errno.FAULT;
    return start;
  }

  /** Throws EFAULT, ENAMETOOLONG, EILSEQ; EINVAL for a NUL, which no path can hold. */
  path(pointer: number, size: number): string {
    const length = size >>> 0;
    const start = this.check(pointer, length);
    if (length > MAX_PATH_BYTES) throw Errno.NAMETOOLONG;
    const bytes = this.bytes.subarray(start, start + length);
    if (bytes.includes(0)) throw Errno.INVAL;
    try {
      return decoder.decode(bytes);
    } catch (error) {
      // Not all that can be thrown is about the text: the call stack may be exhausted.
      throw error instanceof TypeError ? Errno.ILSEQ : error;
    }
  }

  setU32(pointer: number, value: number): void {
    this.view.setUint32(this.check(pointer, 4), value, true);
  }

  setU64(pointer: number, value: bigint): void {
    this.view.setBigUint64(this.check(pointer, 8), value, true);
  }

  #renew(): void {
    if (this.#memory === undefined) return;
    const { buffer } = this.#memory;
    this.bytes = new Uint8Array(buffer);
    this.view = new DataView(buffer);
  }
}
