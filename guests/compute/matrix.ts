/** Product of two n × n matrices of floats. */
export function run(n: i32): i32 {
  const a = new StaticArray<f64>(n * n);
  const b = new StaticArray<f64>(n * n);
  for (let i = 0; i < n * n; i++) {
    unchecked((a[i] = <f64>(i % 7)));
    unchecked((b[i] = <f64>(i % 5)));
  }
  let trace: f64 = 0;
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      let sum: f64 = 0;
      for (let k = 0; k < n; k++) sum += unchecked(a[i * n + k]) * unchecked(b[k * n + j]);
      if (i == j) trace += sum;
    }
  }
  return <i32>trace;
}
