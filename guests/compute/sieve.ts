/** Primes below n: byte stores in strides. */
export function run(n: i32): i32 {
  const composite = new Uint8Array(n);
  let count = 0;
  for (let i = 2; i < n; i++) {
    if (unchecked(composite[i]) != 0) continue;
    count++;
    for (let j = i * 2; j < n; j += i) unchecked((composite[j] = 1));
  }
  return count;
}
