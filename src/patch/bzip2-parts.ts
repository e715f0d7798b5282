import { DocketError } from '../errors.ts';

export function invalid(problem: string): DocketError {
  return new DocketError('PATCH_INVALID', `the patch cannot be applied: ${problem}`);
}

/** Of the CRC-32 that begins with the highest bit; made when a stream is begun, which costs less than a block. */
export function crcTable(): Uint32Array {
  return Uint32Array.from({ length: 256 }, (_, byte) => {
    let crc = byte << 24;
    for (let bit = 0; bit < 8; bit++) crc = crc < 0 ? (crc << 1) ^ 0x04c11db7 : crc << 1;
    return crc >>> 0;
  });
}

/** Codes of one Huffman table, longest 20 bits: of each length the last code, what to take off it, and the symbols in the order of their codes. */
export interface CodeTable {
  readonly shortest: number;
  readonly limits: Int32Array;
  readonly bases: Int32Array;
  readonly symbols: Uint16Array;
}

export const LONGEST_CODE = 20;

/** Canonical codes of these lengths. */
export function codeTable(lengths: Uint8Array): CodeTable {
  const counts = new Int32Array(LONGEST_CODE + 2);
  for (const length of lengths) counts[length]!++;
  const symbols = new Uint16Array(lengths.length);
  const next = new Int32Array(LONGEST_CODE + 2);
  const limits = new Int32Array(LONGEST_CODE + 2).fill(-1);
  const bases = new Int32Array(LONGEST_CODE + 2);
  let code = 0;
  let before = 0;
  for (let length = 1; length <= LONGEST_CODE; length++) {
    const count = counts[length]!;
    next[length] = before;
    bases[length] = code - before;
    code += count;
    limits[length] = code - 1;
    before += count;
    code *= 2;
  }
  lengths.forEach((length, symbol) => (symbols[next[length]!++] = symbol));
  return { shortest: Math.min(...lengths), limits, bases, symbols };
}
