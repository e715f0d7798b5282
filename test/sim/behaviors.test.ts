import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { countWords, type HostOptions, type Job, SimCoordinator, SimHost } from './cluster.ts';
import { ROUGH } from './faulty-delivery.ts';
import { Simulation } from './simulation.ts';

/** The behavior that is wanted of job managers, task managers and slots: presence, slots, overload, kills, fairness, late joiners, right counts. */

const WORDS = ['anchor', 'bell', 'crane', 'docket', 'ebb'];
const BOSS = 'did:key:z6MkBoss';

function textsOf(sim: Simulation, count: number): string[] {
  return Array.from({ length: count }, () => Array.from({ length: 8 }, () => sim.random.pick(WORDS)).join(' '));
}

function hostsOf(sim: Simulation, count: number, options: Partial<HostOptions> = {}): SimHost[] {
  const duration = (): number => sim.random.between(50, 400);
  return Array.from({ length: count }, (_, index) => new SimHost(sim, `did:key:z6MkHost${index}`, '1', { slots: 2, duration, ...options }));
}

async function ends(sim: Simulation, job: Job, texts: readonly string[], ms?: number): Promise<void> {
  await sim.until(() => job.isDone, 'the end of a job', ms);
  assert.deepEqual(job.results.get(0), countWords(texts.join(' ')), 'the counts of a single process');
}

test('coordinators may come before the hosts and after them, and again while they run', async () => {
  const sim = new Simulation();
  const before = hostsOf(sim, 1);
  await sim.run(5_000);
  const boss = new SimCoordinator(sim, BOSS, '1');
  const texts = textsOf(sim, 16);
  const job = boss.count('R1', texts);
  await sim.run(1_000);
  const [ran] = before.map((host) => host.ran);
  assert.ok(ran! > 0 && !job.isDone);
  boss.member.kill();
  await sim.run(2_000);
  const again = new SimCoordinator(sim, BOSS, '2');
  await ends(sim, again.count('R1', texts, 2), texts);
});

test('a host that comes late is given work', async () => {
  const sim = new Simulation();
  hostsOf(sim, 1);
  const texts = textsOf(sim, 40);
  const job = new SimCoordinator(sim, BOSS, '1').count('R1', texts);
  await sim.run(3_000);
  const late = new SimHost(sim, 'did:key:z6MkLate', '1', { slots: 4, duration: () => 200 });
  await ends(sim, job, texts);
  assert.ok(late.ran > 5, `${late.ran} tasks`);
});

test('whoever has no room says so, and the task is run elsewhere', async () => {
  const sim = new Simulation();
  const hosts = hostsOf(sim, 3, { slots: 1 });
  const texts = textsOf(sim, 16);
  // Neither knows of what the other places.
  const jobs = ['One', 'Two'].map((name) => new SimCoordinator(sim, `did:key:z6Mk${name}`, '1').count('R1', texts));
  for (const job of jobs) {
    await ends(sim, job, texts);
    assert.equal(job.ends, job.size, 'each task ended once');
  }
  assert.ok(
    hosts.some(({ overloads }) => overloads > 0),
    'else nothing was tested',
  );
});

for (const state of ['waiting', 'running', 'ended'] as const) {
  test(`a host is killed when a task is ${state} there, and the job ends right`, async () => {
    const sim = new Simulation();
    let kills = 0;
    hostsOf(sim, 3, {
      room: 2,
      onState(host, now) {
        if (now !== state || kills === 2 || host.ran < 2) return;
        kills++;
        host.member.kill();
      },
    });
    const texts = textsOf(sim, 24);
    // The work takes a third of it: what was there goes on elsewhere as soon as the silence of a host is long enough.
    await ends(sim, new SimCoordinator(sim, BOSS, '1').count('R1', texts), texts, 10_000);
    assert.equal(kills, 2);
  });
}

test('two jobs at once share the slots, and each has its own result', async () => {
  const sim = new Simulation();
  hostsOf(sim, 2, { duration: () => 100 });
  const boss = new SimCoordinator(sim, BOSS, '1');
  const texts = [textsOf(sim, 64), textsOf(sim, 64)];
  const jobs = texts.map((each, index) => boss.count(`R${index}`, each));
  await sim.until(() => jobs.some(({ results, size }) => results.size > size / 2), 'half of a job');
  for (const { results, size } of jobs) assert.ok(results.size > size / 4, `${results.size} of ${size}`);
  for (const [index, job] of jobs.entries()) await ends(sim, job, texts[index]!);
});

test('whatever is lost, late, doubled, cut off, frozen or killed, slots are not oversubscribed and counts are right', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer(), async (seed) => {
      const sim = new Simulation({ seed, faults: ROUGH });
      const hosts = hostsOf(sim, 4, { room: 1 });
      const boss = new SimCoordinator(sim, BOSS, '1');
      const texts = textsOf(sim, 20);
      const job = boss.count('R1', texts);
      for (let incarnation = 2; incarnation < 20 && !job.isDone; incarnation++) {
        const at = sim.random.index(hosts.length);
        const { member } = hosts[at]!;
        const kind = sim.random.index(5);
        if (kind === 0) member.cut();
        if (kind === 1) member.freeze();
        if (kind === 2) sim.partition([member, boss.member]);
        if (kind === 3) {
          member.kill();
          hosts[at] = new SimHost(sim, member.did, String(incarnation), { slots: 1 + sim.random.index(3), duration: () => 100 });
        }
        await sim.run(sim.random.between(100, 5_000));
        boss.check();
        for (const host of hosts) host.member.thaw();
        sim.healAll();
      }
      await ends(sim, job, texts);
      await sim.run(20_000);
      for (const { did, units } of boss.delegation.seats()) assert.equal(units, 0, `${did} has nothing any more`);
    }),
    { numRuns: 40 },
  );
});
