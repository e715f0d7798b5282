import { randomBytes } from 'node:crypto';
import { readdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { systemCode } from '../errors.ts';
import type { Paths } from './home.ts';
import { Lock } from './locks.ts';
import { writeFailure } from './write-failure.ts';

/**
 * Who drives which run. `run-<id>` is a symbolic link to the lock `driver-<tag>`, which its driver holds as long as it lives: so whether a run is driven
 * is asked of that file as of any lock, and beginning a run takes no lock of its own (a fifth of what a short job costs).
 *
 * Invariants
 * D1. A link is made, never replaced, and after the lock it names is held: of two who want a run, one gets it.
 * D2. Who lives removes its own links. Those of the dead are removed under the lock `taking-over`, and looked at there once more, or somebody who
 *     looked early would remove the link of who took the run over meanwhile.
 * D3. Tags are random and never used again: a link to one that is gone stays dead.
 */

const TAG_BYTES = 8;
const DRIVER = /^driver-[0-9a-f]+$/;
/** How long (ms) one who takes a run over waits for another who does: a look and three system calls. */
const PATIENCE = 1_000;

/** One driver's part in the runs of a home. Throws `STORE_FULL`, `HOME_UNUSABLE`. */
export class RunLocks implements Disposable {
  readonly #paths: Paths;
  readonly #name = `driver-${randomBytes(TAG_BYTES).toString('hex')}`;
  #lock: Lock | undefined;

  /** Nothing is made in the home before the first run is owned. */
  constructor(paths: Paths) {
    this.#paths = paths;
  }

  /** The right to drive the run, until it is disposed of; undefined if somebody has it, here or in another process. */
  tryOwn(run: string): Disposable | undefined {
    const path = this.#paths.runLock(run);
    this.#live();
    if (!this.#link(path)) {
      if (Lock.isHeld(path) || !this.#takeOver(path)) return undefined;
    }
    return { [Symbol.dispose]: () => rmSync(path, { force: true }) };
  }

  #live(): void {
    // Nobody else wants it, but who sweeps may hold it for a moment.
    while (this.#lock === undefined) this.#lock = Lock.tryAcquire(join(this.#paths.locks, this.#name));
  }

  /** False if there is a link. */
  #link(path: string): boolean {
    try {
      symlinkSync(this.#name, path);
      return true;
    } catch (cause) {
      if (systemCode(cause) === 'EEXIST') return false;
      throw writeFailure(path, cause);
    }
  }

  #takeOver(path: string): boolean {
    using gate = Lock.tryAcquire(join(this.#paths.locks, 'taking-over'), { patience: PATIENCE });
    if (gate === undefined || Lock.isHeld(path)) return false;
    rmSync(path, { force: true });
    const isOurs = this.#link(path);
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
  for (const file of readdirSync(folder)) if (DRIVER.test(file)) Lock.sweep(join(folder, file));
}
