/**
 * examples/08-mesh on real agents, which are killed in every state a task can be in (state-kills.ts), some seconds after the last kill, and started again
 * (`npm run word-count -- --help`). With two jobs, of different texts at different agents, how they share the agents is told: the tasks of each that ended while both
 * were under way.
 *
 * What must hold: each job ends with the counts of one process that counts the same text (count.mjs), any agent can tell, and all homes are whole. The events of
 * the runs stay in the folder that is named if something did not, or with --keep.
 */

import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT, runNode } from '../../scripts/run-command.ts';
import { buildGuests } from '../../scripts/build-guests.ts';
import { systemClock } from '../../src/base/clock.ts';
import { workDoneTwice } from './done-twice.ts';
import { FleetAgent, freePort } from './fleet.ts';
import { startServers } from './servers.ts';
import { mayKill, StateKills } from './state-kills.ts';
import { docketIn } from './submit.ts';
import { watchRun } from './watch-run.ts';
import { type WordOptions, wordOptionsIn } from './word-options.ts';
import { countInOneProcess, type Job, outputOf } from './word-job.ts';
import { randomOf } from './work.ts';

function given(): WordOptions {
  try {
    const options = wordOptionsIn(process.argv.slice(2));
    if (options !== undefined) return options;
  } catch (error) {
    console.error((error as Error).message);
    process.exit(2);
  }
  process.exit(0);
}
const { keep, ...numbers } = given();
const { pause } = numbers;

/** How long a killed agent is away, in ms. */
const AWAY = { least: 500, more: 6_000 };

const folder = mkdtempSync(join(tmpdir(), 'docket-words-'));
const began = systemClock.monotonic();
const now = (): number => Math.round(systemClock.monotonic() - began);
const tell = (event: Readonly<Record<string, unknown>>): void => console.log(JSON.stringify({ at: now(), ...event }));
const sleep = (ms: number): Promise<void> => new Promise((resolve) => void systemClock.after(ms, resolve));
const random = randomOf(numbers.seed);

await buildGuests();
tell({ event: 'begin', folder, ...numbers });
const jobs: Job[] = [];
for (let i = 0; i < numbers.jobs; i++) {
  const texts = join(folder, `text${i}`);
  const made = ['--bytes', String(numbers.bytes), '--pieces', String(numbers.pieces), '--seed', String(numbers.seed + i)];
  if (runNode('examples/08-mesh/make-text.mjs', texts, ...made) !== 0) throw new Error('the text could not be made');
  const { counts, seconds } = await countInOneProcess(texts);
  tell({ event: 'counted in one process', text: i, seconds });
  jobs.push({ texts, counts });
}

await using stack = new AsyncDisposableStack();
const servers = stack.use(await startServers(numbers.servers));
const agents: FleetAgent[] = [];
for (let i = 0; i < numbers.agents; i++) {
  const more = ['--slots', '1', '--mesh', servers.urls.join(','), '--mesh-name', 'words'];
  agents.push(stack.use(new FleetAgent(`agent${i}`, folder, await freePort(), more)));
}
await Promise.all(agents.map((agent) => agent.start()));
const pick = (): FleetAgent | undefined => {
  const up = agents.filter(({ state }) => state === 'up');
  return up[random(Math.max(up.length, 1))];
};
const docket = docketIn(folder);
const violations: string[] = [];

const kills = new StateKills();
const back = new Set<Promise<void>>();
let quietUntil = 0;
async function killOne(victim: FleetAgent, after: number): Promise<void> {
  if (after > 0) await sleep(after);
  await victim.kill();
  await sleep(AWAY.least + random(AWAY.more));
  await victim.start();
}
/** Kills who has to do with what was just told, if it is time to and nobody else is away who must not be. */
function harm(kind: string, data: string, coordinator: FleetAgent | undefined): void {
  if (pause === 0 || now() < quietUntil) return;
  const kill = kills.due(kind, data);
  if (kill === undefined) return;
  const victim = kill.who === 'coordinator' ? coordinator : agents.find(({ did }) => did === kill.did);
  if (!mayKill(agents, victim)) return;
  kills.done(kill);
  quietUntil = now() + pause * 1_000;
  tell({ event: 'kill', agent: victim.name, state: kill.state });
  const gone = killOne(victim, kill.after).catch((error: unknown) => void violations.push(`${victim.name}: ${(error as Error).message}`));
  back.add(gone);
  void gone.finally(() => back.delete(gone));
}

/** When tasks of each job ended, for the first time. */
const ends: number[][] = jobs.map(() => []);
let [lastEnd, longestQuiet] = [Number.POSITIVE_INFINITY, 0];

async function runJob({ texts, counts }: Job, index: number): Promise<void> {
  const at = agents[index % agents.length]!;
  const args = ['--agent', at.url, '--token-file', at.tokenFile, '--input', `texts=${join(texts, '*.txt')}`];
  const { status, stdout, stderr } = await docket(['run', join(ROOT, 'examples/08-mesh/workflow.yaml'), ...args, '--detach', '--json']);
  if (status !== 0) throw new Error(`job ${index} was not accepted: ${stderr}`);
  const { run } = JSON.parse(stdout) as { readonly run: string };
  const since = now();
  tell({ event: 'accepted', job: index, run, by: at.name });
  let coordinator: string | undefined = at.did;
  const over = new AbortController();
  const settled = new Set<number>();
  const onEvent = (kind: string, data: string, by: FleetAgent): void => {
    appendFileSync(join(folder, `${run}.jsonl`), `${JSON.stringify({ at: now(), by: by.name, kind, data })}\n`);
    const { task } = JSON.parse(data) as { readonly task?: number };
    if (kind === 'settled' && task !== undefined && !settled.has(task)) {
      settled.add(task);
      longestQuiet = Math.max(longestQuiet, now() - lastEnd);
      lastEnd = now();
      ends[index]!.push(lastEnd);
    }
    harm(
      kind,
      data,
      agents.find(({ did }) => did === coordinator),
    );
  };
  const watching = watchRun({ run, pick, onEvent }, over.signal);
  const output = await outputOf(run, pick, (did) => (coordinator = did), sleep);
  over.abort();
  await watching;
  if (output.counts !== counts) violations.push(`job ${index} (run ${run}): ${output.why ?? 'its counts are not those of one process'}`);
  tell({ event: 'ended', job: index, seconds: (now() - since) / 1_000, isRight: output.counts === counts });
}
await Promise.all(jobs.map(runJob));
await Promise.all(back);

const both = { from: Math.max(...ends.map((list) => list[0] ?? 0)), to: Math.min(...ends.map((list) => list.at(-1) ?? 0)) };
const shares = ends.map((list) => list.filter((end) => end >= both.from && end <= both.to).length);
await Promise.all(agents.map((agent) => agent.stop()));
for (const { home, name } of agents) {
  const { status, stdout, stderr } = await docket(['store', 'verify', '--home', home]);
  if (status !== 0) violations.push(`the home of ${name} is not whole: ${(stdout + stderr).slice(0, 500)}`);
}
const { keys, more, differing } = workDoneTwice(agents.map(({ home }) => home));
for (const key of differing) violations.push(`outputs under the key ${key} differ`);
tell({ event: 'end', kills: Object.fromEntries(kills.counts), longestQuiet, shares, tasks: keys, doneTwice: more, violations });
process.exitCode = violations.length === 0 ? 0 : 1;
await stack[Symbol.asyncDispose]();
if (violations.length === 0 && !keep) rmSync(folder, { recursive: true });
