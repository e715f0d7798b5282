import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as Cid from '../../src/ipld/cid.ts';
import { decode, encode } from '../../src/ipld/dag-cbor.ts';
import { build } from '../../src/workflow/plan.ts';
import { identify } from '../../src/workflow/identify.ts';
import type { Task } from '../../src/workflow/model.ts';
import { decodePlan } from '../../src/workflow/stored-plan.ts';
import { encoded } from './helpers.ts';

const module = Cid.ofBlob(new TextEncoder().encode('module'));
const task = (input: Task['run']['input']): Task => ({
  run: { rsc: `ipfs://${module}`, op: 'wasm/run', input, nnc: '' },
  cause: null,
  meta: { memory: 65536 },
  prf: [],
});

describe('stored plan', () => {
  const first = task({ func: 'f', args: [1] });
  const awaited = identify(first).instruction;
  const elsewhere = Cid.ofValue('an instruction of another workflow');
  const plan = build(
    [
      {
        task: task({ func: 'g', args: [{ 'await/ok': awaited, at: '/0' }, { 'await/*': elsewhere }] }),
        module,
        label: 'second',
        group: 'second',
      },
      { task: first, module, label: 'first', group: 'first' },
      { task: first, module: undefined, label: 'again', group: 'first' },
    ],
    { name: 'test', outputs: { out: { 'await/ok': awaited } } },
  );

  it('gives back the plan it was made of', async () => {
    const again = decodePlan(await encoded(plan));
    assert.deepEqual(again, plan);
    assert.deepEqual(
      again.tasks.map(({ instruction }) => instruction.toString()),
      plan.tasks.map(({ instruction }) => instruction.toString()),
    );
    assert.equal(plan.tasks.find(({ label }) => label === 'second')?.external.length, 1);
  });

  it('is canonical DAG-CBOR, however many tasks there are', async () => {
    for (const count of [0, 1, 23, 24, 255, 256, 257, 600]) {
      const drafts = Array.from({ length: count }, (_, i) => ({
        task: task({ func: 'f', args: [i] }),
        module,
        label: `t${i}`,
        group: 't',
      }));
      const bytes = await encoded(build(drafts, { name: 'many' }));
      assert.deepEqual(encode(decode(bytes)), bytes);
      assert.equal(decodePlan(bytes).tasks.length, count);
    }
  });

  it('refuses other bytes', () => {
    assert.throws(() => decodePlan(encode({ format: 99 })), { code: 'WORKFLOW_INVALID' });
    assert.throws(() => decodePlan(new Uint8Array([1, 2])), { code: 'IPLD_INVALID' });
  });
});
