import { copyFileSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import { DocketError } from '../errors.ts';
import { FORMAT, formatOf } from './schema.ts';

/** A connection to a ledger that cannot be written, and what it left outside of the home. */
export interface ReadOnlyDatabase {
  readonly db: DatabaseSync;
  /** To be called when `db` is closed. */
  readonly release: () => void;
}

/** Bytes of the shared memory's first piece. A disk that was full may have left less, which SQLite would try to make whole. */
const SHARED_MEMORY = 32 * 1024;

const nothing = (): void => {};

/**
 * Opens a ledger where nothing can be written. SQLite reads one with a write-ahead log only if the file of its shared memory is there; without
 * that and without a log it can be told that nobody writes; and with a log alone, as in a copy of a home, only where it can make that file. Throws
 * `HOME_UNUSABLE`, `HOME_NEWER`; SQLite's and the system's own errors pass through.
 */
export function openReadOnly(path: string): ReadOnlyDatabase {
  const opened = open(path);
  using stack = new DisposableStack();
  stack.defer(opened.release);
  stack.use(opened.db);
  if (formatOf(opened.db, path) !== FORMAT) {
    throw new DocketError('HOME_UNUSABLE', `${path} is of an older format, and cannot be written to upgrade it`, {
      next: 'Use it once where it can be written, or a copy of the home.',
    });
  }
  stack.move();
  return opened;
}

function open(path: string): ReadOnlyDatabase {
  if (sizeOf(`${path}-shm`) >= SHARED_MEMORY) return { db: new DatabaseSync(path, { readOnly: true }), release: nothing };
  if (sizeOf(`${path}-wal`) === 0) {
    const url = pathToFileURL(path);
    url.searchParams.set('immutable', '1');
    return { db: new DatabaseSync(url, { readOnly: true }), release: nothing };
  }
  const folder = mkdtempSync(join(tmpdir(), 'docket-ledger-'));
  const release = (): void => rmSync(folder, { recursive: true, force: true });
  try {
    const copy = join(folder, basename(path));
    for (const part of ['', '-wal']) copyFileSync(path + part, copy + part);
    return { db: new DatabaseSync(copy, { readOnly: true }), release };
  } catch (error) {
    release();
    throw error;
  }
}

/** 0 also if there is no such file. */
function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
