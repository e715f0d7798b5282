/** How a task that was told to have ended well came to be run once more: its end was found and its output was gone, or its end was not found. */
type Why = 'output gone' | 'end lost';

interface Told {
  /** What the last word of it was. */
  via: string;
  /** When it was told, in ms. */
  at: number;
}

/**
 * Which tasks of runs were told to have ended well by being run more than once. What was told in the last moment before an agent died may be lost: it is filed a moment
 * later than it is told by that agent.
 */
export class Repeats {
  readonly #told = new Map<string, Map<string, Told>>();
  readonly #onRepeat: (run: string, label: string, why: Why, told: number) => void;
  readonly #now: () => number;
  #tasks = 0;
  readonly #again: Record<Why, number> = { 'output gone': 0, 'end lost': 0 };

  constructor(now: () => number, onRepeat: (run: string, label: string, why: Why, told: number) => void) {
    this.#now = now;
    this.#onRepeat = onRepeat;
  }

  event(run: string, kind: string, data: string): void {
    if (kind !== 'settled') return;
    const { label, task, state, via } = JSON.parse(data) as Readonly<Record<string, unknown>>;
    if (state !== 'ok') return;
    const all = this.#told.get(run) ?? new Map<string, Told>();
    this.#told.set(run, all);
    const before = all.get(String(task));
    if (before === undefined) this.#tasks++;
    else if (via === 'ran') {
      const why = before.via === 'ran' ? 'end lost' : 'output gone';
      this.#again[why]++;
      this.#onRepeat(run, String(label).slice(0, 40), why, before.at);
    }
    all.set(String(task), { via: String(via), at: this.#now() });
  }

  ended(run: string): void {
    this.#told.delete(run);
  }

  get summary(): object {
    return { told: this.#tasks, ranAgain: this.#again };
  }
}
