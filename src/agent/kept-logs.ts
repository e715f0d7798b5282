import type { EventLog } from '../base/event-log.ts';

/** How many logs, and characters of all of them. */
const MOST = 100;
const MOST_CHARACTERS = 64 * 2 ** 20;

/** Logs of what ended, for those who come late: the newest, as many as there is room for. */
export class KeptLogs {
  /** The oldest first. */
  readonly #logs = new Map<string, EventLog>();
  readonly #most: number;
  #size = 0;

  /** `characters`: of all logs, default 64 Mi. */
  constructor({ characters = MOST_CHARACTERS }: { readonly characters?: number } = {}) {
    this.#most = characters;
  }

  get(name: string): EventLog | undefined {
    return this.#logs.get(name);
  }

  /** `log` is closed: what is added to it later would not be counted. */
  keep(name: string, log: EventLog): void {
    this.#forget(name);
    this.#logs.set(name, log);
    this.#size += log.size;
    for (const oldest of this.#logs.keys()) {
      if (this.#logs.size <= MOST && this.#size <= this.#most) return;
      this.#forget(oldest);
    }
  }

  #forget(name: string): void {
    this.#size -= this.#logs.get(name)?.size ?? 0;
    this.#logs.delete(name);
  }
}
