import type { BitReader } from './bit-reader.ts';
import { type CodeTable, codeTable, invalid, LONGEST_CODE } from './bzip2-parts.ts';

/** One block of bzip2: Huffman codes, runs and move-to-front undone, and the links that undo its sorting made. */
export interface Block {
  /** The low byte is one of the sorted block, the rest is where the byte after it in the text stands. */
  readonly entries: Uint32Array;
  readonly length: number;
  /** The entry before the first of the text. */
  readonly start: number;
}

const PER_SELECTOR = 50;
const RUN_A = 0;
const RUN_B = 1;

/** Reads what stands behind the checksum of a block; `entries` is filled and has as many places as a block may have bytes. Throws `PATCH_INVALID`. */
export function block(bits: BitReader, entries: Uint32Array): Block {
  if (bits.take(1) === 1) throw invalid('a part of it was made by a bzip2 of before 1.0');
  const start = bits.take(24);
  const front = usedBytes(bits);
  const tables = bits.take(3);
  if (tables < 2 || tables > 6) throw damaged();
  const selectors = readSelectors(bits, tables);
  const codes = Array.from({ length: tables }, () => codeTable(readLengths(bits, front.length + 2)));
  const counts = new Uint32Array(256);
  const length = readSymbols(bits, { front, selectors, codes, entries, counts });
  if (start >= length) throw damaged();
  link(entries, length, counts);
  return { entries, length, start };
}

function damaged(): Error {
  return invalid('a part of it is damaged');
}

/** Which bytes occur: sixteen bits say in which sixteenths, then sixteen for each of those. */
function usedBytes(bits: BitReader): Uint8Array {
  const rows = bits.take(16);
  const used: number[] = [];
  for (let row = 0; row < 16; row++) {
    if (((rows >> (15 - row)) & 1) === 0) continue;
    const columns = bits.take(16);
    for (let column = 0; column < 16; column++) if (((columns >> (15 - column)) & 1) === 1) used.push(row * 16 + column);
  }
  if (used.length === 0) throw damaged();
  return Uint8Array.from(used);
}

/** Which table each fifty symbols use, moved to front and in unary. */
function readSelectors(bits: BitReader, tables: number): Uint8Array {
  const selectors = new Uint8Array(bits.take(15));
  if (selectors.length === 0) throw damaged();
  const front = Array.from({ length: tables }, (_, i) => i);
  for (let i = 0; i < selectors.length; i++) {
    let place = 0;
    while (bits.take(1) === 1) if (++place >= tables) throw damaged();
    const [table] = front.splice(place, 1);
    front.unshift(table!);
    selectors[i] = table!;
  }
  return selectors;
}

/** Code lengths, each as its difference to the one before. */
function readLengths(bits: BitReader, symbols: number): Uint8Array {
  const lengths = new Uint8Array(symbols);
  let length = bits.take(5);
  for (let symbol = 0; symbol < symbols; symbol++) {
    for (;;) {
      if (length < 1 || length > LONGEST_CODE) throw damaged();
      if (bits.take(1) === 0) break;
      length += bits.take(1) === 0 ? 1 : -1;
    }
    lengths[symbol] = length;
  }
  return lengths;
}

interface Coded {
  /** Bytes that occur, those used last first. */
  readonly front: Uint8Array;
  readonly selectors: Uint8Array;
  readonly codes: readonly CodeTable[];
  readonly entries: Uint32Array;
  /** How often each byte occurs. */
  readonly counts: Uint32Array;
}

/** Fills `entries` with the bytes of the sorted block; gives how many there are. */
function readSymbols(bits: BitReader, { front, selectors, codes, entries, counts }: Coded): number {
  const end = front.length + 1;
  let length = 0;
  let run = 0;
  let weight = 1;
  for (let group = 0; group < selectors.length; group++) {
    const table = codes[selectors[group]!]!;
    for (let left = PER_SELECTOR; left > 0; left--) {
      const symbol = readSymbol(bits, table);
      if (symbol === RUN_A || symbol === RUN_B) {
        run += symbol === RUN_A ? weight : 2 * weight;
        weight *= 2;
        if (run > entries.length) throw damaged();
        continue;
      }
      if (run > 0) {
        const byte = front[0]!;
        if (run > entries.length - length) throw damaged();
        entries.fill(byte, length, length + run);
        counts[byte]! += run;
        length += run;
        run = 0;
        weight = 1;
      }
      if (symbol === end) return length;
      if (length === entries.length) throw damaged();
      const byte = front[symbol - 1]!;
      for (let i = symbol - 1; i > 0; i--) front[i] = front[i - 1]!;
      front[0] = byte;
      entries[length++] = byte;
      counts[byte]!++;
    }
  }
  throw damaged();
}

function readSymbol(bits: BitReader, { shortest, limits, bases, symbols }: CodeTable): number {
  const ahead = bits.peek(LONGEST_CODE);
  for (let length = shortest; length <= LONGEST_CODE; length++) {
    const code = ahead >>> (LONGEST_CODE - length);
    if (code > limits[length]!) continue;
    const symbol = symbols[code - bases[length]!];
    if (symbol === undefined) break;
    bits.skip(length);
    return symbol;
  }
  throw damaged();
}

/** Puts beside each byte of the sorted block where the next of the text is: the bytes in order are its first column. */
function link(entries: Uint32Array, length: number, counts: Uint32Array): void {
  const next = new Uint32Array(256);
  let sum = 0;
  for (let byte = 0; byte < 256; byte++) {
    next[byte] = sum;
    sum += counts[byte]!;
  }
  for (let i = 0; i < length; i++) {
    const byte = entries[i]! & 0xff;
    const at = next[byte]!++;
    entries[at] = (entries[at]! & 0xff) | (i << 8);
  }
}
