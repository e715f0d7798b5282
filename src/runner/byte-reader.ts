import { DocketError } from '../errors.ts';

/** Reads back what a `ByteWriter` wrote. Every read is checked: `INTERNAL` if the bytes end too early, or go on after `end`. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4), true);
  }

  f64(): number {
    return this.#view.getFloat64(this.#take(8), true);
  }

  u64(): bigint {
    return this.#view.getBigUint64(this.#take(8), true);
  }

  /** A view, not a copy. */
  raw(length: number): Uint8Array {
    const at = this.#take(length);
    return this.#bytes.subarray(at, at + length);
  }

  bytes(): Uint8Array {
    return this.raw(this.u32());
  }

  text(): string {
    const bytes = this.bytes();
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  }

  /** Calls `read` as often as the count that stands next says; each element takes at least one byte, so the count is bounded by what is there. */
  list<T>(read: () => T): T[] {
    const count = this.u32();
    if (count > this.#bytes.length - this.#at) throw broken();
    const items: T[] = [];
    for (let i = 0; i < count; i++) items.push(read());
    return items;
  }

  end(): void {
    if (this.#at !== this.#bytes.length) throw broken();
  }

  #take(length: number): number {
    const at = this.#at;
    if (length > this.#bytes.length - at) throw broken();
    this.#at = at + length;
    return at;
  }
}

function broken(): DocketError {
  return new DocketError('INTERNAL', 'a message between Docket and a slot process is malformed');
}
