import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { buildGuests } from '../../scripts/build-guests.ts';
import { Engine } from '../../src/agent/engine.ts';
import { memoryHere } from '../../src/agent/mesh/machine.ts';
import { allOps } from '../../src/agent/op-policy.ts';
import { runPlan, type RunOptions } from '../../src/agent/run-plan.ts';
import { DocketError } from '../../src/errors.ts';
import type { FinishedRun } from '../../src/scheduler/driver.ts';
import { build } from '../../src/workflow/plan.ts';
import { Place } from './helpers.ts';
import { endless, LOOP } from './mesh/hosting.ts';

/** The memory that tasks say they need, of all that runs in one process. */

before(() => buildGuests());

const GIB = 2 ** 30;
const MOST = 4 * GIB;

function needing(engine: Engine, nnc: string, memory: number, options: RunOptions): Promise<FinishedRun> {
  const { work, module } = endless({ nnc, meta: { needs: { memory }, retry: { attempts: 1 } } });
  return runPlan(engine, build([{ task: work, module, label: nnc, group: nnc }], { name: nnc }), options);
}

test('what tasks of one run need is not there for those of another', async () => {
  using place = new Place();
  await using engine = await Engine.open({ home: place.paths.home, slots: 2 });
  await engine.store.put(LOOP);
  const placing = () => ({ here: { ops: allOps(), tags: {}, memory: MOST, slots: 2 } });
  const told: string[] = [];
  const begin = (nnc: string) => {
    const stop = new AbortController();
    const started = Promise.withResolvers<void>();
    const done = needing(engine, nnc, 3 * GIB, {
      placing,
      signal: stop.signal,
      onEvent({ kind }) {
        if (kind !== 'started') return;
        told.push(`${nnc} started`);
        started.resolve();
      },
    });
    const end = async (): Promise<void> => {
      told.push(`${nnc} stopped`);
      stop.abort(new DocketError('CANCELLED', 'that was all'));
      await done;
    };
    return { started: started.promise, end };
  };
  const first = begin('first');
  await first.started;
  assert.equal(engine.slots.memory.isFree(3 * GIB, MOST), false);
  assert.equal(engine.slots.memory.isFree(GIB, MOST), true);
  const second = begin('second');
  // Nothing is free for others while somebody is in line.
  while (engine.slots.memory.isFree(GIB, MOST)) await nextTurn();
  await first.end();
  await second.started;
  await second.end();
  assert.deepEqual(told, ['first started', 'first stopped', 'second started', 'second stopped']);
  assert.equal(engine.slots.memory.isFree(MOST, MOST), true, 'all of it was given back');
});

test('a home without an agent has what the machine has', async () => {
  using place = new Place();
  await using engine = await Engine.open({ home: place.paths.home, slots: 1 });
  await engine.store.put(LOOP);
  const { state, errors } = await needing(engine, 'large', memoryHere() + GIB, {});
  assert.deepEqual([state, errors.map(({ code }) => code)], ['failed', ['unplaceable']]);
});
