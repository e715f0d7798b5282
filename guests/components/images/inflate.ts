// Deflate (RFC 1951) without its zlib header. Codes are decoded a bit at a time, by counting, as in Mark Adler's puff: slow, and short.

const LONGEST_CODE = 15;

const LENGTHS: StaticArray<u16> = [3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258];
const LENGTH_BITS: StaticArray<u8> = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
// prettier-ignore
const DISTANCES: StaticArray<u16> = [1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577];
const DISTANCE_BITS: StaticArray<u8> = [0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13];
/** In which order the lengths of the codes for code lengths come. */
const ORDER: StaticArray<u8> = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/** A canonical Huffman code: how many codes there are of each length, and their symbols in order. */
class Code {
  readonly counts: StaticArray<u16> = new StaticArray<u16>(LONGEST_CODE + 1);
  readonly symbols: StaticArray<u16>;

  constructor(lengths: StaticArray<u8>, from: i32, count: i32) {
    this.symbols = new StaticArray<u16>(count);
    for (let i = 0; i < count; i++) this.counts[lengths[from + i]]++;
    this.counts[0] = 0;
    const places = new StaticArray<u16>(LONGEST_CODE + 1);
    for (let i = 1; i < LONGEST_CODE; i++) places[i + 1] = places[i] + this.counts[i];
    for (let i = 0; i < count; i++) if (lengths[from + i] != 0) this.symbols[places[lengths[from + i]]++] = <u16>i;
  }
}

/** Reads `source` from the bit it stands at. Beyond its end, and where codes make no sense, `isBroken` becomes true and zeros are read. */
class Inflater {
  isBroken: bool = false;
  private bits: u32 = 0;
  private held: u32 = 0;
  private done: i32 = 0;

  constructor(
    private readonly source: Uint8Array,
    private at: i32,
    private readonly target: Uint8Array,
  ) {}

  /** Whether `target` was filled, and nothing was left over. */
  run(): bool {
    let isLast = false;
    while (!isLast && !this.isBroken) {
      isLast = this.take(1) == 1;
      const kind = this.take(2);
      if (kind == 0) this.copyStored();
      else if (kind == 1) this.inflateFixed();
      else if (kind == 2) this.inflateDynamic();
      else this.isBroken = true;
    }
    return !this.isBroken && this.done == this.target.length;
  }

  private take(count: u32): u32 {
    while (this.held < count) {
      if (this.at >= this.source.length) {
        this.isBroken = true;
        return 0;
      }
      this.bits |= (<u32>this.source[this.at++]) << this.held;
      this.held += 8;
    }
    const value = this.bits & ((1 << count) - 1);
    this.bits >>= count;
    this.held -= count;
    return value;
  }

  private symbol(code: Code): i32 {
    let value = 0;
    let first = 0;
    let index = 0;
    for (let length = 1; length <= LONGEST_CODE; length++) {
      value |= this.take(1);
      const count = <i32>code.counts[length];
      if (value - count < first) return code.symbols[index + (value - first)];
      index += count;
      first = (first + count) << 1;
      value <<= 1;
    }
    this.isBroken = true;
    return 0;
  }

  private copyStored(): void {
    this.bits = 0;
    this.held = 0;
    const length = <i32>this.take(16);
    const check = <i32>this.take(16);
    if (length != (~check & 0xffff) || this.at + length > this.source.length || this.done + length > this.target.length) {
      this.isBroken = true;
      return;
    }
    memory.copy(this.target.dataStart + this.done, this.source.dataStart + this.at, length);
    this.at += length;
    this.done += length;
  }

  private inflateFixed(): void {
    const lengths = new StaticArray<u8>(288 + 30);
    for (let i = 0; i < 288; i++) lengths[i] = i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8;
    for (let i = 0; i < 30; i++) lengths[288 + i] = 5;
    this.inflate(new Code(lengths, 0, 288), new Code(lengths, 288, 30));
  }

  private inflateDynamic(): void {
    const literals = <i32>this.take(5) + 257;
    const distances = <i32>this.take(5) + 1;
    const ordered = <i32>this.take(4) + 4;
    if (literals > 286 || distances > 30) {
      this.isBroken = true;
      return;
    }
    const ofLengths = new StaticArray<u8>(19);
    for (let i = 0; i < ordered; i++) ofLengths[ORDER[i]] = <u8>this.take(3);
    const code = new Code(ofLengths, 0, 19);
    const lengths = new StaticArray<u8>(literals + distances);
    for (let i = 0; i < literals + distances && !this.isBroken; ) {
      const symbol = this.symbol(code);
      if (symbol < 16) {
        lengths[i++] = <u8>symbol;
        continue;
      }
      let repeated: u8 = 0;
      if (symbol == 16) {
        if (i == 0) this.isBroken = true;
        else repeated = lengths[i - 1];
      }
      let times = symbol == 16 ? 3 + <i32>this.take(2) : symbol == 17 ? 3 + <i32>this.take(3) : 11 + <i32>this.take(7);
      if (i + times > literals + distances) this.isBroken = true;
      for (; times > 0 && !this.isBroken; times--) lengths[i++] = repeated;
    }
    if (!this.isBroken) this.inflate(new Code(lengths, 0, literals), new Code(lengths, literals, distances));
  }

  private inflate(literals: Code, distances: Code): void {
    const target = this.target;
    while (!this.isBroken) {
      const symbol = this.symbol(literals);
      if (symbol == 256) return;
      if (symbol < 256) {
        if (this.done == target.length) this.isBroken = true;
        else target[this.done++] = <u8>symbol;
        continue;
      }
      if (symbol > 285) {
        this.isBroken = true;
        return;
      }
      const length = <i32>LENGTHS[symbol - 257] + <i32>this.take(LENGTH_BITS[symbol - 257]);
      const by = this.symbol(distances);
      if (by > 29) {
        this.isBroken = true;
        return;
      }
      const distance = <i32>DISTANCES[by] + <i32>this.take(DISTANCE_BITS[by]);
      if (distance > this.done || this.done + length > target.length) this.isBroken = true;
      // Byte by byte: what is copied may be what was just written.
      else for (let i = 0; i < length; i++, this.done++) target[this.done] = target[this.done - distance];
    }
  }
}

/** `size` bytes from what stands at `at` of `source`; null if that is damaged or makes another number of bytes. */
export function inflate(source: Uint8Array, at: i32, size: i32): Uint8Array | null {
  const target = new Uint8Array(size);
  return new Inflater(source, at, target).run() ? target : null;
}
