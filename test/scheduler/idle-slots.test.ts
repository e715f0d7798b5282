import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Lease, SlotSource } from '../../src/scheduler/local-crew.ts';
import { parseAgree } from '../../src/workflow/agree.ts';
import { HandClock } from '../hand-clock.ts';
import { Yard } from './delegation/signing-member.ts';
import { Bench, gives, nameOf } from './harness.ts';
import { planOf } from './helpers.ts';

/** One slot, whose jobs take 100 ms. */
class OneSlot implements SlotSource {
  readonly #clock: HandClock;
  held = 0;
  /** How often it was given out. */
  given = 0;

  constructor(clock: HandClock) {
    this.#clock = clock;
  }

  async acquire(): Promise<Lease> {
    assert.equal(this.held, 0, 'nobody asks for a second');
    this.held = 1;
    this.given++;
    return {
      slot: {
        submit: async (job) => {
          await new Promise<void>((resolve) => this.#clock.after(100, resolve));
          return gives(nameOf(job))(job);
        },
      },
      isWantedHere: () => false,
      isWantedElsewhere: () => false,
      release: async () => void (this.held = 0),
    };
  }
}

/** A run on one slot here, and on members. */
class Lab {
  readonly clock = new HandClock();
  readonly slot = new OneSlot(this.clock);
  readonly yard = new Yard(this.clock);

  async pass(ms: number): Promise<void> {
    for (const until = this.clock.monotonic() + ms; this.clock.monotonic() < until;) {
      for (let turns = 0; turns < 6; turns = this.yard.signing > 0 ? 0 : turns + 1) await new Promise(setImmediate);
      this.clock.advance(50);
    }
  }

  async until(run: Promise<unknown>): Promise<void> {
    const state = { isOver: false };
    void run.finally(() => (state.isOver = true)).catch(() => {});
    for (let passed = 0; !state.isOver; passed += 50) {
      assert.ok(passed < 600_000, 'it goes on for ever');
      await this.pass(50);
    }
  }

  get options() {
    const here = { ops: ['wasm/run'], tags: {}, memory: 2 ** 30, slots: 1 };
    return { ...this.yard.options({ here }), source: this.slot, count: 1, clock: this.clock };
  }
}

const refuse = (): never => assert.fail('the slots are those of the lab');

describe('a run that only waits holds no slot', () => {
  it('nor asks for one, for tasks that nobody there could run', async () => {
    await using bench = await Bench.open();
    const lab = new Lab();
    const meta = { needs: { tags: { nope: 'x' }, within: 60_000 } };
    const run = bench.run(planOf([{ name: 'a', meta }]), refuse, lab.options);
    await lab.until(run);
    assert.equal((await run).errors[0]?.code, 'unplaceable');
    assert.equal(lab.slot.given, 0);
  });

  it('nor asks for one, for tasks that are for a member which is busy', async () => {
    await using bench = await Bench.open();
    const lab = new Lab();
    const work = async (): Promise<void> => await new Promise((resolve) => lab.clock.after(700, resolve));
    lab.yard.member({ slots: 1, tags: { gpu: 'x' }, work }).join();
    const meta = { needs: { tags: { gpu: 'x' } } };
    const run = bench.run(planOf(['a', 'b', 'c', 'd', 'e'].map((name) => ({ name, meta }))), refuse, lab.options);
    await lab.until(run);
    assert.equal((await run).tasks.ran, 5);
    assert.equal(lab.slot.given, 0);
  });

  it('once it has said itself what comes out, and others are to say so too', async () => {
    await using bench = await Bench.open();
    const lab = new Lab();
    const meta = { needs: { within: 60_000 } };
    const run = bench.run(planOf([{ name: 'a', meta }]), refuse, { ...lab.options, agree: parseAgree('2/2') });
    await lab.pass(2_000);
    assert.deepEqual([lab.slot.given, lab.slot.held], [1, 0]);
    lab.yard.member().join();
    await lab.until(run);
    assert.deepEqual([(await run).state, lab.slot.given], ['completed', 1]);
  });

  it('while outputs are being kept, and gets one again for what comes after', async () => {
    await using bench = await Bench.open();
    const lab = new Lab();
    const kept = Promise.withResolvers<undefined[]>();
    const plan = planOf([
      { name: 'a', meta: { durable: true } },
      { name: 'b', awaits: ['a'] },
    ]);
    const run = bench.run(plan, refuse, { ...lab.options, keep: async () => await kept.promise });
    await lab.pass(2_000);
    assert.deepEqual([lab.slot.given, lab.slot.held], [1, 0]);
    kept.resolve([undefined]);
    await lab.until(run);
    assert.deepEqual([(await run).tasks.ran, lab.slot.given], [2, 2]);
  });
});

describe('a run that has work here', () => {
  it('keeps its slot from one task to the next', async () => {
    await using bench = await Bench.open();
    const lab = new Lab();
    const chain = Array.from({ length: 30 }, (_, i) => ({ name: `t${i}`, ...(i === 0 ? {} : { awaits: [`t${i - 1}`] }) }));
    const run = bench.run(planOf(chain), refuse, lab.options);
    await lab.until(run);
    assert.deepEqual([(await run).tasks.ran, lab.slot.given], [30, 1]);
  });

  it('keeps it beside tasks that wait for others', async () => {
    await using bench = await Bench.open();
    const lab = new Lab();
    const meta = { needs: { tags: { nope: 'x' }, within: 4_000 } };
    const waiting = Array.from({ length: 5 }, (_, i) => ({ name: `w${i}`, meta }));
    const run = bench.run(planOf([...waiting, ...Array.from({ length: 30 }, (_, i) => ({ name: `t${i}` }))]), refuse, lab.options);
    await lab.until(run);
    assert.deepEqual([(await run).tasks.ran, lab.slot.given, lab.slot.held], [30, 1, 0]);
  });
});
