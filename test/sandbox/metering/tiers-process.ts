import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { Counters } from '../../../src/sandbox/metering/counters.ts';
import { compileMetered } from '../../../src/sandbox/metering/compile.ts';
import { DEEP } from './deep.ts';
import { Program } from './programs.ts';

/** Runs metered programs and prints what they used and how they ended, as JSON. To be started under other tiers of V8, which must print the same. */

const guests = new URL('../../../build/guests/compute/', import.meta.url).pathname;
const SIZES: Readonly<Record<string, number>> = { fibonacci: 15, mandelbrot: 12, matrix: 12 };

function measure(bytes: Uint8Array, calls: readonly (readonly [name: string, argument: number])[]): unknown {
  const { module, memoryImport, info } = compileMetered(bytes);
  const counters = new Counters(10_000_000);
  const memory =
    memoryImport && new WebAssembly.Memory({ initial: info.memory!.initial, maximum: Math.min(64, info.memory!.maximum ?? 64) });
  const base = new WebAssembly.Global({ value: 'i32' }, 3);
  const { exports } = new WebAssembly.Instance(module, {
    env: { base },
    ...counters.moduleImports,
    ...(memory === undefined ? {} : { docket: { memory } }),
  });
  const ends = calls.map(([name, argument]) => {
    try {
      return String((exports[name] as (n: number) => unknown)(argument));
    } catch (error) {
      return (error as Error).message;
    }
  });
  const depth = (exports['depth'] as WebAssembly.Global | undefined)?.value;
  return { ends, used: String(counters.used), exhausted: counters.exhausted, depth };
}

const measured: Record<string, unknown> = {};
for (const file of readdirSync(guests)) {
  const name = file.replace('.wasm', '');
  measured[name] = measure(readFileSync(join(guests, file)), [['run', SIZES[name] ?? 200]]);
}
for (const [name, bytes] of Object.entries(DEEP)) measured[name] = measure(bytes, [['run', 0]]);
const tapes = fc.sample(fc.array(fc.nat(1 << 16), { minLength: 100, maxLength: 1200, size: 'max' }), { numRuns: 60, seed: 7 });
for (const [i, tape] of tapes.entries()) {
  const program = new Program(tape, (['none', 'legacy', 'references'] as const)[i % 3]!);
  measured[`program ${i}`] = measure(program.encode(false), [
    ['f0', 5],
    ['f3', 12],
  ]);
}
console.log(JSON.stringify(measured));
