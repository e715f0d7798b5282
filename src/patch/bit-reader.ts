import { invalid } from './bzip2-parts.ts';

/** Bits of a byte string, the highest of each byte first. Throws `PATCH_INVALID` beyond its end. */
export class BitReader {
  readonly #bytes: Uint8Array;
  #at = 0;
  /** The lowest `#count` bits are those read and not yet taken. */
  #held = 0;
  #count = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** At most 24 at a time. */
  take(count: number): number {
    const value = this.peek(count);
    this.skip(count);
    return value;
  }

  /** The next bits without taking them, at most 24; beyond the end there are zeros. */
  peek(count: number): number {
    while (this.#count < count) {
      this.#held = ((this.#held << 8) | (this.#bytes[this.#at] ?? 0)) >>> 0;
      this.#at++;
      this.#count += 8;
    }
    return (this.#held >>> (this.#count - count)) & ((1 << count) - 1);
  }

  /** Takes bits that were looked at. */
  skip(count: number): void {
    this.#count -= count;
    if (this.#at * 8 - this.#count > this.#bytes.length * 8) throw invalid('a part of it ends too early');
  }

  take32(): number {
    return (this.take(16) * 0x10000 + this.take(16)) >>> 0;
  }
}
