import { DocketError } from '../errors.ts';
import { bunzip2 } from './bunzip2.ts';
import { ByteSource } from './byte-source.ts';
import { invalid } from './bzip2-parts.ts';

/**
 * Applies patches of bsdiff 4, as `bsdiff` and Serval's clients (by way of qbsdiff) make them. The format, after https://www.daemonology.net/bsdiff/:
 * `BSDIFF40`, three lengths (of the packed control and difference parts, and of the result), then three parts packed with bzip2. The control part is
 * triples: so many bytes of the old file with the difference part added, then so many of the extra part as they are, then how far to move in the old file. Numbers
 * have 8 bytes, little-endian, the highest bit is the sign.
 *
 * A patch is hostile until applied: nothing is allocated for what it announces, and every step is checked against what is left.
 */

const MAGIC = Buffer.from('BSDIFF40');
const HEADER = 32;
const TRIPLE = 24;
/** Triples of one patch: far more than real ones have, and few enough to go through in seconds. */
const MOST_TRIPLES = 1 << 22;
const PIECE = 1 << 16;

interface Options {
  /** Bytes of the result. */
  readonly limit: number;
}

/**
 * The result, in pieces of which each is the caller's. Throws `PATCH_INVALID`, and `BODY_TOO_LARGE` for a result
 * beyond the limit, before the first piece.
 */
export function* applyPatch(old: Uint8Array, patch: Uint8Array, { limit }: Options): Generator<Uint8Array> {
  const { control, difference, extra, size } = open(patch, limit);
  using controls = new ByteSource(bunzip2(control));
  using differences = new ByteSource(bunzip2(difference));
  using extras = new ByteSource(bunzip2(extra));
  const triple = new Uint8Array(TRIPLE);
  let position = 0;
  let made = 0;
  for (let count = 1; made < size; count++) {
    if (count > MOST_TRIPLES) throw invalid('it has too many steps');
    controls.readInto(triple);
    const [add, copy, move] = [number(triple, 0), number(triple, 8), number(triple, 16)];
    if (add < 0 || copy < 0) throw invalid('it has a step of negative length');
    if (add > size - made || copy > size - made - add) throw invalid('its steps make more than it announces');
    if (add > 0 && (position < 0 || add > old.length - position)) throw invalid('it reads beyond the blob it is for');
    for (let left = add; left > 0;) {
      const bytes = Uint8Array.from(differences.some(Math.min(left, PIECE)));
      for (let i = 0; i < bytes.length; i++) bytes[i]! += old[position + i]!;
      position += bytes.length;
      left -= bytes.length;
      yield bytes;
    }
    for (let left = copy; left > 0;) {
      const bytes = Uint8Array.from(extras.some(Math.min(left, PIECE)));
      left -= bytes.length;
      yield bytes;
    }
    made += add + copy;
    position += move;
    if (!Number.isSafeInteger(position)) throw invalid('it moves beyond all bounds');
  }
}

function open(patch: Uint8Array, limit: number) {
  if (patch.length < HEADER || MAGIC.compare(patch, 0, MAGIC.length) !== 0)
    throw invalid('it is no patch of bsdiff 4, which begins with BSDIFF40');
  const [control, difference, size] = [number(patch, 8), number(patch, 16), number(patch, 24)];
  const packed = patch.length - HEADER;
  if (control < 0 || difference < 0 || size < 0 || control > packed || difference > packed - control)
    throw invalid('its parts are not as long as it announces');
  if (size > limit)
    throw new DocketError('BODY_TOO_LARGE', `the result would have ${size} bytes, ${limit} are allowed`, { details: { limit } });
  const second = HEADER + control;
  const third = second + difference;
  return { control: patch.subarray(HEADER, second), difference: patch.subarray(second, third), extra: patch.subarray(third), size };
}

function number(bytes: Uint8Array, at: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, 8);
  const low = view.getUint32(0, true);
  const high = view.getUint32(4, true);
  const amount = (high & 0x7fffffff) * 2 ** 32 + low;
  if (!Number.isSafeInteger(amount)) throw invalid('it holds a number beyond all bounds');
  return high >= 2 ** 31 ? -amount : amount;
}
