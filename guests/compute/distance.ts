/** Edit distance of two texts of n characters: a table filled row by row. */
export function run(n: i32): i32 {
  const a = new Uint8Array(n);
  const b = new Uint8Array(n);
  for (let i = 0; i < n; i++) {
    unchecked((a[i] = <u8>((i * 7) % 26)));
    unchecked((b[i] = <u8>((i * 11) % 26)));
  }
  const row = new StaticArray<i32>(n + 1);
  for (let j = 0; j <= n; j++) unchecked((row[j] = j));
  for (let i = 1; i <= n; i++) {
    let diagonal = unchecked(row[0]);
    unchecked((row[0] = i));
    for (let j = 1; j <= n; j++) {
      const above = unchecked(row[j]);
      const same = unchecked(a[i - 1]) == unchecked(b[j - 1]);
      unchecked((row[j] = same ? diagonal : 1 + min(diagonal, min(above, unchecked(row[j - 1])))));
      diagonal = above;
    }
  }
  return unchecked(row[n]);
}
