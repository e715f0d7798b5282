/** Puts n numbers into a hash map and takes them out: small functions that call each other. */
export function run(n: i32): i32 {
  const map = new Map<i32, i32>();
  for (let i = 0; i < n; i++) map.set((i * 7919) % 100003, i);
  let sum = 0;
  for (let i = 0; i < n; i++) if (map.has(i)) sum += map.get(i);
  return sum;
}
