import { existsSync } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DocketError } from '../errors.ts';

/**
 * Whether an operator wants this agent to take no new work. It lasts over restarts, since a machine that is drained for repair may be started several times
 * before it is fit again: it is a file in the home.
 */
export class Drained {
  readonly #path: string;
  readonly #listeners = new Set<() => void>();
  #is: boolean;
  #change: Promise<void> = Promise.resolve();

  constructor(home: string) {
    this.#path = join(home, 'drained');
    this.#is = existsSync(this.#path);
  }

  get is(): boolean {
    return this.#is;
  }

  /** Resolves when it is durable. Throws `HOME_UNUSABLE`. */
  set(is: boolean): Promise<void> {
    const change = this.#change.then(() => this.#set(is));
    this.#change = change.catch(() => {});
    return change;
  }

  onChange(listener: () => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  async #set(is: boolean): Promise<void> {
    if (is === this.#is) return;
    try {
      if (!is) await rm(this.#path, { force: true });
      else {
        await using file = await open(this.#path, 'w', 0o600);
        await file.sync();
      }
    } catch (cause) {
      throw new DocketError(
        'HOME_UNUSABLE',
        `whether the agent is drained cannot be written to ${this.#path}: ${(cause as Error).message}`,
        { cause },
      );
    }
    this.#is = is;
    for (const listener of this.#listeners) listener();
  }
}
