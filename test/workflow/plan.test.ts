import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { CID } from '../../src/ipld/cid.ts';
import { ofBlob, ofValue } from '../../src/ipld/cid.ts';
import type { Ipld, IpldMap } from '../../src/ipld/value.ts';
import { identify, invocationOf } from '../../src/workflow/identify.ts';
import type { Task } from '../../src/workflow/model.ts';
import { build, type Draft } from '../../src/workflow/plan.ts';
import { decodePlan } from '../../src/workflow/stored-plan.ts';
import { awaitsOf, encoded, labelsOf, taskOf } from './helpers.ts';

const module = ofBlob(Uint8Array.of(0));

function draft(label: string, args: readonly Ipld[], meta: IpldMap = {}): Draft {
  const task: Task = { run: { rsc: `ipfs://${module}`, op: 'wasm/run', input: { func: 'f', args }, nnc: '' }, cause: null, meta, prf: [] };
  return { task, module, label, group: label.replace(/\d+$/, '') };
}

function name({ task }: Draft): CID {
  return identify(task).instruction;
}

test('tasks stand after those they await, otherwise as given', () => {
  const a = draft('a', [1]);
  const b = draft('b', [2]);
  const c = draft('c', [{ 'await/ok': name(b) }, { deep: [{ 'await/error': name(a) }] }]);
  const d = draft('d', [{ 'await/ok': name(c) }]);
  const plan = build([d, a, c, b]);
  assert.deepEqual(labelsOf(plan), ['b', 'a', 'c', 'd']);
  assert.deepEqual(taskOf(plan, 'c').awaits, [
    { task: 0, branch: 'await/ok' },
    { task: 1, branch: 'await/error' },
  ]);
  assert.deepEqual(labelsOf(build([a, b, c, d])), ['a', 'b', 'c', 'd']);
});

test('an await is listed once per task and branch', () => {
  const a = draft('a', [1]);
  const ok = { 'await/ok': name(a) };
  const b = draft('b', [ok, ok, { 'await/ok': name(a), at: '/x' }, { 'await/error': name(a) }]);
  assert.deepEqual(taskOf(build([a, b]), 'b').awaits, [
    { task: 0, branch: 'await/ok' },
    { task: 0, branch: 'await/error' },
  ]);
});

test('a promise on an instruction of nobody is external', () => {
  const elsewhere = ofValue('elsewhere');
  const plan = build([draft('a', [{ 'await/ok': elsewhere, at: '/x' }])]);
  assert.deepEqual(plan.tasks[0]!.awaits, []);
  assert.deepEqual(plan.tasks[0]!.external, [{ branch: 'await/ok', instruction: elsewhere, at: '/x' }]);
});

test('the same task twice is one task with two labels', () => {
  const plan = build([draft('a', [1]), draft('b', [1]), draft('c', [2])]);
  assert.deepEqual(labelsOf(plan), ['a', 'c']);
  assert.deepEqual(plan.tasks[0]!.aliases, ['b']);
  assert.equal(plan.tasks[1]!.aliases, undefined);
  assert.equal(plan.workflow.toString(), build([draft('x', [1]), draft('y', [2])]).workflow.toString());
});

test('the same instruction with other settings is refused', () => {
  assert.throws(() => build([draft('a', [1]), draft('b', [1], { time: 5 })]), {
    code: 'WORKFLOW_DUPLICATE',
    message: /"b" is the same instruction as "a"/,
    next: /nonce/,
  });
});

test('where duplicates are refused, the text is Homestar’s', () => {
  const message = 'workflow cannot contain duplicate tasks: use a nonce (nnc field) to ensure uniqueness';
  assert.throws(() => build([draft('a', [1]), draft('b', [1])], { duplicates: 'refuse' }), { code: 'WORKFLOW_DUPLICATE', message });
});

test('groups are counted, in the order asked for', () => {
  const plan = build([draft('b1', [1]), draft('a1', [2]), draft('b2', [3])], { groups: ['a', 'b', 'c'] });
  assert.deepEqual(plan.groups, [
    { name: 'a', size: 1 },
    { name: 'b', size: 2 },
    { name: 'c', size: 0 },
  ]);
});

test('names and invocations', () => {
  const plan = build([draft('a', [1])], { outputs: { x: 1 } });
  assert.equal(plan.name, plan.workflow.toString());
  assert.equal(build([draft('a', [1])], { name: 'mine' }).name, 'mine');
  assert.equal(plan.tasks[0]!.invocation.toString(), invocationOf(draft('a', [1]).task).toString());
  assert.deepEqual(plan.outputs, { x: 1 });
});

test('a chain of 20,000 tasks given backwards is sorted', () => {
  const chain: Draft[] = [draft('t0', [0])];
  for (let i = 1; i < 20_000; i++) chain.push(draft(`t${i}`, [{ 'await/ok': name(chain[i - 1]!) }]));
  const plan = build(chain.toReversed());
  assert.equal(plan.tasks[0]!.label, 't0');
  assert.ok(plan.tasks.every(({ awaits }, i) => (i === 0 ? awaits.length === 0 : awaits[0]!.task === i - 1)));
});

/** Random graphs: each task awaits some of those before it, then all are shuffled. */
const graphs = fc.array(fc.array(fc.nat(), { maxLength: 4 }), { minLength: 1, maxLength: 30 }).chain((rows) =>
  fc.tuple(
    fc.constant(rows),
    fc.shuffledSubarray(
      rows.map((_, i) => i),
      { minLength: rows.length },
    ),
  ),
);

test('every order of the same tasks gives a valid plan, and storing it changes nothing', async () => {
  await fc.assert(
    fc.asyncProperty(graphs, async ([rows, order]) => {
      const drafts: Draft[] = [];
      rows.forEach((needs, i) =>
        drafts.push(draft(`t${i}`, [i, ...needs.filter(() => i > 0).map((need) => ({ 'await/ok': name(drafts[need % i]!) }))])),
      );
      const plan = build(
        order.map((i) => drafts[i]!),
        { name: 'random', outputs: { last: { 'await/ok': name(drafts[drafts.length - 1]!) } } },
      );
      assert.equal(plan.tasks.length, drafts.length);
      plan.tasks.forEach(({ awaits }, i) => assert.ok(awaits.every(({ task }) => task < i)));
      rows.forEach((needs, i) => {
        const wanted = i === 0 ? [] : [...new Set(needs.map((need) => `t${need % i}`))];
        assert.deepEqual(awaitsOf(plan, `t${i}`).toSorted(), wanted.toSorted());
      });
      const again = decodePlan(await encoded(plan));
      assert.deepEqual(labelsOf(again), labelsOf(plan));
      assert.deepEqual(
        again.tasks.map(({ awaits }) => awaits),
        plan.tasks.map(({ awaits }) => awaits),
      );
      assert.deepEqual(
        again.tasks.map(({ invocation }) => invocation.toString()),
        plan.tasks.map(({ invocation }) => invocation.toString()),
      );
      assert.equal(again.workflow.toString(), plan.workflow.toString());
      assert.deepEqual({ name: again.name, groups: again.groups }, { name: plan.name, groups: plan.groups });
      assert.deepEqual(Object.keys(again.outputs), ['last']);
    }),
    { numRuns: 50 },
  );
});

test('a stored plan keeps aliases, and modules that are not known', async () => {
  const plan = build([draft('a', [1]), draft('b', [1]), { ...draft('c', [2]), module: undefined }]);
  const again = decodePlan(await encoded(plan));
  assert.deepEqual(again.tasks[0]!.aliases, ['b']);
  assert.equal(again.tasks[1]!.module, undefined);
  assert.equal(again.tasks[0]!.module?.toString(), module.toString());
});

test('a damaged stored plan is refused', async () => {
  const bytes = await encoded(build([draft('a', [1])]));
  for (let at = 0; at < bytes.length; at += 7) {
    const damaged = bytes.slice();
    damaged[at]! ^= 0x20;
    try {
      decodePlan(damaged);
    } catch (error) {
      assert.match((error as { code?: string }).code ?? String(error), /^(WORKFLOW|IPLD|CID)_/);
    }
  }
  assert.throws(() => decodePlan(bytes.subarray(0, 20)), { code: 'IPLD_INVALID' });
});
