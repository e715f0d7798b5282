import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { Counters } from '../../../src/sandbox/metering/counters.ts';
import { meter } from '../../../src/sandbox/metering/meter.ts';
import { prepare } from '../../../src/sandbox/module/prepare.ts';
import { type Exceptions, Program } from './programs.ts';

/** Everything that can be seen of a program that ran. */
interface Seen {
  readonly results: readonly string[];
  readonly memory: string;
  readonly pages: number;
  readonly table: number;
  readonly state: unknown;
}

const CALLS = [
  ['f0', 5],
  ['f1', 0],
  ['f3', 12],
] as const;

function run(bytes: Uint8Array, imports: WebAssembly.Imports = {}): { seen: Seen; isTrapped: boolean; count: bigint } {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 3 });
  const base = new WebAssembly.Global({ value: 'i32' }, 3);
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { base }, docket: { memory }, ...imports });
  const results: string[] = [];
  let isTrapped = false;
  for (const [name, argument] of CALLS) {
    try {
      results.push(String((exports[name] as (n: number) => unknown)(argument)));
    } catch (error) {
      if (error instanceof WebAssembly.Exception) results.push('exception');
      else if (error instanceof WebAssembly.RuntimeError) {
        results.push(error.message);
        isTrapped = true;
      } else throw error;
    }
    // What is counted after a trap need not be what was counted by one.
    if (isTrapped) break;
  }
  const { buffer } = memory;
  const digest = createHash('sha256').update(new Uint8Array(buffer)).digest('hex');
  const table = (exports['table'] as WebAssembly.Table).length;
  const state = (exports['state'] as WebAssembly.Global).value;
  const count = ((exports['count'] as WebAssembly.Global | undefined)?.value ?? 0n) as bigint;
  return { seen: { results, memory: digest, pages: buffer.byteLength / 65_536, table, state }, isTrapped, count };
}

const tapes = fc.array(fc.nat(1 << 16), { minLength: 40, maxLength: 600, size: 'max' });
const tally = { ended: 0, trapped: 0, thrown: 0, units: 0n };

for (const exceptions of ['none', 'legacy', 'references'] as readonly Exceptions[]) {
  test(`metered programs do the same, and use what their instructions cost, exceptions: ${exceptions}`, () => {
    fc.assert(
      fc.property(tapes, (tape) => {
        const program = new Program(tape, exceptions);
        const prepared = prepare(program.encode(false)).bytes;
        const plain = run(prepared);
        const counted = run(prepare(program.encode(true)).bytes);
        assert.deepEqual(counted.seen, plain.seen);
        const metered = meter(prepared);
        const counters = new Counters(2n ** 60n);
        const { seen } = run(metered, counters.moduleImports);
        assert.deepEqual(seen, plain.seen);
        const { used } = counters;
        if (plain.isTrapped) assert.ok(used >= counted.count, `${used} units for ${counted.count} instructions`);
        else assert.equal(used, counted.count);

        const enough = new Counters(used);
        assert.deepEqual(run(metered, enough.moduleImports).seen, plain.seen);
        assert.equal(enough.used, used);
        assert.equal(enough.exhausted, undefined);
        const short = new Counters(used - 1n);
        run(metered, short.moduleImports);
        assert.equal(short.exhausted, 'fuel');

        tally.units += used;
        tally[plain.isTrapped ? 'trapped' : plain.seen.results.includes('exception') ? 'thrown' : 'ended']++;
      }),
      { numRuns: 400 },
    );
  });
}

test('the programs do something worth counting', () => {
  assert.ok(
    tally.ended > 300 && tally.trapped > 50 && tally.thrown > 20 && tally.units > 100_000n,
    JSON.stringify(tally, (_, v) => String(v)),
  );
});
