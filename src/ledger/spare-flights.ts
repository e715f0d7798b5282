import { closeSync, existsSync, ftruncateSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { flightsFolder, type Paths } from './home.ts';

/**
 * Journals that ended, emptied for the next run of the same process: what ext4 takes to make a file grows with those deleted in the last seconds
 * (it looks past their inodes), to a tenth of a short job when there are hundreds a second.
 *
 * They lie beside the journals, `.<driver>-<n>`, so that they can take a run's name; whose driver is gone are swept. File systems that keep a log
 * bring emptying back before renaming after a power cut, so that no run finds the lines of another.
 */

/** Spares kept; more runs than these seldom end at a time. */
const MOST = 64;
const SPARE = /^\.(driver-[0-9a-f]+)-[0-9]+$/;

interface Spare {
  readonly path: string;
  readonly descriptor: number;
}

export class SpareFlights implements Disposable {
  readonly #driver: () => string;
  readonly #spares: Spare[] = [];
  #given = 0;

  /** `driver` gives the name of the process's lock among those of drivers, once it owns a run. */
  constructor(driver: () => string) {
    this.#driver = driver;
  }

  /** An empty journal, open for appending, that has this path now. Undefined if there is none to spare. */
  take(path: string): number | undefined {
    const spare = this.#spares.pop();
    if (spare === undefined) return undefined;
    try {
      renameSync(spare.path, path);
      return spare.descriptor;
    } catch {
      closeSync(spare.descriptor);
      return undefined;
    }
  }

  /** Takes a journal of a run that ended. False if it is to be deleted, as it is if anything fails: the first always is, for most processes have one run only. */
  give(path: string, descriptor: number): boolean {
    const number = this.#given++;
    if (number === 0 || this.#spares.length >= MOST) return false;
    const spare = { path: join(dirname(path), `.${this.#driver()}-${number}`), descriptor };
    try {
      ftruncateSync(descriptor);
      renameSync(path, spare.path);
    } catch {
      return false;
    }
    this.#spares.push(spare);
    return true;
  }

  [Symbol.dispose](): void {
    for (const { path, descriptor } of this.#spares.splice(0)) {
      closeSync(descriptor);
      rmSync(path, { force: true });
    }
  }
}

/** Removes the spares of processes that were killed, whose locks are swept by then. */
export function sweepSpares(paths: Paths): void {
  const folder = flightsFolder(paths);
  for (const file of readdirSync(folder)) {
    const driver = SPARE.exec(file)?.[1];
    if (driver !== undefined && !existsSync(join(paths.locks, driver))) rmSync(join(folder, file), { force: true });
  }
}
