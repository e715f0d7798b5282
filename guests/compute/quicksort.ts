/** Sorts n numbers: recursion, and branches nobody can foretell. */
function sort(a: StaticArray<i32>, from: i32, to: i32): void {
  while (from < to) {
    const pivot = unchecked(a[(from + to) >> 1]);
    let i = from;
    let j = to;
    while (i <= j) {
      while (unchecked(a[i]) < pivot) i++;
      while (unchecked(a[j]) > pivot) j--;
      if (i > j) break;
      const t = unchecked(a[i]);
      unchecked((a[i] = unchecked(a[j])));
      unchecked((a[j] = t));
      i++;
      j--;
    }
    sort(a, from, j);
    from = i;
  }
}

export function run(n: i32): i32 {
  const a = new StaticArray<i32>(n);
  let seed: u32 = 12345;
  for (let i = 0; i < n; i++) {
    seed = seed * 1664525 + 1013904223;
    unchecked((a[i] = <i32>(seed >> 1)));
  }
  sort(a, 0, n - 1);
  return unchecked(a[n >> 1]);
}
