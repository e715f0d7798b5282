/** Makes patches of bsdiff 4 without its tools, as strange as wanted. */

/** One step: so many bytes of the old with the difference added, so many as they are, so far to move. */
export interface Step {
  readonly difference: Uint8Array;
  readonly extra: Uint8Array;
  readonly move: number | bigint;
}

export function makePatch(steps: readonly Step[], size: number | bigint): Uint8Array {
  const control = Buffer.concat(
    steps.map(({ difference, extra, move }) => Buffer.concat([number(difference.length), number(extra.length), number(move)])),
  );
  const difference = Buffer.concat(steps.map((step) => step.difference));
  const extra = Buffer.concat(steps.map((step) => step.extra));
  return join(bzip2(control), bzip2(difference), bzip2(extra), size);
}

/** A patch of these parts, packed already. */
export function join(control: Uint8Array, difference: Uint8Array, extra: Uint8Array, size: number | bigint): Uint8Array {
  return Buffer.concat([
    Buffer.from('BSDIFF40'),
    number(control.length),
    number(difference.length),
    number(size),
    control,
    difference,
    extra,
  ]);
}

export function number(value: number | bigint): Buffer {
  const amount = BigInt(value);
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(amount < 0n ? -amount | (1n << 63n) : amount);
  return bytes;
}

/** Bytes that hold nothing but bits, the highest first. */
class Bits {
  readonly #bits: number[] = [];

  put(value: number, count: number): void {
    for (let i = count - 1; i >= 0; i--) this.#bits.push(Math.floor(value / 2 ** i) % 2);
  }

  bytes(): Uint8Array {
    const bytes = new Uint8Array(Math.ceil(this.#bits.length / 8));
    this.#bits.forEach((bit, i) => (bytes[i >> 3]! |= bit << (7 - (i & 7))));
    return bytes;
  }
}

/** bzip2 without care for size: codes of one length, sorting by comparing. */
export function bzip2(bytes: Uint8Array, blockSize = 2000): Uint8Array {
  const bits = new Bits();
  bits.put(0x425a6831, 32);
  let combined = 0;
  for (let at = 0; at < bytes.length; at += blockSize) {
    const block = bytes.subarray(at, at + blockSize);
    const crc = crc32(block);
    combined = (((combined << 1) | (combined >>> 31)) ^ crc) >>> 0;
    putBlock(bits, runs(block), crc);
  }
  bits.put(0x177245385090, 48);
  bits.put(combined, 32);
  return bits.bytes();
}

function putBlock(bits: Bits, text: readonly number[], crc: number): void {
  const rotations = text
    .map((_, i) => i)
    .toSorted((a, b) => {
      for (let i = 0; i < text.length; i++) {
        const difference = text[(a + i) % text.length]! - text[(b + i) % text.length]!;
        if (difference !== 0) return difference;
      }
      return a - b;
    });
  const sorted = rotations.map((start) => text[(start + text.length - 1) % text.length]!);
  bits.put(0x314159265359, 48);
  bits.put(crc, 32);
  bits.put(0, 1);
  bits.put(rotations.indexOf(0), 24);
  const used = [...new Set(text)].toSorted((a, b) => a - b);
  const rows = Array.from({ length: 16 }, (_, row) => used.some((byte) => byte >> 4 === row));
  for (const row of rows) bits.put(row ? 1 : 0, 1);
  rows.forEach((isUsed, row) => {
    if (isUsed) for (let column = 0; column < 16; column++) bits.put(used.includes(row * 16 + column) ? 1 : 0, 1);
  });
  const symbols = toSymbols(sorted, used);
  const selectors = Math.ceil(symbols.length / 50);
  bits.put(2, 3);
  bits.put(selectors, 15);
  for (let i = 0; i < selectors; i++) bits.put(i % 2 === 0 ? 0 : 0b10, i % 2 === 0 ? 1 : 2);
  for (let table = 0; table < 2; table++) {
    bits.put(9, 5);
    for (let i = 0; i < used.length + 2; i++) bits.put(0, 1);
  }
  for (const symbol of symbols) bits.put(symbol, 9);
}

/** Move to front, and runs of zeros in two digits that count 1 and 2. */
function toSymbols(sorted: readonly number[], used: readonly number[]): number[] {
  const front = [...used];
  const symbols: number[] = [];
  let zeros = 0;
  const flush = (): void => {
    for (; zeros > 0; zeros = (zeros - 1) >> 1) symbols.push((zeros - 1) & 1);
  };
  for (const byte of sorted) {
    const place = front.indexOf(byte);
    if (place === 0) {
      zeros++;
      continue;
    }
    flush();
    symbols.push(place + 1);
    front.splice(place, 1);
    front.unshift(byte);
  }
  flush();
  return [...symbols, used.length + 1];
}

/** Four equal bytes, then how many more. */
function runs(bytes: Uint8Array): number[] {
  const out: number[] = [];
  for (let i = 0; i < bytes.length;) {
    let length = 1;
    while (length < 255 && bytes[i + length] === bytes[i]) length++;
    out.push(...Array.from({ length: Math.min(4, length) }, () => bytes[i]!));
    if (length >= 4) out.push(length - 4);
    i += length;
  }
  return out;
}

function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte << 24;
    for (let bit = 0; bit < 8; bit++) crc = crc < 0 ? (crc << 1) ^ 0x04c11db7 : crc << 1;
  }
  return ~crc >>> 0;
}
