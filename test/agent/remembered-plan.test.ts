import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RememberedPlan } from '../../src/agent/remembered-plan.ts';
import * as Cid from '../../src/ipld/cid.ts';
import type { Plan } from '../../src/workflow/model.ts';

const plan = (name: string): Plan => ({ name, workflow: Cid.ofValue(name), tasks: [], groups: [], outputs: {} });

test('the last plan is read once, and no other is taken for it', async () => {
  const plans = new RememberedPlan();
  const [a, b] = [plan('a'), plan('b')];
  const reads: string[] = [];
  const get = (of: Plan): Promise<Plan> => plans.get(of.workflow, () => (reads.push(of.name), Promise.resolve(of)));
  assert.deepEqual([await get(a), await get(a), await get(b), await get(a)], [a, a, b, a]);
  assert.deepEqual(reads, ['a', 'b', 'a']);
});

test('one that cannot be read is not remembered', async () => {
  const plans = new RememberedPlan();
  const a = plan('a');
  await assert.rejects(
    plans.get(a.workflow, () => Promise.reject(new Error('damaged'))),
    /damaged/,
  );
  assert.equal(await plans.get(a.workflow, () => Promise.resolve(a)), a);
});
