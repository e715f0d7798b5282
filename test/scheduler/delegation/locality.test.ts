import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { HeldTask, OfferedTask, States } from '../../../src/protocol/mesh/work.ts';
import * as Cid from '../../../src/ipld/cid.ts';
import { BlobView } from '../../../src/scheduler/blob-view.ts';
import { HandClock } from '../../hand-clock.ts';
import { Bench } from '../harness.ts';
import { indexOf, MODULE, planOf } from '../helpers.ts';
import { Yard } from './signing-member.ts';

/** Members whose slots take time, by a clock that is moved by hand, and tasks that each need one large blob some member has. */

const MB = 2 ** 20;
/** What a task waits at most for a place that has its bytes, and one look at all that is placed. */
const MOST_IDLE = 4_000 + 250;

interface Blob {
  readonly holder: number;
  readonly size: number;
  /** Milliseconds its task takes. */
  readonly time: number;
}

interface Seen {
  /** Of each task, by its number, the member that ran it. */
  readonly at: readonly number[];
  /** Milliseconds of all. */
  readonly passed: number;
  /** The longest a slot of each member was idle while a task had no place. */
  readonly idle: readonly number[];
}

class Floor {
  readonly clock = new HandClock();
  readonly idle: number[];
  readonly at: number[];
  readonly #slots: readonly number[];
  readonly #busy: number[];
  readonly #since: number[];
  readonly #held: readonly Map<OfferedTask, HeldTask>[];
  /** Receipts that are being signed, which takes time that this clock does not know. */
  signing = 0;
  onStates: (member: number, states: States) => void = () => {};
  #placed = 0;

  constructor(slots: readonly number[], tasks: number) {
    this.#slots = slots;
    this.idle = slots.map(() => 0);
    this.#busy = slots.map(() => 0);
    this.#held = slots.map(() => new Map());
    this.#since = slots.map(() => 0);
    this.at = Array.from({ length: tasks }, () => -1);
  }

  /** A job of a member: waits for one of its slots, which it has for so long. */
  async work(member: number, offered: OfferedTask, task: number, time: number): Promise<void> {
    if (this.at[task] === -1) this.#placed++;
    this.at[task] = member;
    const held: HeldTask = { task: offered.task, attempt: offered.attempt, state: 'waiting' };
    this.#held[member]!.set(offered, held);
    this.#tell(member, false, [held]);
    while (this.#busy[member]! >= this.#slots[member]!) await this.#after(5);
    this.#busy[member]!++;
    this.#held[member]!.set(offered, { ...held, state: 'running' });
    this.#tell(member, false, [{ ...held, state: 'running' }]);
    await this.#after(time);
    this.#held[member]!.delete(offered);
    this.#busy[member]!--;
    this.signing++;
  }

  #tell(member: number, isAll: boolean, tasks: readonly HeldTask[]): void {
    this.onStates(member, { kind: 'states', run: 'RUN', epoch: 1, isAll, tasks });
  }

  async #after(ms: number): Promise<void> {
    await new Promise<void>((resolve) => this.clock.after(ms, resolve));
  }

  /** Five milliseconds, and all that follows from their passing. */
  async pass(): Promise<void> {
    this.clock.advance(5);
    for (let turns = 0; turns < 12; turns = this.signing > 0 ? 0 : turns + 1) await new Promise(setImmediate);
    const now = this.clock.monotonic();
    if (now % 1_000 === 0) this.#held.forEach((held, member) => this.#tell(member, true, [...held.values()]));
    this.#slots.forEach((slots, i) => {
      if (this.#busy[i]! >= slots || this.#placed === this.at.length) this.#since[i] = now;
      this.idle[i] = Math.max(this.idle[i]!, now - this.#since[i]!);
    });
  }
}

async function run(slots: readonly number[], blobs: readonly Blob[]): Promise<Seen> {
  await using bench = await Bench.open();
  const floor = new Floor(slots, blobs.length);
  const { clock } = floor;
  const yard = new Yard(clock);
  const cids = blobs.map((_, i) => Cid.ofBlob(Buffer.from(`blob ${i}`)));
  const plan = planOf(blobs.map((_, i) => ({ name: `t${i}`, input: { blob: cids[i]! } })));
  const numbers = new Map(blobs.map((_, i) => [indexOf(plan, `t${i}`), i]));
  const members = slots.map((count, member) =>
    yard.member({
      slots: count,
      answer: (draft, { task }) => {
        const { time } = blobs[numbers.get(task)!]!;
        return { ...draft, meta: { ...draft.meta, usage: { wall: time, cpu: time, memory: 0, output: 0 } } };
      },
      end: () => {
        floor.signing--;
        return {};
      },
      work: async (task) => {
        const number = numbers.get(task.task)!;
        await floor.work(member, task, number, blobs[number]!.time);
      },
    }),
  );
  floor.onStates = (member, states) => yard.delegation.receive(members[member]!.did, states);
  for (const member of members) member.join();
  blobs.forEach(({ holder, size }, i) => yard.delegation.holders.add(members[holder]!.did, [{ cid: cids[i]!, size }]));
  const view = new BlobView(
    { small: () => undefined, has: (cid) => cid.equals(MODULE), read: () => new Uint8Array(), alias: () => undefined },
    yard.delegation.holders,
  );
  const end = { isOver: false };
  const running = bench
    .run(
      plan,
      () => {
        throw new Error('nothing runs here');
      },
      { ...yard.options(), blobs: view, clock, commit: async () => ({ conflicts: [] }) },
    )
    .finally(() => (end.isOver = true));
  while (!end.isOver) {
    await floor.pass();
    assert.ok(clock.monotonic() < 600_000, `${floor.at.filter((at) => at === -1).length} tasks found no place`);
  }
  const { state } = await running;
  assert.equal(state, 'completed');
  return { at: floor.at, passed: clock.monotonic(), idle: floor.idle };
}

describe('large inputs', () => {
  it('are used where they are, in whatever order their tasks come', async () => {
    // First those of one member, while the other is free: then it gets those behind them.
    const blobs = Array.from({ length: 24 }, (_, i) => ({ holder: i < 12 ? 0 : 1, size: 2 * MB, time: 40 }));
    const { at } = await run([1, 1], blobs);
    assert.deepEqual(
      at,
      blobs.map(({ holder }) => holder),
    );
  });

  it('that all lie at one member go elsewhere as well, since that would not begin their tasks in time', async () => {
    const { at, idle, passed } = await run(
      [1, 1],
      Array.from({ length: 16 }, () => ({ holder: 0, size: 2 * MB, time: 200 })),
    );
    const away = at.filter((member) => member === 1).length;
    assert.ok(away >= 6 && away <= 8, `${away} of 16 went elsewhere`);
    assert.ok(idle[1]! <= 1_000 + 250, `idle for ${idle[1]}`);
    assert.ok(passed < 16 * 200 * 0.75, `${passed} ms`);
  });

  it('that are not worth it are waited for by nobody', async () => {
    const { at, idle } = await run(
      [1, 1],
      Array.from({ length: 8 }, () => ({ holder: 0, size: MB / 2, time: 100 })),
    );
    assert.equal(at.filter((member) => member === 1).length, 4);
    assert.ok(idle[1]! <= 10, `idle for ${idle[1]}`);
  });

  it('wherever they are, every task runs, and no slot is idle for long while there is one without a place', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 2, maxLength: 4 }),
        fc.array(
          fc.record({
            holder: fc.nat({ max: 3 }),
            size: fc.constantFrom(1_000, MB / 2, 2 * MB, 20 * MB, 500 * MB),
            time: fc.integer({ min: 10, max: 700 }),
          }),
          { minLength: 1, maxLength: 40 },
        ),
        async (slots, blobs) => {
          const { idle } = await run(
            slots,
            blobs.map((blob) => ({ ...blob, holder: blob.holder % slots.length })),
          );
          for (const ms of idle) assert.ok(ms <= MOST_IDLE, `a slot was idle for ${ms} ms`);
        },
      ),
      { numRuns: 20 },
    );
  });
});
