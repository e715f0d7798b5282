import { hex, malformed } from './fault.ts';

/**
 * Position of the first byte after a LEB128 number that starts at `at`; throws if it is longer than its type allows or its unused
 * bits are set. `last` is how many bytes it may have, `spare` the bits of the last one that must equal the sign (signed) or be 0.
 */
function skipLeb(bytes: Uint8Array, at: number, last: number, spare: number, signed: boolean): number {
  for (let length = 1; length <= last; length++) {
    const byte = bytes[at + length - 1];
    if (byte === undefined) throw malformed(bytes.length, 'the bytes end inside a number');
    if (byte >= 0x80) continue;
    const unused = byte & spare;
    if (length === last && unused !== 0 && !(signed && unused === spare)) throw malformed(at, 'a number is too large for its type');
    return at + length;
  }
  throw malformed(at, `a number is longer than ${last} bytes`);
}

export const skipU32 = (bytes: Uint8Array, at: number): number => skipLeb(bytes, at, 5, 0x70, false);
export const skipS32 = (bytes: Uint8Array, at: number): number => skipLeb(bytes, at, 5, 0x78, true);
/** Block types and heap types are 33-bit, so that every u32 type index fits beside the negative codes. */
export const skipS33 = (bytes: Uint8Array, at: number): number => skipLeb(bytes, at, 5, 0x70, true);
export const skipS64 = (bytes: Uint8Array, at: number): number => skipLeb(bytes, at, 10, 0x7f, true);

/** V8's own bound. */
const MOST_NAME = 100_000;

/** Without streaming it keeps nothing between calls. */
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** A cursor over `bytes[at, end)`. Every read is bounded by `end` and throws `MODULE_INVALID` beyond it. */
export class Reader {
  readonly bytes: Uint8Array;
  readonly end: number;
  at: number;

  constructor(bytes: Uint8Array, at: number, end: number) {
    this.bytes = bytes;
    this.at = at;
    this.end = end;
  }

  get done(): boolean {
    return this.at >= this.end;
  }

  u8(what: string): number {
    const byte = this.at < this.end ? this.bytes[this.at] : undefined;
    if (byte === undefined) throw malformed(this.end, `the bytes end where ${what} is expected`);
    this.at++;
    return byte;
  }

  u32(what: string): number {
    const start = this.at;
    const first = this.u8(what);
    if (first < 0x80) return first;
    this.at = this.#within(skipU32(this.bytes, start), what);
    let value = first & 0x7f;
    let unit = 128;
    for (let at = start + 1; at < this.at; at++) {
      value += ((this.bytes[at] as number) & 0x7f) * unit;
      unit *= 128;
    }
    return value;
  }

  skipS32(what: string): void {
    this.at = this.#within(skipS32(this.bytes, this.at), what);
  }

  skipS64(what: string): void {
    this.at = this.#within(skipS64(this.bytes, this.at), what);
  }

  skip(length: number, what: string): void {
    this.at = this.#within(this.at + length, what);
  }

  /** How many items follow. Each takes a byte at least, so a count beyond what is left is refused before anything is made for it. */
  count(what: string, most: number): number {
    const start = this.at;
    const count = this.u32(`the number of ${what}`);
    if (count > this.end - this.at) throw malformed(start, `${count} ${what} are announced, more than fit in the bytes left`);
    if (count > most) throw malformed(start, `${count} ${what} are more than the ${most} allowed`);
    return count;
  }

  /** A part of known length, as a reader of its own; this one stands behind it. */
  part(what: string): Reader {
    const start = this.at;
    const length = this.u32(`the size of ${what}`);
    if (length > this.end - this.at) throw malformed(start, `${what} of ${length} bytes goes beyond the end`);
    const part = new Reader(this.bytes, this.at, this.at + length);
    this.at += length;
    return part;
  }

  name(what: string): string {
    const part = this.part(what);
    if (part.end - part.at > MOST_NAME) throw malformed(part.at, `${what} has ${part.end - part.at} bytes, ${MOST_NAME} are allowed`);
    try {
      return UTF8.decode(part.bytes.subarray(part.at, part.end));
    } catch {
      throw malformed(part.at, `${what} is not UTF-8`);
    }
  }

  finish(what: string): void {
    if (this.at !== this.end)
      throw malformed(this.at, `${what} has ${this.end - this.at} bytes too many, the first is ${hex(this.u8(what))}`);
  }

  #within(at: number, what: string): number {
    if (at > this.end) throw malformed(this.end, `the bytes end inside ${what}`);
    return at;
  }
}
