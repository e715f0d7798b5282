import { randomBytes } from 'node:crypto';
import { linkSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DocketError, systemCode } from '../errors.ts';
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
 * D3. Tags are random and never used again, and a lock file that was left is held again by those only who sweep it away, for a moment: a name that is dead stays
 *     dead.
 */

const TAG_BYTES = 8;
const TAKING_OVER = 'taking-over';
const LOCK = /^(driver-[0-9a-f]+|taking-over)$/;
/** How long (ms) one who takes a run over waits for another who does: a look and three system calls. */
const PATIENCE = 20;
/** What a file system says that knows none. */
const NO_LINKS: ReadonlySet<string> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);

/** One driver's part in the runs of a home. Throws `STORE_FULL`, `HOME_UNUSABLE`. */
export class RunLocks implements Disposable {
  readonly #paths: Paths;
  #name = '';
  #lock: Lock | undefined;

  /** Nothing is made in the home before the first run is owned. */
  constructor(paths: Paths) {
    this.#paths = paths;
  }

  /** The right to drive the run, until it is disposed of; undefined if somebody has it, here or in another process. */
  tryOwn(run: string): Disposable | undefined {
    const path = this.#paths.runLock(run);
    // Before anything is made: a disk may have no room for one more file, and whoever only looks needs none.
    if (Lock.isHeld(path)) return undefined;
    this.#live();
    if (!this.#link(path) && !this.#takeOver(path)) return undefined;
    return { [Symbol.dispose]: () => rmSync(path, { force: true }) };
  }

  /** Of the lock, among those of drivers; empty before the first run is owned. */
  get name(): string {
    return this.#name;
  }

  #live(): void {
    while (this.#lock === undefined) {
      // Who sweeps may have taken hold of it between its making and its locking; then another name is as good.
      this.#name = `driver-${randomBytes(TAG_BYTES).toString('hex')}`;
      this.#lock = Lock.tryAcquire(this.#path, { patience: 0 });
    }
  }

  get #path(): string {
    return join(this.#paths.locks, this.#name);
  }

  /** False if the run has a name already. */
  #link(path: string): boolean {
    try {
      linkSync(this.#path, path);
      return true;
    } catch (cause) {
      if (systemCode(cause) === 'EEXIST') return false;
      if (NO_LINKS.has(systemCode(cause) ?? ''))
        throw new DocketError('HOME_UNUSABLE', `the file system of ${this.#paths.home} has no hard links, which Docket needs`, { cause });
      throw writeFailure(path, cause);
    }
  }

  #takeOver(path: string): boolean {
    using gate = Lock.tryAcquire(join(this.#paths.locks, TAKING_OVER), { patience: PATIENCE });
    if (gate === undefined) return false;
    const seen = identityOf(path);
    const isDead = Lock.look(path) === 'free' && identityOf(path) === seen;
    if (isDead) rmSync(path);
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
  for (const file of readdirSync(folder)) if (LOCK.test(file)) Lock.sweep(join(folder, file));
}
