import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ofBlob, ofValue, ofValueBytes } from '../../src/ipld/cid.ts';
import { encode } from '../../src/ipld/dag-cbor.ts';
import { Float, type Ipld } from '../../src/ipld/value.ts';
import { identify, invocationOf, WorkflowNamer } from '../../src/workflow/identify.ts';
import type { Task } from '../../src/workflow/model.ts';

const link = ofBlob(Uint8Array.of(1));

const TASKS: readonly Task[] = [
  {
    run: { rsc: 'ipfs://x', op: 'wasm/run', input: { func: 'f', args: [1, new Float(1), link] }, nnc: '' },
    cause: null,
    meta: {},
    prf: [],
  },
  {
    run: { rsc: 'a.wasm', op: 'wasi/run', input: {}, nnc: Uint8Array.of(1, 2) },
    cause: { by: link },
    meta: { memory: 65_536, retry: { attempts: 1 } },
    prf: [link],
  },
  { run: { rsc: 'long', op: 'wasm/run', input: 'x'.repeat(3_000_000), nnc: '' }, cause: null, meta: {}, prf: [] },
];

test('names are those of the records, encoded whole', () => {
  for (const task of TASKS) {
    const { run, cause, meta, prf } = task;
    const record = { run: { ...run }, cause, meta, prf } satisfies Ipld;
    assert.equal(identify(task).instruction.toString(), ofValue({ ...run }).toString());
    assert.equal(invocationOf(task).toString(), ofValue({ task: record }).toString());
  }
});

test('a workflow put together from its tasks has the name of the whole', () => {
  for (const count of [0, 1, 3, 23, 24, 300]) {
    const tasks = Array.from({ length: count }, (_, i): Task => ({ ...TASKS[i % 2]!, cause: i }));
    if (count === 3) tasks.push(TASKS[2]!);
    const namer = new WorkflowNamer();
    for (const task of tasks) {
      const run = namer.encode(task.run);
      assert.equal(ofValueBytes(run).toString(), ofValue({ ...task.run }).toString());
      namer.add(run, task, encode(task.meta));
    }
    const whole = { tasks: tasks.map(({ run, cause, meta, prf }) => ({ run: { ...run }, cause, meta, prf })) };
    assert.equal(namer.workflow().toString(), ofValue(whole).toString());
  }
});

test('keys that do not belong to a record do not count', () => {
  const [task] = TASKS;
  const more = { ...task!, extra: 1, run: { ...task!.run, extra: 2 } };
  assert.equal(invocationOf(more).toString(), invocationOf(task!).toString());
  assert.equal(identify(more).instruction.toString(), identify(task!).instruction.toString());
});
