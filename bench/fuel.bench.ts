import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../scripts/run-command.ts';
import { Counters } from '../src/sandbox/metering/counters.ts';
import { compileMetered } from '../src/sandbox/metering/compile.ts';
import { compile } from '../src/sandbox/module/prepare.ts';
import { median } from './median.ts';
import { printRow } from './print-row.ts';

/**
 * What counting fuel costs programs that do nothing but compute. The floor is the same module without it, in the same run; the two take turns, each in a fresh
 * instance, after V8 has optimized both.
 */

/** By guest: what it is called with, for some tens of milliseconds. */
const SIZES: Readonly<Record<string, number>> = {
  fibonacci: 32,
  sieve: 3_000_000,
  matrix: 300,
  mandelbrot: 500,
  bodies: 200_000,
  sha256: 60_000,
  crc32: 8_000_000,
  quicksort: 400_000,
  interpreter: 2_500_000,
  distance: 4_000,
  map: 600_000,
  virtual: 12_000_000,
};
const ROUNDS = 9;
const WARM_UP = 3;

type Compiled = ReturnType<typeof compile>;

function call({ module, info }: Compiled, size: number, counters: Counters): { readonly result: unknown; readonly took: number } {
  const memory = new WebAssembly.Memory({ initial: info.memory?.initial ?? 0, maximum: 65_536 });
  const { exports } = new WebAssembly.Instance(module, { docket: { memory }, ...counters.moduleImports });
  const began = performance.now();
  const result = (exports['run'] as (n: number) => unknown)(size);
  return { result, took: performance.now() - began };
}

const costs: { readonly name: string; readonly factor: number }[] = [];
for (const [name, size] of Object.entries(SIZES)) {
  const bytes = readFileSync(join(ROOT, `build/guests/compute/${name}.wasm`));
  const [plain, metered] = [compile(bytes), compileMetered(bytes)];
  const counters = new Counters(2n ** 62n);
  const times: [plain: number[], metered: number[]] = [[], []];
  for (let round = 0; round < WARM_UP + ROUNDS; round++) {
    const floor = call(plain, size, counters);
    const counted = call(metered, size, counters);
    if (floor.result !== counted.result) throw new Error(`${name} gave ${String(counted.result)}, not ${String(floor.result)}`);
    if (round < WARM_UP) continue;
    times[0].push(floor.took);
    times[1].push(counted.took);
  }
  const [floor, value] = [median(times[0]), median(times[1])];
  costs.push({ name, factor: value / floor });
  printRow({ what: `${name}, fuel counted`, value, unit: 'ms', floor });
}
const percent = (factor: number): number => (factor - 1) * 100;
const mean = Math.exp(costs.reduce((sum, { factor }) => sum + Math.log(factor), 0) / costs.length);
const worst = costs.reduce((a, b) => (b.factor > a.factor ? b : a));
printRow({ what: 'cost of fuel, geometric mean', value: percent(mean), unit: '%', target: 25 });
printRow({ what: `the worst of ${costs.length}: ${worst.name}`, value: percent(worst.factor), unit: '%' });
