/** The file below a window; `write` is only called on windows that were written. */
interface Paged {
  read(target: Uint8Array, position: number): number;
  write(source: Uint8Array, position: number): void;
}

/**
 * One page of a file that lies on disk, so that a guest reading or writing byte by byte does not cost a system call each.
 * One page is enough: guests read and write in runs, and a cache of many pages would count against the host's memory.
 *
 * Invariant: bytes in [#dirtyFrom, #dirtyTo) of the page are newer than the file; whoever looks at the file flushes first.
 */
export class Window {
  readonly #file: Paged;
  readonly #page: Uint8Array;
  #start = -1;
  #dirtyFrom = 0;
  #dirtyTo = 0;

  constructor(file: Paged, pageSize: number) {
    this.#file = file;
    this.#page = new Uint8Array(pageSize);
  }

  /** Reads `length` bytes that the caller knows to be inside the file. */
  read(target: Uint8Array, offset: number, length: number, position: number): void {
    const size = this.#page.length;
    if (length >= size) {
      this.flush();
      readFully(this.#file, target.subarray(offset, offset + length), position);
      return;
    }
    for (let done = 0; done < length;) {
      const at = this.#load(position + done);
      const count = Math.min(length - done, size - at);
      copyBytes(this.#page, at, target, offset + done, count);
      done += count;
    }
  }

  write(source: Uint8Array, offset: number, length: number, position: number): void {
    const size = this.#page.length;
    if (length >= size) {
      this.drop();
      this.#file.write(source.subarray(offset, offset + length), position);
      return;
    }
    for (let done = 0; done < length;) {
      const at = this.#load(position + done);
      const count = Math.min(length - done, size - at);
      copyBytes(source, offset + done, this.#page, at, count);
      if (this.#dirtyTo === 0) this.#dirtyFrom = at;
      else if (at < this.#dirtyFrom) this.#dirtyFrom = at;
      if (at + count > this.#dirtyTo) this.#dirtyTo = at + count;
      done += count;
    }
  }

  flush(): void {
    if (this.#dirtyTo === 0) return;
    this.#file.write(this.#page.subarray(this.#dirtyFrom, this.#dirtyTo), this.#start + this.#dirtyFrom);
    this.#dirtyTo = 0;
  }

  /** Forgets the page, after writing back what is newer in it: the file below is about to be changed directly. */
  drop(): void {
    this.flush();
    this.#start = -1;
  }

  /** Makes the page that holds `position` current; gives the offset of `position` in it. */
  #load(position: number): number {
    const at = position % this.#page.length;
    const start = position - at;
    if (start !== this.#start) {
      this.flush();
      this.#start = -1;
      this.#page.fill(0, readFully(this.#file, this.#page, start));
      this.#start = start;
    }
    return at;
  }
}

function readFully(file: Paged, target: Uint8Array, position: number): number {
  let done = 0;
  while (done < target.length) {
    const count = file.read(done === 0 ? target : target.subarray(done), position + done);
    if (count === 0) break;
    done += count;
  }
  return done;
}

/** Copies between buffers; a loop for the few bytes for which making two views costs more. */
export function copyBytes(source: Uint8Array, from: number, target: Uint8Array, to: number, count: number): void {
  if (count < 48) {
    for (let i = 0; i < count; i++) target[to + i] = source[from + i] as number;
  } else {
    target.set(source.subarray(from, from + count), to);
  }
}
