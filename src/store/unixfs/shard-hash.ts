/** Where a name lies in a sharded directory of UnixFS: by MurmurHash3 (x64, 128 bits, seed 0), of which the first 64 bits count, one byte a level. */

const LEVELS = 8;

/** Two hexadecimal digits; undefined below the last level. */
export function shardPlace(name: string, level: number): string | undefined {
  if (level >= LEVELS) return undefined;
  const byte = (murmur3(Buffer.from(name)) >> BigInt(8 * (LEVELS - 1 - level))) & 0xffn;
  return byte.toString(16).toUpperCase().padStart(2, '0');
}

const C1 = 0x87c37b91114253d5n;
const C2 = 0x4cf5ad432745937fn;
const BLOCK = 16;

/** The first half of the hash (https://github.com/aappleby/smhasher, MurmurHash3_x64_128). */
function murmur3(bytes: Buffer): bigint {
  let [h1, h2] = [0n, 0n];
  const whole = bytes.length - (bytes.length % BLOCK);
  for (let at = 0; at < whole; at += BLOCK) {
    h1 ^= first(bytes.readBigUInt64LE(at));
    h1 = u64(u64(rotate(h1, 27n) + h2) * 5n + 0x52dce729n);
    h2 ^= second(bytes.readBigUInt64LE(at + 8));
    h2 = u64(u64(rotate(h2, 31n) + h1) * 5n + 0x38495ab5n);
  }
  // What is left, filled up with zeros: words of zero change nothing.
  const tail = Buffer.alloc(BLOCK);
  bytes.copy(tail, 0, whole);
  h2 ^= second(tail.readBigUInt64LE(8));
  h1 ^= first(tail.readBigUInt64LE(0));
  const length = BigInt(bytes.length);
  h1 = u64((h1 ^ length) + (h2 ^ length));
  h2 = u64((h2 ^ length) + h1);
  return u64(mixed(h1) + mixed(h2));
}

function first(word: bigint): bigint {
  return u64(rotate(u64(word * C1), 31n) * C2);
}

function second(word: bigint): bigint {
  return u64(rotate(u64(word * C2), 33n) * C1);
}

function mixed(word: bigint): bigint {
  let mix = word;
  mix = u64((mix ^ (mix >> 33n)) * 0xff51afd7ed558ccdn);
  mix = u64((mix ^ (mix >> 33n)) * 0xc4ceb9fe1a85ec53n);
  return mix ^ (mix >> 33n);
}

function rotate(word: bigint, by: bigint): bigint {
  return u64(word << by) | (word >> (64n - by));
}

function u64(word: bigint): bigint {
  return BigInt.asUintN(64, word);
}
