import type { CID } from '../../ipld/cid.ts';
import { DocketError } from '../../errors.ts';
import type { Budget } from './budget.ts';
import * as Errno from './errno.ts';
import type { BlobHandle, BlobSource, Spill, SpillFactory } from './source.ts';
import { Window, copyBytes } from './window.ts';

/** Content a guest wrote stays in memory up to this size; beyond it goes to a spill. */
const SPILL_ABOVE = 1 << 20;
const PAGE = 1 << 16;

/** Offsets and sizes are JavaScript numbers; beyond what those hold exactly a file cannot grow. */
const MAX_SIZE = Number.MAX_SAFE_INTEGER;

/** The bytes of a file as they are handed out when the task has ended. */
export type ContentRef =
  | { readonly kind: 'blob'; readonly cid: CID; readonly size: number }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'spill'; readonly spill: Spill; readonly size: number };

/** What the contents of one task share. */
export interface Storage {
  readonly budget: Budget;
  readonly blobs: BlobSource;
  readonly spills: SpillFactory;
}

/** `fixed` is bytes the host gave, never written to. `memory.bytes` may be longer than the content; the rest is zero. */
type State =
  | { readonly kind: 'blob'; readonly cid: CID; handle: BlobHandle | undefined; window: Window | undefined }
  | { readonly kind: 'fixed'; readonly bytes: Uint8Array }
  | { readonly kind: 'memory'; bytes: Uint8Array }
  | { readonly kind: 'spill'; readonly spill: Spill; readonly window: Window };

/**
 * The bytes of one file: a blob until the first write (copy on write), then memory, then a spill.
 *
 * Invariants: 1. `#charged` is what the budget holds for this content: its size once written, 0 before.
 * 2. The budget is charged before a byte is stored. 3. A blob's handle is open only while the file is (`idle` closes it).
 */
export class Content {
  readonly #storage: Storage;
  #state: State;
  #size: number | undefined;
  #charged = 0;

  private constructor(storage: Storage, state: State, size: number | undefined) {
    this.#storage = storage;
    this.#state = state;
    this.#size = size;
  }

  static empty(storage: Storage): Content {
    return new Content(storage, { kind: 'memory', bytes: new Uint8Array(0) }, 0);
  }

  static bytes(storage: Storage, bytes: Uint8Array): Content {
    return new Content(storage, { kind: 'fixed', bytes }, bytes.length);
  }

  /** Without a size the blob is asked when someone first wants to know. */
  static blob(storage: Storage, cid: CID, size?: number): Content {
    return new Content(storage, { kind: 'blob', cid, handle: undefined, window: undefined }, size);
  }

  get size(): number {
    return this.#size ?? this.#askSize();
  }

  /** Whether a guest wrote it, even if it wrote what was there before. */
  get written(): boolean {
    return this.#state.kind === 'memory' || this.#state.kind === 'spill';
  }

  /** Reads up to `length` bytes into `target` at `offset`; gives how many, 0 at the end. */
  read(target: Uint8Array, offset: number, length: number, position: number): number {
    const size = this.size;
    if (length === 0 || position >= size) return 0;
    const count = length < size - position ? length : size - position;
    const state = this.#state;
    if (state.kind === 'memory' || state.kind === 'fixed') copyBytes(state.bytes, position, target, offset, count);
    else if (state.kind === 'spill') state.window.read(target, offset, count, position);
    else (state.window ?? this.#open(state)).read(target, offset, count, position);
    return count;
  }

  /** Throws `LimitReached`, EFBIG. */
  write(source: Uint8Array, offset: number, length: number, position: number): void {
    if (length === 0) return;
    const end = position + length;
    if (end > MAX_SIZE) throw Errno.FBIG;
    const size = this.size;
    if (end > size || !this.written) this.#prepare(end > size ? end : size, size);
    const state = this.#state;
    if (state.kind === 'memory') copyBytes(source, offset, state.bytes, position, length);
    else if (state.kind === 'spill') state.window.write(source, offset, length, position);
    if (end > size) this.#size = end;
  }

  /** Cuts it, or extends it with zeros. Throws `LimitReached`, EFBIG. */
  resize(size: number): void {
    if (size > MAX_SIZE) throw Errno.FBIG;
    const before = this.size;
    if (size === before) return;
    this.#prepare(size, Math.min(size, before));
    const state = this.#state;
    if (state.kind === 'memory') {
      if (size < before) state.bytes.fill(0, size, Math.min(before, state.bytes.length));
    } else if (state.kind === 'spill') {
      state.window.drop();
      state.spill.truncate(size);
    }
    this.#size = size;
  }

  /** The whole content. The bytes are not copied: nothing writes to them once the task has ended. */
  ref(): ContentRef {
    const state = this.#state;
    switch (state.kind) {
      case 'blob':
        return { kind: 'blob', cid: state.cid, size: this.size };
      case 'fixed':
        return { kind: 'bytes', bytes: state.bytes };
      case 'memory':
        return { kind: 'bytes', bytes: state.bytes.subarray(0, this.size) };
      case 'spill':
        state.window.flush();
        return { kind: 'spill', spill: state.spill, size: this.size };
    }
  }

  /** No descriptor has it open any more. */
  idle(): void {
    if (this.#state.kind !== 'blob') return;
    this.#state.handle?.close();
    this.#state.handle = undefined;
    this.#state.window = undefined;
  }

  [Symbol.dispose](): void {
    this.idle();
    this.#storage.budget.release(this.#charged);
    this.#charged = 0;
    if (this.#state.kind === 'spill') this.#state.spill[Symbol.dispose]();
    this.#state = { kind: 'memory', bytes: new Uint8Array(0) };
    this.#size = 0;
  }

  #askSize(): number {
    if (this.#state.kind !== 'blob') return 0;
    const open = this.#state.handle;
    const handle = open ?? this.#storage.blobs.open(this.#state.cid);
    const size = handle.size;
    if (open === undefined) handle.close();
    this.#size = size;
    return size;
  }

  #open(state: State & { kind: 'blob' }): Window {
    const handle = this.#storage.blobs.open(state.cid);
    state.handle = handle;
    if (handle.size !== this.size) {
      throw new DocketError('TREE_INVALID', `a tree gives ${state.cid.toString()} ${this.size} bytes, it has ${handle.size}`);
    }
    const readOnly = { read: handle.read.bind(handle), write: () => undefined };
    state.window = new Window(readOnly, Math.min(PAGE, Math.max(1, this.size)));
    return state.window;
  }

  /** Makes the content writable and room for `size` bytes, of which the first `keep` are those of now. */
  #prepare(size: number, keep: number): void {
    this.#storage.budget.charge(size - this.#charged);
    this.#charged = size;
    const state = this.#state;
    if (state.kind === 'spill') return;
    if (size > SPILL_ABOVE) this.#spill(keep);
    else if (state.kind !== 'memory') {
      const bytes = new Uint8Array(size);
      this.read(bytes, 0, keep, 0);
      this.idle();
      this.#state = { kind: 'memory', bytes };
    } else if (size > state.bytes.length) {
      const bytes = new Uint8Array(Math.min(SPILL_ABOVE, Math.max(size, state.bytes.length * 2, 256)));
      bytes.set(state.bytes.subarray(0, keep));
      state.bytes = bytes;
    }
  }

  #spill(keep: number): void {
    const spill = this.#storage.spills.create();
    try {
      const chunk = new Uint8Array(Math.min(keep, SPILL_ABOVE));
      for (let done = 0; done < keep;) {
        const count = this.read(chunk, 0, Math.min(chunk.length, keep - done), done);
        spill.write(chunk.subarray(0, count), done);
        done += count;
      }
    } catch (error) {
      spill[Symbol.dispose]();
      throw error;
    }
    this.idle();
    this.#state = { kind: 'spill', spill, window: new Window(spill, PAGE) };
  }
}
