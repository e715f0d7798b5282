import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

type Measured = Record<string, { readonly exhausted?: string; readonly depth?: number; readonly used: string }>;

const program = fileURLToPath(new URL('tiers-process.ts', import.meta.url));

function under(...flags: readonly string[]): Measured {
  const { stdout, stderr, status } = spawnSync(process.execPath, [...flags, program], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout) as Measured;
}

test('every tier of V8 counts the same fuel, and lets calls nest as deep', () => {
  const usual = under();
  assert.deepEqual(under('--liftoff-only'), usual);
  assert.deepEqual(under('--no-liftoff'), usual);
  assert.deepEqual(under('--no-liftoff', '--no-wasm-inlining'), usual);

  const deep = Object.entries(usual).filter(([, { depth }]) => depth !== undefined);
  assert.ok(deep.length > 10);
  for (const [name, { exhausted, depth }] of deep) {
    assert.equal(exhausted, 'stack', name);
    assert.ok(depth! > 50, name);
  }
  assert.ok(Object.values(usual).filter(({ used }) => Number(used) > 0).length > 50);
});
