import { BitReader } from './bit-reader.ts';
import { block, type Block } from './bzip2-block.ts';
import { crcTable, invalid } from './bzip2-parts.ts';

/**
 * Undoes bzip2, a piece at a time and only as far as it is asked. Own code, since what there is for JavaScript decodes all at once or pushes: 45 bytes stand for
 * 45 MB, so whoever decodes what strangers send must be able to stop. Holds one block, at most 900,000 bytes of it, four for each.
 *
 * The format has no specification by its maker; https://github.com/dsnet/compress/blob/master/doc/bzip2-format.pdf describes it.
 */

const PIECE = 1 << 16;
const BLOCK = 0x314159265359;
const END = 0x177245385090;

/** The first stream in `bytes`; what comes behind it is not looked at. Each piece is good until the next is asked for. Throws `PATCH_INVALID`. */
export function* bunzip2(bytes: Uint8Array): Generator<Uint8Array> {
  const bits = new BitReader(bytes);
  if (bits.take(24) !== 0x425a68) throw invalid('a part of it is not bzip2');
  const level = bits.take(8) - 0x30;
  if (level < 1 || level > 9) throw invalid('a part of it is bzip2 of an unknown block size');
  const entries = new Uint32Array(level * 100_000);
  const piece = new Uint8Array(PIECE);
  let combined = 0;
  for (;;) {
    const magic = bits.take(24) * 0x1000000 + bits.take(24);
    if (magic === END) {
      if (bits.take32() !== combined) throw invalid('a part of it is damaged: its checksum does not fit');
      return;
    }
    if (magic !== BLOCK) throw invalid('a part of it is damaged: where a block should begin there is none');
    const wanted = bits.take32();
    const crc = yield* expand(block(bits, entries), piece);
    if (crc !== wanted) throw invalid('a part of it is damaged: the checksum of a block does not fit');
    combined = (((combined << 1) | (combined >>> 31)) ^ crc) >>> 0;
  }
}

/** Walks the sorted block in the order of the text and undoes the first run-length coding: four equal bytes are followed by how many more there are. Gives the checksum. */
function* expand({ entries, length, start }: Block, piece: Uint8Array): Generator<Uint8Array, number> {
  const table = crcTable();
  let crc = 0xffffffff;
  let filled = 0;
  let run = 0;
  let last = -1;
  let at = entries[start]! >>> 8;
  for (let i = 0; i < length; i++) {
    const entry = entries[at]!;
    const byte = entry & 0xff;
    at = entry >>> 8;
    let copies = 1;
    let value = byte;
    if (run === 4) {
      copies = byte;
      value = last;
      run = 0;
      last = -1;
    } else if (byte === last) run++;
    else {
      run = 1;
      last = byte;
    }
    for (; copies > 0; copies--) {
      piece[filled++] = value;
      crc = (crc << 8) ^ table[(crc >>> 24) ^ value]!;
      if (filled < PIECE) continue;
      yield piece;
      filled = 0;
    }
  }
  if (filled > 0) yield piece.subarray(0, filled);
  return ~crc >>> 0;
}
