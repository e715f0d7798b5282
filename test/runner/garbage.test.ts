import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Garbage } from '../../src/runner/garbage.ts';

/** How often garbage was collected. */
let collected = 0;
const global = globalThis as { gc?: unknown };
const real = global.gc;
before(() => void (global.gc = () => void collected++));
after(() => void (global.gc = real));

function collections(tasks: number, usage: { readonly memory: number; readonly output: number }): number {
  collected = 0;
  const garbage = new Garbage();
  for (let i = 0; i < tasks; i++) garbage.ended({ ...usage, wall: 0.1 });
  return collected;
}

test('a memory that the next task is lent is no garbage, whatever few bytes were returned', () => {
  assert.equal(collections(1000, { memory: 1 << 20, output: 0 }), 0);
  assert.equal(collections(1000, { memory: 1 << 20, output: 9 }), 0);
});

test('large memories and large outputs are collected before they are much', () => {
  assert.equal(collections(9, { memory: 16 << 20, output: 9 }), 1);
  assert.equal(collections(9, { memory: 0, output: 16 << 20 }), 1);
  assert.ok(collections(100, { memory: 2 << 20, output: 2 << 20 }) >= 5);
});
