import type { Clock } from '../../src/base/clock.ts';
import type { FleetAgent } from './fleet.ts';
import type { RunTrack } from './run-track.ts';

/** Stages of tasks of others at an agent, as its metrics name them. `filing`: the result is on its way to disk; `ended`: it is told, and nobody has said yet that he has it. */
const HELD = ['fetching', 'waiting', 'joined', 'running', 'filing', 'ended'] as const;
type Held = (typeof HELD)[number];

const LINE = /^docket_hosted_tasks\{stage="(\w+)"\} (\d+)/gm;
const PATIENCE = 300;
/** How long an agent with such a task is looked for, in ms: some stages last a moment. */
const SEARCH = 1_500;

/**
 * Where tasks stood at agents at the moment they were killed: of others by what the agent said of itself a moment before, of its own runs by their events.
 *
 * Counts are of kills, not of tasks. `queued`: it drove a run with tasks that nobody had begun; `own`: with tasks in its own slots; `idle`: nothing was known to be there.
 */
export class Stages {
  readonly #clock: Clock;
  readonly #random: (most: number) => number;
  readonly #counts = new Map<string, number>();
  #seen: { readonly agent: string; readonly held: readonly string[] } | undefined;

  constructor(clock: Clock, random: (most: number) => number) {
    this.#clock = clock;
    this.#random = random;
  }

  get counts(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counts);
  }

  /** One of these that holds a task in a stage which was hit seldom so far, if there is one before long. */
  async aim(agents: readonly FleetAgent[]): Promise<FleetAgent | undefined> {
    this.#seen = undefined;
    const wanted = this.#seldom();
    for (const until = this.#clock.monotonic() + SEARCH; this.#clock.monotonic() < until;) {
      for (const agent of agents) {
        const held = await heldAt(agent);
        if (!held.includes(wanted) || agent.state !== 'up') continue;
        this.#seen = { agent: agent.name, held };
        return agent;
      }
      // Agents that refuse at once must not keep this process busy.
      await new Promise((resolve) => setImmediate(resolve));
    }
    return undefined;
  }

  /** Counts it, and says what it counted. */
  killed(agent: string, runs: ReadonlyMap<string, RunTrack>): readonly string[] {
    const driven = [...runs.values()].filter(({ driver }) => driver === agent);
    const hit = this.#seen?.agent === agent ? [...this.#seen.held] : [];
    this.#seen = undefined;
    if (driven.some(({ queued }) => queued > 0)) hit.push('queued');
    if (driven.some(({ own }) => own > 0)) hit.push('own');
    if (hit.length === 0) hit.push('idle');
    for (const stage of hit) this.#counts.set(stage, (this.#counts.get(stage) ?? 0) + 1);
    return hit;
  }

  #seldom(): Held {
    const count = (stage: Held): number => this.#counts.get(stage) ?? 0;
    const least = Math.min(...HELD.map(count));
    const seldom = HELD.filter((stage) => count(stage) === least);
    return seldom[this.#random(seldom.length)]!;
  }
}

async function heldAt(agent: FleetAgent): Promise<readonly string[]> {
  try {
    const text = await (await agent.ask('/metrics', AbortSignal.timeout(PATIENCE))).text();
    return [...text.matchAll(LINE)].filter(([, , count]) => Number(count) > 0).map(([, stage = '']) => stage);
  } catch {
    // It is busy, or was hurt this moment.
    return [];
  }
}
