import { invalid } from './bzip2-parts.ts';

/** Takes exact numbers of bytes from pieces of any size. */
export class ByteSource implements Disposable {
  readonly #pieces: Iterator<Uint8Array>;
  #piece = new Uint8Array(0);
  #at = 0;

  constructor(pieces: Iterator<Uint8Array>) {
    this.#pieces = pieces;
  }

  /** The next bytes, at most `most` and at least one; good until the next call. Throws `PATCH_INVALID` at the end. */
  some(most: number): Uint8Array {
    while (this.#at === this.#piece.length) {
      const { value, done } = this.#pieces.next();
      if (done === true) throw invalid('a part of it ends too early');
      this.#piece = value as Uint8Array<ArrayBuffer>;
      this.#at = 0;
    }
    const bytes = this.#piece.subarray(this.#at, this.#at + most);
    this.#at += bytes.length;
    return bytes;
  }

  /** Fills `target`. */
  readInto(target: Uint8Array): void {
    for (let done = 0; done < target.length;) {
      const bytes = this.some(target.length - done);
      target.set(bytes, done);
      done += bytes.length;
    }
  }

  [Symbol.dispose](): void {
    this.#pieces.return?.();
  }
}
