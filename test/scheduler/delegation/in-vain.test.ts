import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { RunEvent } from '../../../src/scheduler/events.ts';
import { HandClock } from '../../hand-clock.ts';
import { Bench, type RunResult } from '../harness.ts';
import { type Sketch, planOf } from '../helpers.ts';
import { beatOf, viewOf } from './sim.ts';
import { Yard } from './signing-member.ts';

const refuseHere = (): never => {
  throw new Error('nothing runs here');
};

const HOUR = 3_600_000;

/** One member that could run the tasks, and a clock moved by hand. */
class Lab {
  readonly clock = new HandClock();
  readonly yard = new Yard(this.clock);
  readonly told: RunEvent['kind'][] = [];
  /** When the last task was. */
  settled = 0;
  #seq = 1;

  /** What a member says of itself now. */
  beats(did: string, more: Parameters<typeof beatOf>[2]): void {
    this.yard.roster.hear(beatOf(viewOf(did, { slots: 4 }), ++this.#seq, more));
  }

  /** Moves the clock on until all runs are over. */
  async until(runs: readonly Promise<unknown>[], each: (now: number) => void = () => {}): Promise<void> {
    const over = { count: 0 };
    for (const run of runs) void run.finally(() => over.count++).catch(() => {});
    while (over.count < runs.length) {
      for (let turns = 0; turns < 6; turns = this.yard.signing > 0 ? 0 : turns + 1) await new Promise(setImmediate);
      assert.ok(this.clock.monotonic() < 10 * HOUR, 'it goes on for ever');
      this.clock.advance(250);
      each(this.clock.monotonic());
    }
  }

  async run(sketches: readonly Sketch[], each?: (now: number) => void): Promise<RunResult> {
    await using bench = await Bench.open();
    const { clock, told } = this;
    const onEvent = ({ kind }: RunEvent): void => {
      told.push(kind);
      if (kind === 'settled') this.settled = clock.monotonic();
    };
    const run = bench.run(planOf(sketches), refuseHere, { ...this.yard.options(), clock, onEvent });
    await this.until([run], each);
    return await run;
  }
}

const waits = (within: number): Sketch => ({ name: 'a', meta: { needs: { within } } });

describe('a task that the only member which could run it', () => {
  it('gives bad receipts for ends by its time, and is offered less and less often', async () => {
    const lab = new Lab();
    const forger = lab.yard.member({ altered: () => Buffer.from('trust me') });
    forger.join();
    const result = await lab.run([waits(60_000)]);
    assert.equal(result.errors[0]?.code, 'unplaceable');
    assert.match(result.errors[0].message, /nobody who could run it was there in time: .*its receipt was not good/);
    // After 2, 4, 8, 16 and 32 s.
    assert.equal(forger.offered.length, 5);
    assert.equal(lab.told.filter((kind) => kind === 'refused').length, 5);
  });

  it('leaves without an answer ends by its time', async () => {
    const lab = new Lab();
    lab.yard.member({ answer: () => 'nothing' }).join();
    const result = await lab.run([waits(60_000)]);
    assert.equal(result.errors[0]?.code, 'unplaceable');
    assert.match(result.errors[0].message, /it does not answer \(1 of 1 members\)/);
    assert.ok(lab.settled < 120_000, `${lab.settled} ms`);
  });

  it('has no room for ends by its time, if that member has nothing to do', async () => {
    const lab = new Lab();
    const full = lab.yard.member();
    lab.beats(full.did, { room: 0 });
    const result = await lab.run([waits(60_000)]);
    assert.equal(result.errors[0]?.code, 'unplaceable');
    assert.match(result.errors[0].message, /it takes in no tasks, idle as it is/);
    assert.equal(full.offered.length, 0);
  });

  it('has no room for whenever it is offered ends by its time, if that member has nothing to do', async () => {
    const lab = new Lab();
    lab.yard.member({ answer: () => 'overload' }).join();
    const result = await lab.run([waits(60_000)]);
    assert.equal(result.errors[0]?.code, 'unplaceable');
    assert.match(result.errors[0].message, /it says that it has no room/);
  });

  it('alone does not answer for ends after so many offers, though others of its kind go on', async () => {
    const lab = new Lab();
    const work = async (): Promise<void> => await new Promise((resolve) => lab.clock.after(750, resolve));
    const member = lab.yard.member({ work, answer: (draft, { label }) => (label === 'a' ? 'nothing' : draft) });
    member.join();
    // So that no two share a slot, quick as they say they were.
    const meta = { needs: { slots: 2 } };
    const others = Array.from({ length: 300 }, (_, i) => ({ name: `b${i}`, meta }));
    const result = await lab.run([{ name: 'a', meta }, ...others]);
    assert.equal(result.tasks.ran, 300);
    assert.equal(result.tasks.failed, 1);
    assert.equal(result.errors[0]?.code, 'unplaceable');
    assert.match(result.errors[0].message, /offered again and again, and not taken: .* does not answer/);
  });
});

describe('a task whose only member', () => {
  it('is busy for long is run when it is less so: only time in vain counts', async () => {
    const lab = new Lab();
    const member = lab.yard.member();
    lab.beats(member.did, { room: 0 });
    const said = new Map([
      [40_000, { free: 0, room: 0, waiting: 9 }],
      [HOUR, { room: 0 }],
      [HOUR + 15_000, {}],
    ]);
    const result = await lab.run([waits(60_000)], (now) => {
      const more = said.get(now);
      if (more !== undefined) lab.beats(member.did, more);
    });
    assert.equal(result.state, 'completed');
    assert.ok(lab.settled >= HOUR + 15_000);
  });

  it('has no room as often as it is asked, busy as it is, is run when it has', async () => {
    const lab = new Lab();
    let isFull = true;
    const member = lab.yard.member({ answer: (draft) => (isFull ? 'overload' : draft) });
    // A slot is free for a moment, and others are quicker each time.
    lab.beats(member.did, { free: 1, room: 1, waiting: 1 });
    const result = await lab.run([waits(60_000)], (now) => (isFull = now < HOUR));
    assert.equal(result.state, 'completed');
    assert.ok(lab.settled >= HOUR);
  });

  it('is not heard for the own link is down is run when that is up again', async () => {
    const lab = new Lab();
    const { roster } = lab.yard;
    roster.isJudging = false;
    const member = lab.yard.member({ answer: (draft) => (roster.isJudging ? draft : 'nothing') });
    member.join();
    const result = await lab.run([waits(60_000)], (now) => (roster.isJudging = now >= HOUR));
    assert.equal(result.state, 'completed');
    assert.ok(lab.settled >= HOUR);
  });
});

it('every run learns that a member gets work again, whichever run it was that left it alone', async () => {
  const lab = new Lab();
  let isPicky = true;
  let settled = 0;
  const member = lab.yard.member({ answer: (draft) => (isPicky ? 'refused' : draft) });
  member.join();
  await using bench = await Bench.open();
  await using other = await Bench.open();
  const { clock, yard } = lab;
  const options = (run: string): ReturnType<Yard['options']> => ({
    ...yard.options({ crew: yard.delegation.crewOf({ run, epoch: 1, weight: 1 }) }),
    clock,
  });
  const runs = [bench, other].map((one, i) =>
    one.run(planOf([{ name: `a${i}` }]), refuseHere, {
      ...options(`RUN${i}`),
      run: `RUN${i}`,
      onEvent: () => (settled = clock.monotonic()),
    }),
  );
  await lab.until(runs, (now) => (isPicky = now <= 500));
  for (const { state } of await Promise.all(runs)) assert.equal(state, 'completed');
  // Else one waited for its time to be over.
  assert.ok(settled < 300_000);
});
