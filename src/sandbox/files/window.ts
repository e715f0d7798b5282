/** The file below a window; `write` is only called on windows that were written. */
interface Paged {
  read(target: Uint8Array, position: number): number;
  write(source: Uint8Array, position: number): void;
}

/**
 * One page of a file that lies on disk, so that a guest reading or writing byte by byte does not cost a system call each.
 * One page is enough: guests read and write in runs, and a cache of many pages would count against the host's memory.
 * What jumps about (a database) goes to the file as it comes: a page for each few bytes cost five times what the system calls do.
 *
 * Invariants: 1. Bytes in [#dirtyFrom, #dirtyTo) of the page are newer than the file; whoever looks at its part of the file flushes first.
 * 2. A piece of an access lies within one page, so what goes around the page never overlaps it.
 */
export class Window {
  readonly #file: Paged;
  readonly #size: number;
  /** Made when a run begins: files that are read in one go never need it. */
  #page: Uint8Array | undefined;
  #start = -1;
  #dirtyFrom = 0;
  #dirtyTo = 0;
  /** Where the page begins that was used last, loaded or not. At first the one before the first: a file read from its start is a run. */
  #touched: number;

  constructor(file: Paged, pageSize: number) {
    this.#file = file;
    this.#size = pageSize;
    this.#touched = -pageSize;
  }

  /** Reads `length` bytes that the caller knows to be inside the file. */
  read(target: Uint8Array, offset: number, length: number, position: number): void {
    if (length >= this.#size) {
      this.flush();
      readFully(this.#file, target.subarray(offset, offset + length), position);
      this.#touch(position + length - 1);
      return;
    }
    const before = this.#touched;
    for (let done = 0; done < length;) {
      const at = (position + done) % this.#size;
      const count = Math.min(length - done, this.#size - at);
      const page = this.#pageAt(position + done, before);
      if (page !== undefined) copyBytes(page, at, target, offset + done, count);
      else {
        const part = target.subarray(offset + done, offset + done + count);
        // The file may end before: what follows is a hole, up to the page.
        part.fill(0, readFully(this.#file, part, position + done));
      }
      done += count;
    }
  }

  write(source: Uint8Array, offset: number, length: number, position: number): void {
    if (length >= this.#size) {
      this.drop();
      this.#file.write(source.subarray(offset, offset + length), position);
      this.#touch(position + length - 1);
      return;
    }
    const before = this.#touched;
    for (let done = 0; done < length;) {
      const at = (position + done) % this.#size;
      const count = Math.min(length - done, this.#size - at);
      const page = this.#pageAt(position + done, before);
      if (page === undefined) this.#file.write(source.subarray(offset + done, offset + done + count), position + done);
      else {
        copyBytes(source, offset + done, page, at, count);
        if (this.#dirtyTo === 0) this.#dirtyFrom = at;
        else if (at < this.#dirtyFrom) this.#dirtyFrom = at;
        if (at + count > this.#dirtyTo) this.#dirtyTo = at + count;
      }
      done += count;
    }
  }

  flush(): void {
    if (this.#dirtyTo === 0 || this.#page === undefined) return;
    this.#file.write(this.#page.subarray(this.#dirtyFrom, this.#dirtyTo), this.#start + this.#dirtyFrom);
    this.#dirtyTo = 0;
  }

  /** Forgets the page, after writing back what is newer in it: the file below is about to be changed directly. */
  drop(): void {
    this.flush();
    this.#start = -1;
  }

  /** The page that holds `position`, if it is the current one or part of a run: that at `before`, used by the access before, or the next one. */
  #pageAt(position: number, before: number): Uint8Array | undefined {
    const start = this.#touch(position);
    if (start === this.#start) return this.#page;
    return start === before || start === before + this.#size ? this.#load(start) : undefined;
  }

  #touch(position: number): number {
    this.#touched = position - (position % this.#size);
    return this.#touched;
  }

  #load(start: number): Uint8Array {
    this.flush();
    this.#start = -1;
    this.#page ??= new Uint8Array(this.#size);
    this.#page.fill(0, readFully(this.#file, this.#page, start));
    this.#start = start;
    return this.#page;
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
