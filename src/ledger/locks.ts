import { rmSync, statfsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { DocketError } from '../errors.ts';
import { isBusy } from './sqlite-failure.ts';

/**
 * Ownership among processes, and among parts of one: an exclusive SQLite lock on an empty file. The kernel frees it when its owner is
 * killed, so nothing has to be cleaned up and no process id is ever trusted.
 *
 * Invariants
 * L1. The file stays empty: nothing is written under the lock, so a killed owner leaves no journal.
 * L2. A lock file is never opened but by SQLite. Closing any other descriptor of it would drop this process's locks on it.
 * L3. Only an owner removes the file, before it lets go. Who locked a file that was removed meanwhile owns nothing and tries anew: the
 *     path must name the same file before it is opened and after it is locked.
 */

/** Asking whether a lock is held takes it for some microseconds; this long (ms) an acquirer waits for one who merely asks. */
const ASKING = 20;

/** How often a lock is looked at that is there and cannot be opened. */
const MOST_TRIES = 20;

interface AcquireOptions {
  /** Milliseconds to wait while another holds it; default 20. */
  readonly patience?: number;
}

export class Lock implements Disposable {
  readonly #path: string;
  #db: DatabaseSync | undefined;

  private constructor(path: string, db: DatabaseSync) {
    this.#path = path;
    this.#db = db;
  }

  /** The lock, or undefined if another process or another part of this one holds it. Throws `HOME_UNUSABLE`. */
  static tryAcquire(path: string, { patience = ASKING }: AcquireOptions = {}): Lock | undefined {
    try {
      for (;;) {
        const before = identityOf(path);
        const db = new DatabaseSync(path, { timeout: patience });
        try {
          // With a journal on disk SQLite would make one at once, beside the empty file (L1).
          db.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
        } catch (error) {
          db.close();
          if (isBusy(error)) return undefined;
          throw error;
        }
        if (before !== undefined && identityOf(path) === before) return new Lock(path, db);
        db.close();
      }
    } catch (cause) {
      throw unusable(path, cause);
    }
  }

  /** Whether anybody holds the lock at this moment. */
  static isHeld(path: string): boolean {
    return Lock.look(path) === 'held';
  }

  /** The lock at this moment; `free` is a file that nobody holds. */
  static look(path: string): 'absent' | 'free' | 'held' {
    for (let tries = 1; ; tries++) {
      const before = identityOf(path);
      if (before === undefined) return 'absent';
      try {
        using db = new DatabaseSync(path, { readOnly: true });
        db.prepare('SELECT 1 FROM sqlite_schema').get();
        return 'free';
      } catch (error) {
        if (isBusy(error)) return 'held';
        // It may have gone meanwhile, and have come back since: a further name of a file that stays cannot be told from the one before.
        if (tries === MOST_TRIES && identityOf(path) === before) throw unusable(path, error);
      }
    }
  }

  /** Removes the file if nobody holds the lock; false if somebody does. */
  static sweep(path: string): boolean {
    if (Lock.isHeld(path)) return false;
    const lock = Lock.tryAcquire(path, { patience: 0 });
    lock?.remove();
    return lock !== undefined;
  }

  /** Removes the file, then lets go. */
  remove(): void {
    if (this.#db === undefined) return;
    rmSync(this.#path, { force: true });
    this[Symbol.dispose]();
  }

  /** Lets go. A second time does nothing. */
  [Symbol.dispose](): void {
    this.#db?.close();
    this.#db = undefined;
  }
}

function unusable(path: string, cause: unknown): DocketError {
  if (isFull(dirname(path))) return new DocketError('STORE_FULL', `${path} cannot be made: the disk is full`, { cause });
  return new DocketError('HOME_UNUSABLE', `the lock file ${path} cannot be used: ${(cause as Error).message}`, { cause });
}

/** No room for bytes, or for one more file. SQLite does not say. */
function isFull(folder: string): boolean {
  try {
    const { bavail, files, ffree } = statfsSync(folder);
    return bavail === 0 || (files > 0 && ffree === 0);
  } catch {
    return false;
  }
}

/** Tells a file from another that takes its place, also where the inode number is used again. */
export function identityOf(path: string): string | undefined {
  const stats = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stats && `${stats.dev} ${stats.ino} ${stats.birthtimeNs}`;
}
