/** Five bodies that attract each other, for n steps: objects with fields, square roots. */
class Body {
  constructor(
    public x: f64,
    public y: f64,
    public z: f64,
    public mass: f64,
    public vx: f64 = 0,
    public vy: f64 = 0,
    public vz: f64 = 0,
  ) {}
}

export function run(n: i32): i32 {
  const bodies = new StaticArray<Body>(5);
  for (let i = 0; i < 5; i++) {
    const at = <f64>i;
    unchecked((bodies[i] = new Body(at * 3.1, at * at - 2, 1 - at * 0.7, 1 + at * 0.5)));
  }
  for (let step = 0; step < n; step++) {
    for (let i = 0; i < 5; i++) {
      const a = unchecked(bodies[i]);
      for (let j = i + 1; j < 5; j++) {
        const b = unchecked(bodies[j]);
        const dx = a.x - b.x;
        const dy = a.y - b.y;
        const dz = a.z - b.z;
        const squared = dx * dx + dy * dy + dz * dz + 0.01;
        const pull = 0.001 / (squared * Math.sqrt(squared));
        a.vx -= dx * b.mass * pull;
        a.vy -= dy * b.mass * pull;
        a.vz -= dz * b.mass * pull;
        b.vx += dx * a.mass * pull;
        b.vy += dy * a.mass * pull;
        b.vz += dz * a.mass * pull;
      }
    }
    for (let i = 0; i < 5; i++) {
      const body = unchecked(bodies[i]);
      body.x += body.vx * 0.001;
      body.y += body.vy * 0.001;
      body.z += body.vz * 0.001;
    }
  }
  return <i32>(unchecked(bodies[0]).x * 1000000);
}
