/** Points of an n × n picture that stay bounded for 100 steps. */
export function run(n: i32): i32 {
  let inside = 0;
  for (let y = 0; y < n; y++) {
    for (let x = 0; x < n; x++) {
      const cr = (<f64>x / <f64>n) * 3 - 2;
      const ci = (<f64>y / <f64>n) * 2 - 1;
      let r: f64 = 0;
      let i: f64 = 0;
      let step = 0;
      for (; step < 100 && r * r + i * i < 4; step++) {
        const next = r * r - i * i + cr;
        i = 2 * r * i + ci;
        r = next;
      }
      if (step == 100) inside++;
    }
  }
  return inside;
}
