import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Engine } from '../../src/agent/engine.ts';
import { recordsOf } from '../../src/agent/records.ts';
import { resumeRun } from '../../src/agent/run-plan.ts';
import { Flight } from '../../src/ledger/flight.ts';
import { Lock } from '../../src/ledger/locks.ts';
import * as Cid from '../../src/ipld/cid.ts';
import type { RunTaskChange } from '../../src/ledger/change.ts';
import type { Plan } from '../../src/workflow/model.ts';
import { build } from '../../src/workflow/plan.ts';
import { encodePlan } from '../../src/workflow/stored-plan.ts';
import { Place } from './helpers.ts';

/** Homes as a killed coordinator leaves them, and what the next start makes of each. */

const RUN = '01K00000000000000000000000';
const MODULE = Cid.ofBlob(Buffer.from('a module'));

function planOf(size: number): Plan {
  const drafts = Array.from({ length: size }, (_, i) => {
    const run = { rsc: `ipfs://${MODULE}`, op: 'wasm/run', input: { func: 'f', args: [i] }, nnc: '' };
    return { task: { run, cause: null, meta: {}, prf: [] }, module: MODULE, label: `t${i}`, group: 't' };
  });
  return build(drafts, { name: 'left behind' });
}

interface Left {
  readonly state?: 'cancelled' | 'completed';
  /** Attempts begun, as `[task, attempt]`; those given back as `[task, attempt, 'returned']`. */
  readonly journal: readonly (readonly [number, number, 'returned'?])[];
  /** Attempts concluded: the number in the task's row. */
  readonly rows?: Readonly<Record<number, number>>;
}

async function leave(place: Place, plan: Plan, { state, journal, rows = {} }: Left): Promise<void> {
  await using engine = await Engine.open({ home: place.paths.home });
  const stored = await engine.store.put(encodePlan(plan));
  await engine.ledger.commit([
    {
      kind: 'run',
      run: RUN,
      name: plan.name,
      workflow: plan.workflow,
      plan: stored.cid,
      options: {},
      tasks: plan.tasks.length,
      created: 1,
    },
    ...Object.entries(rows).map(([index, attempts]): RunTaskChange => ({
      kind: 'run-task',
      run: RUN,
      index: Number(index),
      label: `t${index}`,
      instruction: plan.tasks[Number(index)]!.instruction,
      state: 'failed',
      via: 'ran',
      receipt: null,
      key: null,
      attempts,
      cause: null,
    })),
    ...(state === undefined ? [] : [{ kind: 'run-update', run: RUN, state } as const]),
  ]);
  const flight = new Flight(engine.paths.flight(RUN));
  for (const [index, attempt, back] of journal) {
    if (back === undefined) flight.started([{ index, attempt }]);
    else flight.returned({ index, attempt });
  }
  flight.close();
}

/** Opens the home and gives the crash receipts there are then, as `[task, attempt]`. */
async function recovered(
  place: Place,
  plan: Plan,
): Promise<{ readonly crashes: (readonly [number, number])[]; readonly state: string | undefined }> {
  await using engine = await Engine.open({ home: place.paths.home });
  const instructions = plan.tasks.map((task) => Buffer.from(task.instruction.bytes).toString('hex'));
  for (const { code } of place.receipts()) assert.equal(code, 'lost');
  return {
    crashes: place.receipts().map(({ instruction, attempt }) => [instructions.indexOf(instruction), attempt] as const),
    state: engine.ledger.run(RUN)?.state,
  };
}

test('what was begun and not concluded gets its crash receipts, once', async () => {
  using place = new Place();
  const plan = planOf(6);
  await leave(place, plan, {
    journal: [
      [0, 1],
      [1, 1],
      [2, 1],
      [2, 2],
      [3, 1],
      [3, 2],
      [4, 1],
      [4, 1, 'returned'],
      [5, 1],
      [5, 1, 'returned'],
      [5, 1],
    ],
    // 0 settled; 2 had a retry under way; 3 had neither of its receipts committed; 4 was given back; 5 was given away anew.
    rows: { 0: 1, 2: 1 },
  });
  const expected = {
    crashes: [
      [1, 1],
      [2, 2],
      [3, 1],
      [3, 2],
      [5, 1],
    ],
    state: 'interrupted',
  };
  assert.deepEqual(await recovered(place, plan), expected);
  assert.deepEqual(place.leftovers(), []);
  assert.deepEqual(await recovered(place, plan), expected);
});

test('a retry that rested when its coordinator was killed was not in flight', async () => {
  using place = new Place();
  await leave(place, planOf(1), { journal: [[0, 1]], rows: { 0: 1 } });
  assert.deepEqual(await recovered(place, planOf(1)), { crashes: [], state: 'interrupted' });
});

test('in a run taken up again, only attempts after the last one on record count', async () => {
  using place = new Place();
  await leave(place, planOf(2), {
    journal: [
      [0, 4],
      [1, 2],
    ],
    rows: { 0: 3, 1: 2 },
  });
  assert.deepEqual(await recovered(place, planOf(2)), { crashes: [[0, 4]], state: 'interrupted' });
});

test('a recovery that was killed before it removed the journal is not repeated', async () => {
  using place = new Place();
  const plan = planOf(2);
  await leave(place, plan, {
    journal: [
      [0, 1],
      [1, 1],
    ],
  });
  const first = await recovered(place, plan);
  assert.equal(first.crashes.length, 2);
  writeFileSync(place.paths.flight(RUN), '0 1\n1 1\n');
  assert.deepEqual(await recovered(place, plan), first);
  assert.deepEqual(place.leftovers(), []);
});

test('a run that was cancelled or completed while its coordinator died keeps that state', async () => {
  for (const state of ['cancelled', 'completed'] as const) {
    using place = new Place();
    await leave(place, planOf(1), { state, journal: [[0, 1]] });
    assert.deepEqual(await recovered(place, planOf(1)), { crashes: [[0, 1]], state });
    assert.deepEqual(place.leftovers(), []);
  }
});

test('a run that somebody drives is left alone', async () => {
  using place = new Place();
  await leave(place, planOf(1), { journal: [[0, 1]] });
  {
    using lock = Lock.tryAcquire(place.paths.runLock(RUN));
    assert.ok(lock !== undefined);
    assert.deepEqual(await recovered(place, planOf(1)), { crashes: [], state: 'running' });
    assert.ok(existsSync(place.paths.flight(RUN)));
  }
  assert.deepEqual(await recovered(place, planOf(1)), { crashes: [[0, 1]], state: 'interrupted' });
});

test('what a command had in flight that was killed while this home was open is settled before its run is taken up, or deleted', async () => {
  using place = new Place();
  const plan = planOf(1);
  await using engine = await Engine.open({ home: place.paths.home });
  const attempts = (): (readonly [string | undefined, number])[] => place.receipts().map(({ code, attempt }) => [code, attempt]);
  await leave(place, plan, { journal: [[0, 1]] });
  assert.equal((await resumeRun(engine, RUN, plan)).state, 'failed', 'there is no such module');
  assert.deepEqual(attempts(), [
    ['lost', 1],
    ['unfetched', 1],
  ]);

  using other = new Place();
  await using second = await Engine.open({ home: other.paths.home });
  await leave(other, plan, { state: 'cancelled', journal: [[0, 1]] });
  await recordsOf(second).runs.delete(RUN);
  assert.deepEqual(
    [second.ledger.run(RUN), other.receipts().map(({ code }) => code), other.leftovers().filter((name) => !name.startsWith('driver-'))],
    [undefined, ['lost'], []],
  );
});

test('a home whose interrupted run has lost its plan works, and the receipts are made when the plan is back', async () => {
  using place = new Place();
  const plan = planOf(1);
  await leave(place, plan, { journal: [[0, 1]] });
  const cid = Cid.ofBlob(Buffer.concat(await Array.fromAsync(encodePlan(plan))));
  place.tamper('DELETE FROM small WHERE digest = ?', cid.multihash.digest);
  assert.deepEqual(await recovered(place, plan), { crashes: [], state: 'interrupted' });
  assert.ok(existsSync(place.paths.flight(RUN)));
  {
    await using engine = await Engine.open({ home: place.paths.home });
    await engine.store.put(encodePlan(plan));
  }
  assert.deepEqual(await recovered(place, plan), { crashes: [[0, 1]], state: 'interrupted' });
  assert.deepEqual(place.leftovers(), []);
});

test('locks, marks and journals of runs nobody knows are swept', async () => {
  using place = new Place();
  await leave(place, planOf(1), { journal: [] });
  writeFileSync(join(place.paths.locks, 'run-01K11111111111111111111111'), '');
  writeFileSync(join(place.paths.locks, 'waiting-0-somebody'), '');
  writeFileSync(place.paths.flight('01K22222222222222222222222'), '0 1\n');
  assert.equal((await recovered(place, planOf(1))).state, 'interrupted');
  assert.deepEqual(place.leftovers(), []);
});
