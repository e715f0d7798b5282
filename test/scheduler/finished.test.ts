import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isMap } from '../../src/ipld/value.ts';
import type { Change, RunTaskChange } from '../../src/ledger/change.ts';
import type { Finished } from '../../src/scheduler/lookup.ts';
import type { Plan } from '../../src/workflow/model.ts';
import { Bench, type Behavior, gives, nameOf, type RunResult } from './harness.ts';
import { indexOf, kindsOfMemo, planOf } from './helpers.ts';

/** What counts as finished in an earlier drive of the same run. */

/** Drives of one run: their rows are kept here, since the bench has no run to file them under. */
class Drives {
  readonly rows = new Map<number, RunTaskChange>();
  readonly #bench: Bench;
  readonly #plan: Plan;
  #time = 0;

  constructor(bench: Bench, plan: Plan) {
    this.#bench = bench;
    this.#plan = plan;
  }

  /** Everything gives something new each time. */
  async drive(options: Parameters<Bench['run']>[2] = {}): Promise<RunResult> {
    const before = new Map(this.rows);
    const { ledger } = this.#bench;
    const behave: Behavior = (job) => gives([nameOf(job), ++this.#time, isMap(job.input) ? job.input['args']! : null])(job);
    return await this.#bench.run(this.#plan, behave, {
      memo: {
        memo: (table, keys) => ledger.memo(table, keys),
        receiptsOfInstruction: (instruction, limit) => ledger.receiptsOfInstruction(instruction, limit),
        finished: (task) => this.#finished(before.get(task)),
      },
      begun: (task) => before.get(task)?.attempts ?? 0,
      commit: async (changes) => {
        for (const change of changes as readonly Change[]) if (change.kind === 'run-task') this.rows.set(change.index, change);
        return await this.#bench.commit(changes);
      },
      ...options,
    });
  }

  #finished(row: RunTaskChange | undefined): Finished | undefined {
    if (row === undefined) return undefined;
    return { via: row.via, key: row.key!, receipt: row.receipt!, bytes: this.#bench.ledger.receipt(row.receipt!)!.bytes };
  }
}

describe('a run that is driven once more', () => {
  it('takes what it has finished, gives it to what awaits it, and leaves the rows as they are', async () => {
    await using bench = await Bench.open();
    const drives = new Drives(bench, planOf(kindsOfMemo));
    const first = await drives.drive();
    const rows = [...drives.rows.values()];
    drives.rows.delete(3);
    const second = await drives.drive({ forced: (task) => task === 3 });
    assert.deepEqual(second.started, ['pure'], 'whose row was not written');
    const [, , given] = second.outputs['pure'] as readonly unknown[];
    const [, , before] = first.outputs['pure'] as readonly unknown[];
    assert.deepEqual(given, before);
    const third = await drives.drive();
    assert.deepEqual([third.started, third.tasks.cached, third.outputs], [[], 4, second.outputs]);
    assert.deepEqual(
      [0, 1, 2].map((task) => drives.rows.get(task)),
      [0, 1, 2].map((task) => rows.find(({ index }) => index === task)),
    );
  });

  it('runs what is forced anew, and what has another key by that', async () => {
    await using bench = await Bench.open();
    const plan = planOf(kindsOfMemo);
    const drives = new Drives(bench, plan);
    await drives.drive();
    assert.deepEqual((await drives.drive({ forced: (task) => task === indexOf(plan, 'now') })).started, ['now', 'never', 'pure']);
    assert.deepEqual((await drives.drive()).started, []);
  });

  it('takes its own result before one that another run filed since', async () => {
    await using bench = await Bench.open();
    const plan = planOf(kindsOfMemo);
    const drives = new Drives(bench, plan);
    const { outputs } = await drives.drive();
    await new Drives(bench, plan).drive({ forced: () => true });
    assert.deepEqual((await drives.drive()).outputs, outputs);
  });

  it('takes what one of its tasks took of another with the same key', async () => {
    await using bench = await Bench.open();
    const same = { meta: { memo: 'never' } };
    // Their instructions differ, and with what the seed gives their keys do not. With one slot the second is ready before the first has ended, and waits for it.
    const plan = planOf([
      { name: 'seed' },
      { name: 'one', ...same, input: { func: 'same', args: [['seed', 1, []]] } },
      { name: 'other', ...same, awaits: ['seed'], input: { func: 'same' } },
    ]);
    const drives = new Drives(bench, plan);
    assert.deepEqual((await drives.drive({ count: 1 })).started, ['seed', 'same']);
    const { receipt } = drives.rows.get(1)!;
    assert.ok(drives.rows.get(2)!.receipt!.equals(receipt!));
    assert.deepEqual((await drives.drive()).started, []);
  });

  it('does not believe a row that names a receipt of something else', async () => {
    await using bench = await Bench.open();
    const plan = planOf([kindsOfMemo[0]!, { ...kindsOfMemo[0]!, name: 'twin' }]);
    const drives = new Drives(bench, plan);
    await drives.drive();
    const [now, twin] = [drives.rows.get(0)!, drives.rows.get(1)!];
    drives.rows.set(0, { ...now, receipt: twin.receipt });
    drives.rows.set(1, { ...twin, receipt: now.receipt, key: now.key });
    assert.deepEqual((await drives.drive()).started.toSorted(), ['now', 'twin']);
  });
});
