import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../../src/base/clock.ts';
import type { FleetAgent } from './fleet.ts';
import type { Submitted } from './submit.ts';
import type { Work } from './work.ts';

/** What a run is found to be. `broken`: it ended otherwise than it should, or not at all. */
type Finding = { readonly kind: 'going on' } | { readonly kind: 'right' } | { readonly kind: 'broken'; readonly why: string };

interface Following {
  /** Any agent to be asked now. */
  readonly pick: () => FleetAgent | undefined;
  readonly clock: Clock;
}

/** How long a run may take from its submission on, in ms, faults and all. */
const MOST_RUN = 240_000;
const LOOK = 1_000;

/** Resolves when the run has ended, or takes too long. `by`: the agent that said so. */
export async function follow(
  { run, work, since }: Submitted,
  { pick, clock }: Following,
): Promise<Exclude<Finding, { kind: 'going on' }> & { readonly by: string }> {
  for (;;) {
    await new Promise<void>((resolve) => void clock.after(LOOK, resolve));
    const agent = pick();
    let why = 'no agent is up';
    try {
      if (agent !== undefined) {
        const finding = await findOut(agent, run, work);
        if (finding.kind !== 'going on') return { ...finding, by: agent.name };
        why = `${agent.name} says it goes on`;
      }
    } catch (error) {
      // It may be killed this moment; what stays so is told in the end.
      why = (error as Error).message;
    }
    if (clock.monotonic() - since > MOST_RUN)
      return { kind: 'broken', why: `it did not end in ${MOST_RUN / 1000} s: ${why}`, by: agent?.name ?? 'nobody' };
  }
}

interface RunDocument {
  readonly state: string;
  readonly tasks: { readonly total: number; readonly failed: number } | null;
  readonly outputs: Readonly<Record<string, unknown>>;
  readonly failure?: { readonly message: string };
}

/** Of one question, in ms: an agent that was frozen before it answered is left for another. */
const PATIENCE = 4_000;

/** Asks this agent for a run, whoever drives it. Throws if the agent cannot say. */
async function findOut(agent: FleetAgent, run: string, work: Work): Promise<Finding> {
  const document = (await answer(agent, `/v1/runs/${run}`)) as RunDocument;
  const { state, tasks, outputs, failure } = document;
  if (state === 'running' || state === 'interrupted') return { kind: 'going on' };
  if (state !== 'completed') return { kind: 'broken', why: `it is ${state}: ${failure?.message ?? JSON.stringify(tasks)}` };
  const given: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(outputs)) given[name] = await wholeOf(agent, value);
  if (isDeepStrictEqual(given, work.outputs)) return { kind: 'right' };
  return { kind: 'broken', why: `its outputs are ${clipped(given)} and should be ${clipped(work.outputs)}` };
}

/** Links are followed, since texts above 4 KiB stand behind them; shorter ones stand there as bytes. */
async function wholeOf(agent: FleetAgent, value: unknown): Promise<unknown> {
  if (typeof value !== 'object' || value === null) return value;
  const { '/': link } = value as Readonly<Record<string, unknown>>;
  if (typeof link === 'object' && link !== null)
    return Buffer.from(String((link as { readonly bytes?: unknown }).bytes), 'base64').toString();
  if (typeof link !== 'string') return value;
  const reply = await agent.ask(`/v1/blobs/${link}`, AbortSignal.timeout(PATIENCE));
  if (!reply.ok) throw new Error(`${agent.name} does not give ${link}: ${reply.status} ${await reply.text()}`);
  return await reply.text();
}

async function answer(agent: FleetAgent, path: string): Promise<unknown> {
  const reply = await agent.ask(path, AbortSignal.timeout(PATIENCE));
  if (!reply.ok) throw new Error(`${agent.name} answers ${path} with ${reply.status} ${await reply.text()}`);
  return await reply.json();
}

function clipped(value: unknown): string {
  return (JSON.stringify(value) ?? 'nothing').slice(0, 200);
}
