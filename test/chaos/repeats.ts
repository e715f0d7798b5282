/**
 * Which tasks of runs were told to have ended well by being run more than once: their first end was lost. One that was told only by an agent that died in the same moment
 * may be among them.
 */
export class Repeats {
  readonly #ran = new Map<string, Set<string>>();
  readonly #onRepeat: (run: string, label: string) => void;
  #all = 0;
  #again = 0;

  constructor(onRepeat: (run: string, label: string) => void) {
    this.#onRepeat = onRepeat;
  }

  event(run: string, kind: string, data: string): void {
    if (kind !== 'settled') return;
    const { label, state, via } = JSON.parse(data) as Readonly<Record<string, unknown>>;
    if (state !== 'ok' || via !== 'ran') return;
    const ran = this.#ran.get(run) ?? new Set();
    this.#ran.set(run, ran);
    if (ran.has(String(label))) {
      this.#again++;
      this.#onRepeat(run, String(label));
    } else this.#all++;
    ran.add(String(label));
  }

  ended(run: string): void {
    this.#ran.delete(run);
  }

  get summary(): { readonly told: number; readonly ranAgain: number } {
    return { told: this.#all, ranAgain: this.#again };
  }
}
