/** SHA-256 of a block, n times over: long straight stretches of integers. */
const K: StaticArray<u32> = new StaticArray<u32>(64);
const W: StaticArray<u32> = new StaticArray<u32>(64);
const H: StaticArray<u32> = new StaticArray<u32>(8);

/** Fractional bits of roots of primes stand here for the constants: any would do the same work. */
function prepare(): void {
  for (let i = 0; i < 64; i++) unchecked((K[i] = <u32>(<f64>4294967296 * (Math.sqrt(<f64>(i * 2 + 3)) % 1))));
  for (let i = 0; i < 8; i++) unchecked((H[i] = unchecked(K[i])));
}

function block(): void {
  for (let i = 16; i < 64; i++) {
    const a = unchecked(W[i - 15]);
    const b = unchecked(W[i - 2]);
    const s0 = rotr(a, 7) ^ rotr(a, 18) ^ (a >> 3);
    const s1 = rotr(b, 17) ^ rotr(b, 19) ^ (b >> 10);
    unchecked((W[i] = unchecked(W[i - 16]) + s0 + unchecked(W[i - 7]) + s1));
  }
  let a = unchecked(H[0]);
  let b = unchecked(H[1]);
  let c = unchecked(H[2]);
  let d = unchecked(H[3]);
  let e = unchecked(H[4]);
  let f = unchecked(H[5]);
  let g = unchecked(H[6]);
  let h = unchecked(H[7]);
  for (let i = 0; i < 64; i++) {
    const s1 = rotr(e, 6) ^ rotr(e, 11) ^ rotr(e, 25);
    const one = h + s1 + ((e & f) ^ (~e & g)) + unchecked(K[i]) + unchecked(W[i]);
    const s0 = rotr(a, 2) ^ rotr(a, 13) ^ rotr(a, 22);
    const two = s0 + ((a & b) ^ (a & c) ^ (b & c));
    h = g;
    g = f;
    f = e;
    e = d + one;
    d = c;
    c = b;
    b = a;
    a = one + two;
  }
  unchecked((H[0] += a));
  unchecked((H[1] += b));
  unchecked((H[2] += c));
  unchecked((H[3] += d));
  unchecked((H[4] += e));
  unchecked((H[5] += f));
  unchecked((H[6] += g));
  unchecked((H[7] += h));
}

export function run(n: i32): i32 {
  prepare();
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < 16; j++) unchecked((W[j] = <u32>(i * 16 + j)));
    block();
  }
  return unchecked(H[0]);
}
