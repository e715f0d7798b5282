/** Appends numbers and bytes to a growing buffer; little-endian. Reused from frame to frame, so `finish` copies. */
export class ByteWriter {
  #bytes: Uint8Array = new Uint8Array(1024);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  u8(value: number): void {
    const at = this.#extend(1);
    this.#bytes[at] = value;
  }

  u32(value: number): void {
    const at = this.#extend(4);
    this.#view.setUint32(at, value, true);
  }

  f64(value: number): void {
    const at = this.#extend(8);
    this.#view.setFloat64(at, value, true);
  }

  /** Of 0 to 2^64-1. */
  u64(value: number | bigint): void {
    const at = this.#extend(8);
    this.#view.setBigUint64(at, BigInt(value), true);
  }

  raw(bytes: Uint8Array): void {
    const at = this.#extend(bytes.length);
    this.#bytes.set(bytes, at);
  }

  /** Bytes with their length before them. */
  bytes(bytes: Uint8Array): void {
    this.u32(bytes.length);
    this.raw(bytes);
  }

  text(text: string): void {
    this.bytes(Buffer.from(text));
  }

  patchU32(at: number, value: number): void {
    this.#view.setUint32(at, value, true);
  }

  /** What was appended, and begins anew. A buffer that one large frame blew up is let go. */
  finish(): Uint8Array {
    const result = this.#bytes.slice(0, this.#length);
    this.#length = 0;
    if (this.#bytes.length > KEEP) this.#allocate(1024);
    return result;
  }

  #extend(by: number): number {
    const at = this.#length;
    const needed = at + by;
    if (needed > this.#bytes.length) {
      const before = this.#bytes;
      this.#allocate(Math.max(needed, before.length * 2));
      this.#bytes.set(before.subarray(0, at));
    }
    this.#length = needed;
    return at;
  }

  #allocate(size: number): void {
    this.#bytes = new Uint8Array(size);
    this.#view = new DataView(this.#bytes.buffer);
  }
}

const KEEP = 1 << 20;
