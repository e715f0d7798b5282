import type { Fault } from './faults.ts';

/** How a task that was told to have ended well came to be run once more: its end was found and its output was gone, or its end was not found. */
type Why = 'output gone' | 'end lost';

interface Told {
  readonly via: string;
  /** Name of the agent that told it. */
  readonly by: string;
  /** When it was told, in ms. */
  readonly at: number;
  /** What it gave was told to be nowhere. */
  readonly isGone: boolean;
}

export interface Repeat {
  readonly run: string;
  readonly label: string;
  readonly why: Why;
  readonly told: number;
  /** What was hurt so that an end may be lost for all that is promised. */
  readonly excuse: string | undefined;
}

interface Options {
  readonly now: () => number;
  readonly onRepeat: (repeat: Repeat) => void;
}

/** How long after a server was hurt or came back what it should have kept may be missing, in ms. */
const AFTERMATH = 20_000;

/**
 * Which tasks of runs were told to have ended well by being run more than once. An end that is told is kept by the mesh, unless that takes nothing for ten seconds, and
 * found by who goes on, unless it cannot be asked for ten seconds: so one that is lost while every server was well is a fault. What an agent tells after it was frozen
 * is of a run that may be another's by then.
 */
export class Repeats {
  readonly #told = new Map<string, Map<string, Told>>();
  readonly #options: Options;
  #tasks = 0;
  readonly #again = { 'output gone': 0, 'end lost': 0, 'end lost for nothing': 0 };
  /** When servers were last not well; infinite while one is not. */
  #serversHurt = Number.NEGATIVE_INFINITY;
  readonly #serversDown = new Set<string>();
  readonly #frozen = new Map<string, number>();

  constructor(options: Options) {
    this.#options = options;
  }

  hurt({ kind, of, victim }: Fault): void {
    if (of === 'server') this.#serversDown.add(victim);
    else if (kind === 'freeze') this.#frozen.set(victim, Number.POSITIVE_INFINITY);
  }

  healed(victim: string): void {
    const now = this.#options.now();
    if (this.#serversDown.delete(victim)) this.#serversHurt = now;
    else if (this.#frozen.has(victim)) this.#frozen.set(victim, now);
  }

  event(run: string, kind: string, data: string, by: string): void {
    if (kind !== 'settled' && kind !== 'gone') return;
    const { label, task, state, via } = JSON.parse(data) as Readonly<Record<string, unknown>>;
    const all = this.#told.get(run) ?? new Map<string, Told>();
    this.#told.set(run, all);
    const before = all.get(String(task));
    if (kind === 'gone' && before !== undefined) all.set(String(task), { ...before, isGone: true });
    if (state !== 'ok') return;
    if (before === undefined) this.#tasks++;
    else if (via === 'ran') {
      const why = before.via !== 'ran' || before.isGone ? 'output gone' : 'end lost';
      const excuse = why === 'end lost' ? this.#excuse(before) : undefined;
      this.#again[why]++;
      if (why === 'end lost' && excuse === undefined) this.#again['end lost for nothing']++;
      this.#options.onRepeat({ run, label: String(label).slice(0, 40), why, told: before.at, excuse });
    }
    all.set(String(task), { via: String(via), by, at: this.#options.now(), isGone: false });
  }

  #excuse({ by, at }: Told): string | undefined {
    if (this.#serversDown.size > 0 || this.#serversHurt + AFTERMATH > at) return 'a server was hurt';
    if ((this.#frozen.get(by) ?? Number.NEGATIVE_INFINITY) + AFTERMATH > at) return `${by} was frozen`;
    return undefined;
  }

  ended(run: string): void {
    this.#told.delete(run);
  }

  get summary(): object {
    return { told: this.#tasks, ranAgain: this.#again };
  }
}
