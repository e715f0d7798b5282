// PNG files (https://www.w3.org/TR/png-3/), as far as they have 8 bits a sample and no interlacing.

import { inflate } from "./inflate";

const SIGNATURE: StaticArray<u8> = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
/** So that sizes stay far within 32 bits. */
export const MOST_PIXELS: u64 = 1 << 26;

const IHDR: u32 = 0x49484452;
const PLTE: u32 = 0x504c5445;
const TRNS: u32 = 0x74524e53;
const IDAT: u32 = 0x49444154;
const IEND: u32 = 0x49454e44;

export class Picture {
  /** Four bytes each: red, green, blue, opacity. */
  readonly pixels: Uint8Array;

  constructor(
    readonly width: i32,
    readonly height: i32,
  ) {
    this.pixels = new Uint8Array(width * height * 4);
  }

  /** Where a pixel stands in memory. */
  @inline at(x: i32, y: i32): usize {
    return this.pixels.dataStart + ((y * this.width + x) << 2);
  }

  isOpaque(): bool {
    for (let i = 3; i < this.pixels.length; i += 4) if (this.pixels[i] != 255) return false;
    return true;
  }
}

/** Cases of the variant `problem`. */
export const NOT_A_PNG: u8 = 0;
export const UNSUPPORTED: u8 = 1;
export const DAMAGED: u8 = 2;

export class Problem {
  constructor(
    readonly kind: u8,
    readonly text: string,
  ) {}
}

/** What became of reading a file: a picture, or a problem. */
export class Decoded {
  picture: Picture | null = null;
  problem: Problem | null = null;
}

function failed(kind: u8, text: string): Decoded {
  const decoded = new Decoded();
  decoded.problem = new Problem(kind, text);
  return decoded;
}

export function decode(file: Uint8Array): Decoded {
  if (file.length < 8) return failed(NOT_A_PNG, "");
  for (let i = 0; i < 8; i++) if (file[i] != SIGNATURE[i]) return failed(NOT_A_PNG, "");
  let width = 0;
  let height = 0;
  let kind = 0;
  let palette = new Uint8Array(0);
  let opacities = new Uint8Array(0);
  let packed = new Uint8Array(0);
  for (let at = 8; ; ) {
    if (at + 12 > file.length) return failed(DAMAGED, "the file ends in the middle");
    const size = word(file, at);
    if (size > <u32>(file.length - at - 12)) return failed(DAMAGED, "the file ends in the middle");
    const name = word(file, at + 4);
    const data = file.subarray(at + 8, at + 8 + <i32>size);
    if (crc32(file.subarray(at + 4, at + 8 + <i32>size)) != word(file, at + 8 + <i32>size)) return failed(DAMAGED, "a checksum is wrong");
    at += 12 + <i32>size;
    if (name == IHDR && size == 13) {
      const w = word(data, 0);
      const h = word(data, 4);
      if (w == 0 || h == 0) return failed(DAMAGED, "it has no pixels");
      if (<u64>w * <u64>h > MOST_PIXELS) return failed(UNSUPPORTED, "it is too large");
      if (data[8] != 8) return failed(UNSUPPORTED, data[8].toString() + " bits a sample, not 8");
      if (data[12] != 0) return failed(UNSUPPORTED, "it is interlaced");
      width = <i32>w;
      height = <i32>h;
      kind = data[9];
    } else if (name == PLTE) palette = data;
    else if (name == TRNS) opacities = data;
    else if (name == IDAT) packed = joined(packed, data);
    else if (name == IEND) break;
  }
  if (width == 0) return failed(DAMAGED, "it has no header");
  const samples = samplesOf(kind);
  if (samples == 0) return failed(DAMAGED, "it has colors of no kind");
  const rows = inflate(packed, 2, height * (1 + width * samples));
  if (rows == null) return failed(DAMAGED, "its pixels cannot be unpacked");
  if (!unfilter(rows, width * samples, height, samples)) return failed(DAMAGED, "it has a filter of no kind");
  const decoded = new Decoded();
  decoded.picture = kind == 3 ? fromPalette(rows, width, height, palette, opacities) : fromSamples(rows, width, height, samples);
  return decoded;
}

/** Of each pixel: gray, RGB, index, gray and opacity, RGB and opacity. */
function samplesOf(kind: i32): i32 {
  return kind == 0 || kind == 3 ? 1 : kind == 2 ? 3 : kind == 4 ? 2 : kind == 6 ? 4 : 0;
}

/** Undoes what makes rows easier to pack; each begins with the number of its filter. */
function unfilter(rows: Uint8Array, size: i32, height: i32, samples: i32): bool {
  for (let y = 0; y < height; y++) {
    const start = y * (size + 1);
    const filter = rows[start];
    if (filter > 4) return false;
    if (filter == 0) continue;
    for (let x = 1; x <= size; x++) {
      const left = x > samples ? <i32>rows[start + x - samples] : 0;
      const up = y > 0 ? <i32>rows[start + x - size - 1] : 0;
      const corner = x > samples && y > 0 ? <i32>rows[start + x - samples - size - 1] : 0;
      const guess = filter == 1 ? left : filter == 2 ? up : filter == 3 ? (left + up) >> 1 : paeth(left, up, corner);
      rows[start + x] += <u8>guess;
    }
  }
  return true;
}

function paeth(left: i32, up: i32, corner: i32): i32 {
  const guess = left + up - corner;
  const toLeft = abs(guess - left);
  const toUp = abs(guess - up);
  const toCorner = abs(guess - corner);
  return toLeft <= toUp && toLeft <= toCorner ? left : toUp <= toCorner ? up : corner;
}

function fromSamples(rows: Uint8Array, width: i32, height: i32, samples: i32): Picture {
  const picture = new Picture(width, height);
  const hasColor = samples > 2;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const from = y * (1 + width * samples) + 1 + x * samples;
      const to = picture.at(x, y);
      store<u8>(to, rows[from]);
      store<u8>(to, rows[hasColor ? from + 1 : from], 1);
      store<u8>(to, rows[hasColor ? from + 2 : from], 2);
      store<u8>(to, samples == 2 || samples == 4 ? rows[from + samples - 1] : 255, 3);
    }
  }
  return picture;
}

/** Colors that are not in the palette are black. */
function fromPalette(rows: Uint8Array, width: i32, height: i32, palette: Uint8Array, opacities: Uint8Array): Picture {
  const picture = new Picture(width, height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const color = <i32>rows[y * (1 + width) + 1 + x];
      const to = picture.at(x, y);
      for (let i = 0; i < 3; i++) store<u8>(to + i, color * 3 + i < palette.length ? palette[color * 3 + i] : 0);
      store<u8>(to, color < opacities.length ? opacities[color] : 255, 3);
    }
  }
  return picture;
}

/** Without opacity if all of it is opaque. Pixels are not packed, which keeps this short. */
export function encode(picture: Picture): Uint8Array {
  const samples = picture.isOpaque() ? 3 : 4;
  const size = picture.width * samples + 1;
  const rows = new Uint8Array(picture.height * size);
  for (let y = 0; y < picture.height; y++)
    for (let x = 0; x < picture.width; x++) memory.copy(rows.dataStart + y * size + 1 + x * samples, picture.at(x, y), samples);
  const head = new Uint8Array(13);
  setWord(head, 0, picture.width);
  setWord(head, 4, picture.height);
  head[8] = 8;
  head[9] = samples == 3 ? 2 : 6;
  const packed = stored(rows);
  const file = new Uint8Array(8 + 3 * 12 + head.length + packed.length);
  for (let i = 0; i < 8; i++) file[i] = SIGNATURE[i];
  const afterHead = chunk(file, 8, IHDR, head);
  chunk(file, chunk(file, afterHead, IDAT, packed), IEND, new Uint8Array(0));
  return file;
}

/** Gives where it ends. */
function chunk(file: Uint8Array, at: i32, name: u32, data: Uint8Array): i32 {
  setWord(file, at, data.length);
  setWord(file, at + 4, name);
  file.set(data, at + 8);
  setWord(file, at + 8 + data.length, crc32(file.subarray(at + 4, at + 8 + data.length)));
  return at + 12 + data.length;
}

const MOST_STORED = 0xffff;

/** A zlib stream of blocks that are stored as they are. */
function stored(bytes: Uint8Array): Uint8Array {
  const blocks = max(1, (bytes.length + MOST_STORED - 1) / MOST_STORED);
  const stream = new Uint8Array(2 + 5 * blocks + bytes.length + 4);
  stream[0] = 0x78;
  stream[1] = 0x01;
  let to = 2;
  for (let block = 0; block < blocks; block++) {
    const from = block * MOST_STORED;
    const size = min(MOST_STORED, bytes.length - from);
    stream[to] = block == blocks - 1 ? 1 : 0;
    store<u16>(stream.dataStart + to + 1, <u16>size);
    store<u16>(stream.dataStart + to + 3, <u16>~size);
    stream.set(bytes.subarray(from, from + size), to + 5);
    to += 5 + size;
  }
  setWord(stream, to, adler32(bytes));
  return stream;
}

function adler32(bytes: Uint8Array): u32 {
  let a: u32 = 1;
  let b: u32 = 0;
  for (let i = 0; i < bytes.length; i++) {
    a = (a + bytes[i]) % 65521;
    b = (b + a) % 65521;
  }
  return (b << 16) | a;
}

function crc32(bytes: Uint8Array): u32 {
  let crc: u32 = 0xffffffff;
  for (let i = 0; i < bytes.length; i++) {
    crc ^= bytes[i];
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >> 1) ^ 0xedb88320 : crc >> 1;
  }
  return ~crc;
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}

/** 32 bits, the highest first. */
function word(bytes: Uint8Array, at: i32): u32 {
  return bswap<u32>(load<u32>(bytes.dataStart + at));
}

function setWord(bytes: Uint8Array, at: i32, value: u32): void {
  store<u32>(bytes.dataStart + at, bswap<u32>(value));
}
