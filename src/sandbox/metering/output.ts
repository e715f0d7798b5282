/** Bytes being written, of a length not known ahead. The formats are those of `module/writer.ts`, without an array for every number. */
export class Output {
  #bytes: Uint8Array;
  #length = 0;

  constructor(capacity: number) {
    this.#bytes = new Uint8Array(capacity);
  }

  get length(): number {
    return this.#length;
  }

  u8(...values: readonly number[]): void {
    this.#reserve(values.length);
    for (const value of values) this.#bytes[this.#length++] = value;
  }

  /** Unsigned LEB128. */
  u32(value: number): void {
    this.#reserve(5);
    let left = value;
    for (; left >= 0x80; left >>>= 7) this.#bytes[this.#length++] = (left & 0x7f) | 0x80;
    this.#bytes[this.#length++] = left;
  }

  /** Signed LEB128 of a safe integer that is not negative. */
  s64(value: number): void {
    this.#reserve(10);
    let left = value;
    for (; left >= 0x40; left = Math.floor(left / 128)) this.#bytes[this.#length++] = (left % 128) | 0x80;
    this.#bytes[this.#length++] = left;
  }

  copy(from: Uint8Array, start = 0, end = from.length): void {
    this.#reserve(end - start);
    this.#bytes.set(from.subarray(start, end), this.#length);
    this.#length += end - start;
  }

  clear(): void {
    this.#length = 0;
  }

  /** A view, good until the next write. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + more));
    larger.set(this.view());
    this.#bytes = larger;
  }
}
