import assert from 'node:assert/strict';
import { assertByWeight } from '../by-weight.ts';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { HomeCrew } from '../../../src/scheduler/crew.ts';
import { SLOT } from '../../../src/scheduler/delegation/seat.ts';
import { NO_HOME } from './no-home.ts';
import { beatOf, factsOf, Sim, SimRun, viewOf, wantedOf } from './sim.ts';

function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

const even = (): number => 0.5;

/** Everything that was placed was given back. */
function assertEmpty(sim: Sim): void {
  for (const { did, units, tasks, memory, lined, known, occupied } of sim.delegation.seats())
    assert.deepEqual([units, tasks, memory, lined, known, occupied], [0, 0, 0, 0, 0, 0], did);
}

function assertFits(sim: Sim): void {
  for (const { did, units, view } of sim.delegation.seats())
    assert.ok(units <= view.slots * SLOT, `${did} has ${units / SLOT} of ${view.slots} slots`);
}

async function untilDone(sim: Sim, runs: readonly SimRun[], tasks: number, most = 600_000): Promise<void> {
  for (let passed = 0; runs.some(({ ended }) => ended.size < tasks); passed += 100) {
    await sim.pass(100, () => {
      for (const run of runs) run.dispatch();
      assertFits(sim);
    });
    const counts = runs.map(({ ended }) => ended.size).join(', ');
    assert.ok(passed < most, `${counts} of ${tasks} tasks ended: ${runs[0]!.moved.slice(-3).join('; ')}`);
  }
}

function act(host: { kill(): void; start(): void; isFrozen: boolean; own: number; slots: number }, what: string): void {
  if (what === 'busy') host.own = host.slots;
  if (what === 'idle') host.own = 0;
  if (what === 'kill') host.kill();
  if (what === 'start') host.start();
  if (what === 'freeze') host.isFrozen = true;
  if (what === 'thaw') host.isFrozen = false;
}

describe('places at members', () => {
  it('are used at once, all of them and no more', async () => {
    const sim = new Sim(even, () => 1_000);
    sim.host('a', 2, 8);
    sim.host('b', 3, 8);
    await using crew = sim.crew('R', factsOf(20));
    const run = new SimRun(crew, 20);
    run.dispatch();
    assert.equal(run.under, 5);
    await sim.pass(100);
    const running = [...sim.hosts.values()].map((host) => host.running);
    assert.deepEqual(running, [2, 3]);
    await untilDone(sim, [run], 20);
    const most = [...sim.hosts.values()].map((host) => host.most);
    assert.deepEqual(most, [2, 3]);
    assert.equal(run.ends, 20);
    assert.deepEqual(run.moved, []);
    await sim.pass(2_000);
    assertEmpty(sim);
  });

  it('are found again when a task leaves one, without waiting for a beat', async () => {
    const sim = new Sim(even, () => 10);
    sim.host('a', 1, 8);
    await using crew = sim.crew('R', factsOf(20));
    const run = new SimRun(crew, 20);
    // With one more slot of time for each, but no beat's.
    await sim.pass(20 * 60, () => run.dispatch());
    assert.equal(run.ended.size, 20);
  });

  it('whatever happens, every task ends, no member is given more than its slots, and nothing stays behind', async () => {
    const share = fc.double({ min: 0, max: 0.4, noNaN: true });
    const event = fc.record({
      at: fc.integer({ min: 0, max: 20_000 }),
      host: fc.nat({ max: 3 }),
      what: fc.constantFrom('kill', 'start', 'freeze', 'thaw', 'busy', 'idle'),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1 }),
        fc.record({ lost: share, doubled: share, delay: fc.integer({ min: 0, max: 1_500 }) }),
        fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 2, maxLength: 4 }),
        fc.array(event, { maxLength: 8 }),
        async (seed, faults, slots, events) => {
          const sim = new Sim(randomOf(seed), (task) => 5 + ((task * 7919) % 3_000));
          sim.faults = faults;
          const hosts = slots.map((count, i) => sim.host(`m${i}`, count, count + 2));
          for (const { at, host, what } of events) sim.clock.after(at, () => act(hosts[host % hosts.length]!, what));
          const mend = (): void => {
            for (const host of hosts) for (const what of ['thaw', 'start', 'idle']) act(host, what);
          };
          // In the end somebody is there to do the work.
          sim.clock.after(25_000, mend);
          await using first = sim.crew('R', factsOf(30));
          await using second = sim.crew('S', factsOf(30));
          const runs = [new SimRun(first, 30), new SimRun(second, 30)];
          await untilDone(sim, runs, 30);
          for (const run of runs) assert.equal(run.ends, 30);
          sim.faults = { lost: 0, doubled: 0, delay: 0 };
          await sim.pass(25_000);
          mend();
          await sim.pass(5_000);
          assertEmpty(sim);
          for (const { did, held } of hosts) assert.equal(held, 0, `${did} still holds something`);
        },
      ),
      { numRuns: 30 },
    );
  });

  it('two runs share by their weights, and who comes late is let in', async () => {
    const sim = new Sim(even, () => 200);
    for (let i = 0; i < 4; i++) sim.host(`m${i}`, 2, 8);
    await using first = sim.crew('R', factsOf(400), 1);
    await using second = sim.crew('S', factsOf(400), 3);
    const early = new SimRun(first, 400);
    const late = new SimRun(second, 400);
    await sim.pass(1_000, () => early.dispatch());
    const before = early.ends;
    await sim.pass(5_000, () => {
      early.dispatch();
      late.dispatch();
    });
    const part = late.ends / (late.ends + early.ends - before);
    assert.ok(part > 0.65 && part < 0.85, `the run with three quarters of the weight got ${part}`);
  });

  it('fifty runs that want more than there is get it by their weights, also where each has less than a slot', async () => {
    const sim = new Sim(even, () => 100);
    for (let i = 0; i < 4; i++) sim.host(`m${i}`, 2, 8);
    await using stack = new AsyncDisposableStack();
    const runs = Array.from({ length: 50 }, (_, i) => {
      const weight = 1 + (i % 4);
      return { weight, run: new SimRun(stack.use(sim.crew(`R${i}`, factsOf(2_000), weight)), 2_000) };
    });
    await sim.pass(20_000, () => runs.forEach(({ run }) => run.dispatch()));
    assertByWeight(runs.map(({ weight, run }) => ({ weight, had: run.ends })));
  });

  it('are given up with their member, and if it does not answer', async () => {
    const sim = new Sim(even, () => 100_000);
    const host = sim.host('a', 1, 8);
    await using crew = sim.crew('R', factsOf(1));
    const run = new SimRun(crew, 1);
    run.dispatch();
    await sim.pass(500);
    host.kill();
    await sim.pass(3_500);
    assert.match(run.moved.join(), /^a (is gone|says nothing of its tasks)$/);
    sim.roster.lose('a');
    sim.roster.hear(beatOf(viewOf('a', { slots: 1, incarnation: '2' }), 1));
    run.dispatch();
    await sim.pass(1_500);
    assert.equal(run.moved.length, 1);
    await sim.pass(1_000);
    assert.match(run.moved[1]!, /does not answer/);
  });

  it('are given up if a task is there for longer than it may, alive as the member is', async () => {
    const sim = new Sim(even, () => 10_000_000);
    sim.host('a', 1, 8);
    await using crew = sim.crew('R', factsOf(1));
    const run = new SimRun(crew, 1);
    run.dispatch();
    await sim.pass(605_000);
    assert.deepEqual(run.moved, []);
    await sim.pass(6_000);
    assert.match(run.moved[0]!, /longer than its limit of 600000 ms/);
  });

  it('are looked for elsewhere first when a member let go of what it had begun, many slots as it has', async () => {
    const sim = new Sim(even, () => 100_000);
    const roomy = sim.host('a', 4, 8);
    const other = sim.host('b', 1, 8);
    await using crew = sim.crew('R', factsOf(1));
    const run = new SimRun(crew, 1);
    run.dispatch();
    await sim.pass(100);
    assert.equal(roomy.running, 1);
    roomy.forget();
    await sim.pass(3_000, () => run.dispatch());
    assert.match(run.moved.join(), /^a does not hold it any more$/);
    assert.deepEqual([roomy.held, other.running], [0, 1]);
  });

  for (const [what, change] of [
    ['takes work again', (sim: Sim) => sim.roster.hear(beatOf(viewOf('a'), 2))],
    ['comes', (sim: Sim) => sim.roster.hear(beatOf(viewOf('b'), 1))],
  ] as const)
    it(`are told of to whoever waits because nobody could run its tasks, when a member ${what}`, async () => {
      const sim = new Sim(even, () => 10);
      let told = 0;
      await using crew = sim.crew('R', factsOf(1), 1, () => told++);
      const { kind } = wantedOf(0);
      sim.roster.hear(beatOf(viewOf('a', { isDraining: true }), 1));
      assert.equal(crew.berth(wantedOf(0)), undefined);
      assert.match(
        crew.obstacle(kind)!,
        /^at did:key:self, which drives the run: .*; elsewhere: it is draining/,
        'whoever asks, and where',
      );
      // What waits aside is not in line.
      crew.rest();
      await sim.pass(1_000);
      told = 0;
      change(sim);
      assert.equal(told, 1);
      assert.equal(crew.obstacle(kind), undefined);
      crew.berth(wantedOf(0))!.cancel();
    });

  it('that let tasks wait make a home which holds no slot ask for one, as long as they do', async () => {
    const sim = new Sim(even, () => 2_000);
    const host = sim.host('a', 2, 8);
    const asked: number[] = [];
    const home: HomeCrew = { ...NO_HOME, isFreeFor: () => 'unheld', want: (wanted) => asked.push(wanted) };
    await using crew = sim.crew('R', factsOf(2), 1, () => {}, home);
    const run = new SimRun(crew, 2);
    // Nobody has heard of it yet.
    host.own = 1;
    run.dispatch();
    assert.equal(run.under, 2);
    await sim.pass(900);
    assert.equal(Math.max(0, ...asked), 0);
    await sim.pass(600);
    assert.equal(asked.at(-1), 1);
    await sim.pass(1_800);
    assert.equal(asked.at(-1), 0);
  });

  it('leave no trace if they are given back', async () => {
    const sim = new Sim(even, () => 10);
    sim.host('a', 2, 8);
    await using crew = sim.crew('R', factsOf(4));
    const berths = [crew.berth(wantedOf(0)), crew.berth(wantedOf(1))];
    assert.equal(crew.berth(wantedOf(2)), undefined);
    for (const berth of berths) berth!.cancel();
    assertEmpty(sim);
    const again = crew.berth(wantedOf(2));
    assert.ok(again !== undefined);
    again.cancel();
  });
});
