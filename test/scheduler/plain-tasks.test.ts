import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as Cid from '../../src/ipld/cid.ts';
import { Lookup } from '../../src/scheduler/lookup.ts';
import { Policies } from '../../src/scheduler/policies.ts';
import { planOf, type Sketch } from './helpers.ts';

function plainOf(sketches: readonly Sketch[], forced: (task: number) => boolean = () => false): boolean[] {
  const plan = planOf(sketches);
  const nothing = { memo: () => [], receiptsOfInstruction: () => [] };
  const policies = new Policies(
    plan,
    () => 1,
    (cid) => cid,
  );
  const lookup = new Lookup(plan, policies, nothing, forced);
  return plan.tasks.map((_, task) => lookup.isPlain(task));
}

test('a task is plain that awaits nothing and calls no file by a name whose bytes have to be known', () => {
  const file = Cid.ofUnixFs(Uint8Array.of(1));
  const blob = Cid.ofBlob(Uint8Array.of(1));
  const sketches: readonly Sketch[] = [
    { name: 'a', input: { args: [1, blob] } },
    { name: 'b', awaits: ['a'] },
    { name: 'c', input: { args: [file] } },
    { name: 'd', input: { files: { deep: { in: [file] } } } },
  ];
  assert.deepEqual(plainOf(sketches), [true, false, false, false]);
});

test('what has no declared key is not plain', () => {
  const granted: Sketch = { name: 'a', input: { grant: ['clock'] }, op: 'wasi/run' };
  assert.deepEqual(plainOf([granted]), [false]);
  assert.deepEqual(
    plainOf([{ name: 'a' }], () => true),
    [false],
  );
});
