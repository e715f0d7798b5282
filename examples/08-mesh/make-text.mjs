// Writes a text of made-up words in pieces, the more often used the shorter their rank (Zipf's law), always the same for the same numbers.
//
//   node make-text.mjs FOLDER [--bytes 1000000000] [--pieces 256] [--seed 1]

import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    bytes: { type: 'string', default: '1000000000' },
    pieces: { type: 'string', default: '256' },
    seed: { type: 'string', default: '1' },
  },
});
const [folder] = positionals;
const [bytes, pieces, seed] = [values.bytes, values.pieces, values.seed].map(Number);
if (folder === undefined || ![bytes, pieces, seed].every((number) => Number.isSafeInteger(number) && number > 0)) {
  console.error('usage: node make-text.mjs FOLDER [--bytes N] [--pieces N] [--seed N]');
  process.exit(2);
}

const WORDS = 20_000;
/** Words are drawn from a table of so many places, of which each word has as many as its share. */
const PLACES = 1 << 20;
const SYLLABLES = ['ba', 'co', 'di', 'fu', 'ge', 'ha', 'ki', 'lo', 'mu', 'ne', 'pa', 'qui', 'ra', 'so', 'ti', 'vu'];

/** Marsaglia's xorshift, 32 bits. */
function randomOf(start) {
  let state = start | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

function wordOf(rank) {
  let word = '';
  for (let rest = rank + 1; rest > 0; rest = Math.floor(rest / SYLLABLES.length)) word += SYLLABLES[rest % SYLLABLES.length];
  return word;
}

const words = Array.from({ length: WORDS }, (_, rank) => wordOf(rank));
const total = words.reduce((sum, _, rank) => sum + 1 / (rank + 1), 0);
const table = new Uint16Array(PLACES);
let [rank, share] = [0, 1 / total];
for (let place = 0; place < PLACES; place++) {
  while (place / PLACES >= share && rank < WORDS - 1) share += 1 / (++rank + 1) / total;
  table[place] = rank;
}

mkdirSync(folder, { recursive: true });
const buffer = Buffer.allocUnsafe(1 << 20);
for (let piece = 0; piece < pieces; piece++) {
  const random = randomOf(seed * 1_000_003 + piece * 7_919);
  const file = openSync(join(folder, `${String(piece).padStart(5, '0')}.txt`), 'w');
  const size = Math.floor(((piece + 1) * bytes) / pieces) - Math.floor((piece * bytes) / pieces);
  for (let [written, used] = [0, 0]; written < size;) {
    used += buffer.latin1Write(words[table[random() & (PLACES - 1)]], used);
    buffer[used++] = random() % 12 === 0 ? 0x0a : 0x20;
    if (used < buffer.length - 64 && written + used < size) continue;
    // The last word of a piece may be cut off: it is one all the same.
    const length = Math.min(used, size - written);
    writeSync(file, buffer, 0, length);
    written += length;
    used = 0;
  }
  closeSync(file);
}
