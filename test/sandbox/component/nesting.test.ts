import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { planComponent } from '../../../src/sandbox/component/plan.ts';
import { CROSSING_SLOTS, MOST_CROSSINGS } from '../../../src/sandbox/metering/toll.ts';
import { STACK_SLOTS } from '../../../src/sandbox/metering/counters.ts';
import { componentText } from '../../components.ts';
import { chain, DESTRUCTORS } from './nesting.ts';
import { callIn, start } from './start.ts';

const destructors = await componentText(DESTRUCTORS);

test('with fuel, every tier of V8 lets calls nest as deep through the host, and counts the same for it', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'docket-nesting-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'component.wasm');
  writeFileSync(file, destructors);
  const program = fileURLToPath(new URL('nesting-process.ts', import.meta.url));
  const under = (...flags: readonly string[]): { deepest: number; ends: string[] } => {
    const { stdout, stderr, status } = spawnSync(process.execPath, [...flags, program, file], { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    return JSON.parse(stdout) as { deepest: number; ends: string[] };
  };
  const usual = under();
  assert.deepEqual(under('--liftoff-only', '--no-sparkplug', '--no-maglev', '--no-turbofan'), usual);
  assert.deepEqual(under('--no-liftoff'), usual);
  assert.equal(usual.ends.length, 1, 'the same, cold and warm');
  assert.equal((JSON.parse(usual.ends[0]!) as { exhausted: string }).exhausted, 'stack');
  // A guest’s frames are small beside the host’s.
  assert.ok(usual.deepest > 0.8 * (STACK_SLOTS / CROSSING_SLOTS) && usual.deepest < STACK_SLOTS / CROSSING_SLOTS);
});

test('without fuel, calls nest so deep through the host and no deeper', () => {
  const plan = planComponent(destructors, []);
  // The first crossing is that of the call.
  assert.equal(callIn(start(plan), plan, 'f', [MOST_CROSSINGS - 1]), 1);
  assert.throws(() => callIn(start(plan), plan, 'f', [MOST_CROSSINGS]), /calls through the host nest too deep/);
});

test('a chain of instances without code of their own is as deep as one with code', async () => {
  const short = planComponent(await componentText(chain(MOST_CROSSINGS - 1)), []);
  assert.equal(callIn(start(short), short, 'f', [7]), 7);
  const long = planComponent(await componentText(chain(MOST_CROSSINGS)), []);
  assert.throws(() => callIn(start(long), long, 'f', [7]), /calls through the host nest too deep/);
});
