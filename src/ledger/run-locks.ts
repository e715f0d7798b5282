import { randomBytes } from 'node:crypto';
import { linkSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { systemCode } from '../errors.ts';
import type { Paths } from './home.ts';
import { identityOf, Lock } from './locks.ts';
import { writeFailure } from './write-failure.ts';

/**
 * Who drives which run. `run-<id>` is a further name (hard link) of the lock `driver-<tag>`, which its driver holds as long as it lives: so whether a run is
 * driven is asked of that file as of any lock, and beginning a run takes neither a lock of its own (a fifth of what a short job costs) nor a new file.
 *
 * Invariants
 * D1. A name is given, never replaced, and after the lock is held: of two who want a run, one gets it.
 * D2. Who lives removes names of its own. Those of the dead are removed under the lock `taking-over`, after they were seen there to be dead: a name keeps
 *     everybody from giving another, so what was seen still holds then.
 * D3. Tags are random and never used again, and a lock file that was left is never held again: a name that is dead stays dead.
 */

const TAG_BYTES = 8;
const TAKING_OVER = 'taking-over';
const LOCK = /^(driver-[0-9a-f]+|taking-over)$/;
/** How long (ms) one who takes a run over waits for another who does: a look and three system calls. */
const PATIENCE = 1_000;

/** One driver's part in the runs of a home. Throws `STORE_FULL`, `HOME_UNUSABLE`. */
export class RunLocks implements Disposable {
  readonly #paths: Paths;
  /** Of the lock, among those of drivers. */
  readonly name = `driver-${randomBytes(TAG_BYTES).toString('hex')}`;
  #lock: Lock | undefined;

  /** Nothing is made in the home before the first run is owned. */
  constructor(paths: Paths) {
    this.#paths = paths;
  }

  /** The right to drive the run, until it is disposed of; undefined if somebody has it, here or in another process. */
  tryOwn(run: string): Disposable | undefined {
    const path = this.#paths.runLock(run);
    this.#live();
    if (!this.#name(path) && (Lock.isHeld(path) || !this.#takeOver(path))) return undefined;
    return { [Symbol.dispose]: () => rmSync(path, { force: true }) };
  }

  #live(): void {
    // Nobody else wants it, but who sweeps may hold it for a moment.
    while (this.#lock === undefined) this.#lock = Lock.tryAcquire(this.#path);
  }

  get #path(): string {
    return join(this.#paths.locks, this.name);
  }

  /** False if the run has a name already. */
  #name(path: string): boolean {
    try {
      linkSync(this.#path, path);
      return true;
    } catch (cause) {
      if (systemCode(cause) === 'EEXIST') return false;
      throw writeFailure(path, cause);
    }
  }

  #takeOver(path: string): boolean {
    using gate = Lock.tryAcquire(join(this.#paths.locks, TAKING_OVER), { patience: PATIENCE });
    if (gate === undefined) return false;
    const seen = identityOf(path);
    const isDead = Lock.look(path) === 'free' && identityOf(path) === seen;
    if (isDead) rmSync(path);
    const isOurs = this.#name(path);
    gate.remove();
    return isOurs;
  }

  /** To be called when nothing is driven any more. */
  [Symbol.dispose](): void {
    this.#lock?.remove();
    this.#lock = undefined;
  }
}

/** Removes the locks of drivers that were killed. What they drove is then anybody's. */
export function sweepDrivers(folder: string): void {
  for (const file of readdirSync(folder)) if (LOCK.test(file)) Lock.sweep(join(folder, file));
}
