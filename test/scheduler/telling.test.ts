import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { deferred } from '../../src/base/deferred.ts';
import type { RunEvent } from '../../src/scheduler/events.ts';
import { OK, type Settled } from '../../src/scheduler/state.ts';
import { Telling } from '../../src/scheduler/telling.ts';
import { Bench, gives, nameOf } from './harness.ts';
import { planOf } from './helpers.ts';

const ends = (events: readonly RunEvent[]): number[] => events.flatMap((event) => (event.kind === 'settled' ? [event.task] : []));

/** Ends by hand; what is kept is what `keep` said. */
class Lab {
  readonly told: number[] = [];
  readonly standing = new Map<number, Settled>();
  readonly #kept: (() => void)[] = [];
  readonly telling = new Telling({
    onEvent: (event) => void (event.kind === 'settled' && this.told.push(event.task)),
    kept: () => new Promise((resolve) => this.#kept.push(resolve)),
    standing: (task) => this.standing.get(task),
    later: (go) => go(),
  });

  end(task: number, commit: number): void {
    const result: Settled = { status: OK, value: task, via: 'ran' };
    this.standing.set(task, result);
    this.telling.settled({ kind: 'settled', task, state: 'ok', via: 'ran' }, result, commit);
  }

  /** The mesh took what had been committed when it was asked for the n-th time. */
  async keep(n: number): Promise<void> {
    this.#kept[n]!();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

suite('how tasks ended', () => {
  test('is told in order, once what was committed is kept', async () => {
    const lab = new Lab();
    lab.end(3, 1);
    lab.end(1, 1);
    lab.end(2, 2);
    assert.deepEqual(lab.told, []);
    lab.telling.committed(1);
    assert.deepEqual(lab.told, []);
    await lab.keep(0);
    assert.deepEqual([lab.told, lab.telling.isDone], [[3, 1], false]);
    lab.telling.committed(2);
    await lab.keep(1);
    assert.deepEqual([lab.told, lab.telling.isDone], [[3, 1, 2], true]);
  });

  test('is told where a later commit was kept first', async () => {
    const lab = new Lab();
    lab.end(0, 1);
    lab.end(1, 2);
    lab.telling.committed(1);
    lab.telling.committed(2);
    await lab.keep(1);
    assert.deepEqual(lab.told, [0, 1]);
    await lab.keep(0);
    assert.deepEqual(lab.told, [0, 1]);
  });

  test('is told at once where nothing was left to be filed', async () => {
    const lab = new Lab();
    lab.end(0, 1);
    lab.telling.committed(1);
    await lab.keep(0);
    lab.end(1, 1);
    assert.deepEqual(lab.told, [0, 1]);
  });

  test('is not told of a task that is to be run again by then', async () => {
    const lab = new Lab();
    lab.end(0, 1);
    lab.end(1, 1);
    lab.standing.delete(0);
    lab.end(0, 2);
    lab.telling.committed(1);
    await lab.keep(0);
    assert.deepEqual(lab.told, [1]);
    lab.telling.committed(2);
    await lab.keep(1);
    assert.deepEqual(lab.told, [1, 0]);
  });

  test('is told at once of a run that is stopped, so far as it is committed', async () => {
    const lab = new Lab();
    lab.end(0, 1);
    lab.end(1, 2);
    lab.telling.committed(1);
    lab.telling.hurry();
    assert.deepEqual(lab.told, [0]);
    lab.telling.committed(2);
    assert.deepEqual(lab.told, [0, 1]);
  });

  test('is never told where its commit failed', async () => {
    const lab = new Lab();
    lab.end(0, 1);
    lab.end(1, 2);
    lab.telling.committed(1);
    lab.telling.lose();
    await lab.keep(0);
    assert.deepEqual([lab.told, lab.telling.isDone], [[0], true]);
  });

  test('is committed when it is told, and all of it is told when the run has ended', async () => {
    await using bench = await Bench.open();
    const plan = planOf([{ name: 'a' }, { name: 'b', awaits: ['a'] }, { name: 'c' }]);
    const committed = new Set<number>();
    const [told, early]: [number[], number[]] = [[], []];
    const { state } = await bench.run(plan, gives(1), {
      async commit(changes) {
        const result = await bench.commit(changes);
        for (const change of changes) if (change.kind === 'run-task') committed.add(change.index);
        return result;
      },
      onEvent(event) {
        if (event.kind === 'settled') (committed.has(event.task) ? told : early).push(event.task);
      },
    });
    assert.deepEqual([state, early, told.toSorted()], ['completed', [], [0, 1, 2]]);
  });

  test('keeps no task from being run, and the run from ending until it was told', async () => {
    await using bench = await Bench.open();
    const plan = planOf([{ name: 'a' }, { name: 'b', awaits: ['a'] }]);
    const kept = deferred<void>();
    const began = deferred<void>();
    let isOver = false;
    const running = bench
      .run(
        plan,
        (job) => {
          if (nameOf(job) === 'b') began.resolve();
          return gives(1)(job);
        },
        { kept: () => kept.promise },
      )
      .finally(() => (isOver = true));
    await began.promise;
    for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(isOver, false);
    kept.resolve();
    assert.deepEqual(ends((await running).events), [0, 1]);
  });

  test('is told where nobody can say whether it is kept', async () => {
    await using bench = await Bench.open();
    const { state, events } = await bench.run(planOf([{ name: 'a' }]), gives(1), {
      kept: () => Promise.reject(new Error('the ledger cannot be read')),
    });
    assert.deepEqual([state, ends(events)], ['completed', [0]]);
  });

  test('ends the run in order where telling it fails', async () => {
    await using bench = await Bench.open();
    const telling = (kept?: () => Promise<void>): Promise<unknown> =>
      bench.run(planOf([{ name: 'a' }, { name: 'b' }]), gives(1), {
        ...(kept === undefined ? {} : { kept }),
        onEvent({ kind }) {
          if (kind === 'settled') throw new Error('nobody listens');
        },
      });
    await assert.rejects(telling(), /nobody listens/);
    await assert.rejects(
      telling(async () => {}),
      /nobody listens/,
    );
  });

  test('keeps no run from ending that is cancelled', async () => {
    await using bench = await Bench.open();
    const stop = new AbortController();
    const { events } = await bench.run(planOf([{ name: 'a' }]), gives(1), {
      signal: stop.signal,
      kept: async () => {
        stop.abort();
        await new Promise(() => {});
      },
    });
    assert.deepEqual(ends(events), [0]);
  });

  test('is told so far as it was committed when the ledger fails', async () => {
    await using bench = await Bench.open();
    const plan = planOf([
      { name: 'a', op: 'wasi/run', input: { grant: ['clock'] } },
      { name: 'b', op: 'wasi/run', input: { grant: ['clock'] }, awaits: ['a'] },
    ]);
    const events: RunEvent[] = [];
    let commits = 0;
    await assert.rejects(
      bench.run(plan, gives(1), {
        onEvent: (event) => events.push(event),
        commit: (changes) => (++commits === 1 ? bench.commit(changes) : Promise.reject(new Error('the disk is full'))),
      }),
      /the disk is full/,
    );
    assert.deepEqual(ends(events), [0]);
  });
});
