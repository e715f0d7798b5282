/**
 * A mesh of real agents on real NATS servers under kills and freezes, given work whose answers are known (`npm run chaos -- --help`). What must hold, however it goes:
 *
 * 1. Every run that was accepted ends, with the right outputs, and any agent can tell.
 * 2. No finished task is lost: runs asked for again at the end, as many as `--again` says, are found whole. (Of runs that ended before the only server lost its data,
 *    each home has its own: those end right again, and that is all.)
 * 3. No unverified result is used: every home is whole, and every receipt in it is signed by one of the agents; nowhere do outputs of one task differ.
 * 4. An agent that is told to end does, in order.
 * 5. That a task has ended is not lost once it was told: unless a server was hurt about then, or who told it was frozen, it is not run again for want of its end.
 *
 * Measured beside that, and no violation by itself: how long work stands still (standstills.ts), where tasks stood at agents that were killed (stages.ts), how much
 * was done twice, and which tasks ran again (repeats.ts).
 *
 * Each event is a line of JSON in `chaos.log` in the folder it names; the last line sums up. Ends with 1 if anything did not hold; the folder is kept then. Events of a
 * run are kept as long as it goes on, and after that if it was slow or wrong.
 */

import { appendFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildGuests } from '../../scripts/build-guests.ts';
import { systemClock } from '../../src/base/clock.ts';
import { askAgain } from './ask-again.ts';
import { workDoneTwice } from './done-twice.ts';
import { type Fault, injectFaults, type Victim } from './faults.ts';
import { FleetAgent, freePort } from './fleet.ts';
import { optionsIn } from './options.ts';
import { Repeats } from './repeats.ts';
import { startServers } from './servers.ts';
import { Stages } from './stages.ts';
import { isSlow, Standstills } from './standstills.ts';
import { docketIn, submit, type Submitted } from './submit.ts';
import { follow } from './tracked-run.ts';
import { watchRun } from './watch-run.ts';
import { makeWork, randomOf } from './work.ts';

const options = given();
if (options !== undefined) process.exitCode = await torment(options);

function given(): ReturnType<typeof optionsIn> {
  try {
    return optionsIn(process.argv.slice(2));
  } catch (error) {
    console.error((error as Error).message);
    process.exitCode = 2;
    return undefined;
  }
}

async function torment({ minutes, hurt, seed, atOnce, again, keep, ...counts }: NonNullable<typeof options>): Promise<number> {
  const LOOK = 1_000;
  /** Runs that are given at a time: each costs a start of the command. */
  const GIVERS = 2;

  const folder = mkdtempSync(join(tmpdir(), 'docket-chaos-'));
  const log = join(folder, 'chaos.log');
  const began = systemClock.monotonic();
  const sinceBegin = (): number => Math.round(systemClock.monotonic() - began);
  const violations: string[] = [];
  const tell = (event: Readonly<Record<string, unknown>>): void => {
    const line = JSON.stringify({ at: sinceBegin(), ...event });
    appendFileSync(log, `${line}\n`);
    console.log(line);
  };
  const violated = (what: string): void => {
    violations.push(what);
    tell({ event: 'violation', what });
  };
  const sleep = (ms: number): Promise<void> => new Promise((resolve) => void systemClock.after(ms, resolve));

  await buildGuests();
  await using stack = new AsyncDisposableStack();
  mkdirSync(join(folder, 'work'));
  tell({ event: 'begin', folder, minutes, ...counts, hurt, seed });
  const servers = stack.use(await startServers(counts.servers));
  const agents: FleetAgent[] = [];
  for (let i = 0; i < counts.agents; i++) {
    const more = ['--slots', '1', '--mesh', servers.urls.join(','), '--mesh-name', 'chaos'];
    const name = `agent${i}`;
    const onEvent = ({ event, run }: Readonly<Record<string, unknown>>): void => {
      if (event === 'run taken') standstills.taken(String(run), name);
    };
    agents.push(stack.use(new FleetAgent(name, folder, await freePort(), more, { onEvent })));
  }
  const everybody = [...agents, ...servers.victims];
  const standstills = new Standstills({
    clock: systemClock,
    onFigure: (figure) => {
      tell({ event: isSlow(figure) ? 'slow' : 'measured', ...figure });
      if (isSlow(figure)) slow.add(figure.of.split(' ')[0]!);
    },
    agents: () => agents.map(({ name }) => ({ name, did: dids.get(name)! })),
    unwell: () => everybody.filter(({ state }) => state !== 'up').map(({ name }) => name),
  });
  const repeats = new Repeats({
    now: sinceBegin,
    onRepeat(repeat) {
      tell({ event: 'ran again', ...repeat });
      slow.add(repeat.run);
      if (repeat.why === 'end lost' && repeat.excuse === undefined)
        violated(`run ${repeat.run}: that ${repeat.label} had ended was told, and is lost`);
    },
  });
  /** Runs whose events are worth keeping. */
  const slow = new Set<string>();
  await Promise.all(agents.map((agent) => agent.start()));
  const dids = new Map(agents.map(({ name, did }) => [name, did]));
  const names = new Map(agents.map(({ name, did }) => [did, name]));

  const random = randomOf(seed);
  const pick = (): FleetAgent | undefined => {
    const up = agents.filter(({ state }) => state === 'up');
    return up[random(Math.max(up.length, 1))];
  };
  const over = new AbortController();
  stack.defer(systemClock.after(minutes * 60_000, () => over.abort()));
  const end = (): void => over.abort();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, end);

  const stages = new Stages(systemClock, randomOf(seed + 2));
  let lastLoss = Number.NEGATIVE_INFINITY;
  const onFault = (fault: Fault): void => {
    const held = fault.kind === 'kill' && fault.of === 'agent' ? { stages: stages.killed(fault.victim, standstills.going) } : {};
    tell({ event: fault.kind, victim: fault.victim, ms: fault.ms, ...held });
    if (fault.kind === 'lose data') lastLoss = systemClock.monotonic();
    standstills.hurt(fault);
    repeats.hurt(fault);
  };
  const busiest = (victims: readonly Victim[]): Victim | undefined => {
    const driven = [...standstills.going.values()].map(({ driver }) => driver);
    const weight = ({ name }: Victim): number => driven.filter((other) => other === name).length;
    const most = victims.toSorted((a, b) => weight(b) - weight(a))[0];
    return most !== undefined && weight(most) > 0 ? most : undefined;
  };
  const faults = injectFaults(
    {
      agents: hurt === 'servers' ? [] : agents,
      servers: hurt === 'agents' ? [] : servers.victims,
      busiest,
      aim: async (victims) => await stages.aim(agents.filter((agent) => victims.includes(agent))),
      random: randomOf(seed + 1),
      clock: systemClock,
      onFault,
      onHealed: (victim, kind) => {
        tell({ event: 'healed', victim, kind });
        standstills.healed(victim);
        repeats.healed(victim);
      },
      onStuck: (victim, error) => violated(`${victim}: ${error.message}`),
    },
    over.signal,
  );

  const right: Submitted[] = [];
  async function track(submitted: Submitted): Promise<void> {
    const { run } = submitted;
    const done = new AbortController();
    const events = join(folder, 'work', `${run}.jsonl`);
    const onEvent = (kind: string, data: string, by: FleetAgent): void => {
      appendFileSync(events, `${JSON.stringify({ at: sinceBegin(), by: by.name, kind, data })}\n`);
      standstills.event(run, kind, data, (did) => names.get(did));
      repeats.event(run, kind, data, by.name);
    };
    const watching = watchRun({ run, pick, onEvent }, done.signal);
    const finding = await follow(submitted, { pick, clock: systemClock });
    done.abort();
    await watching;
    standstills.ended(run);
    repeats.ended(run);
    if (finding.kind === 'right') {
      // What was expected of it is of no use any more, and there may be thousands.
      right.push({ ...submitted, work: { ...submitted.work, workflow: '', outputs: {} }, ended: systemClock.monotonic() });
      if (!slow.delete(run) && !keep) rmSync(events, { force: true });
      tell({ event: 'right', run, told: finding.by, seconds: Math.round((systemClock.monotonic() - submitted.since) / 100) / 10 });
    } else violated(`run ${run}: ${finding.why}`);
  }

  const active = new Set<Promise<void>>();
  let [accepted, next] = [0, 0];
  const docket = docketIn(folder);
  async function give(): Promise<void> {
    while (!over.signal.aborted) {
      while (active.size >= atOnce) await Promise.race(active);
      const agent = pick();
      const work = makeWork(`W${seed}x${next++}`, random);
      const submitted = agent && (await submit(docket, { folder, agent, work, clock: systemClock }));
      if (submitted === undefined || 'refused' in submitted) {
        tell({ event: 'not accepted', by: agent?.name, work: work.name, why: submitted?.refused });
        await sleep(LOOK);
        continue;
      }
      accepted++;
      tell({ event: 'accepted', by: agent!.name, work: work.name, run: submitted.run, tasks: work.tasks });
      standstills.begun(submitted.run, agent!.name);
      const tracking = track(submitted);
      active.add(tracking);
      void tracking.finally(() => active.delete(tracking));
    }
  }
  await Promise.all(Array.from({ length: GIVERS }, give));
  const injected = await faults;
  tell({ event: 'all healed', faults: injected });
  await Promise.all(active);
  standstills.end();
  if (accepted === 0) violated('no run was accepted: nothing was tried');

  const asked = await askAgain({ docket, agents, random, again, lastLoss, violated }, right);
  await Promise.all(agents.map((agent) => agent.kill()));
  for (const { home, name } of agents) {
    const { status, stdout, stderr } = await docket(['store', 'verify', '--home', home]);
    if (status !== 0) violated(`the home of ${name} is not whole: ${(stdout + stderr).slice(0, 500)}`);
  }
  const { keys, more, differing } = workDoneTwice(agents.map(({ home }) => home));
  for (const key of differing) violated(`outputs under the key ${key} differ`);
  tell({
    ...{ event: 'end', seed, minutes, faults: injected, accepted, right: right.length, ...asked, tasks: keys, doneTwice: more },
    ...{
      standstills: standstills.summary(),
      stages: stages.counts,
      ...repeats.summary,
      megabytes: Math.round(process.memoryUsage.rss() / 2 ** 20),
      violations,
    },
  });
  if (violations.length === 0 && !keep) rmSync(folder, { recursive: true });
  return violations.length === 0 ? 0 : 1;
}
