import { statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { DocketError, type ErrorCode } from '../errors.ts';
import { BUSY, primaryCode, type SqliteFailure } from './sqlite-failure.ts';

/** Primary result codes, https://sqlite.org/rescode.html. */
const READONLY = 8;
const IOERR = 10;
const CORRUPT = 11;
const FULL = 13;
const CANTOPEN = 14;
const CONSTRAINT = 19;
const MISMATCH = 20;
const NOTADB = 26;

/** Below this many free bytes an I/O error is taken for a full disk: SQLite reports it so where it grows its shared memory. */
const SPARE = 256 * 1024;

/** `unwritable` is the code for a file that cannot be opened or written: which one depends on how far things had come. */
export function toDocketError(
  failure: SqliteFailure,
  path: string,
  unwritable: 'HOME_UNUSABLE' | 'STORE_UNWRITABLE',
  cause?: unknown,
): DocketError {
  const { suspended, errcode, message } = failure;
  if (suspended !== undefined)
    return new DocketError('LEDGER_BUSY', `${path}: process ${suspended} was suspended in the middle of writing`, {
      cause,
      next: `Let it go on (\`fg\`, or \`kill -CONT ${suspended}\`) or kill it, and run again: what it finished is kept.`,
      details: { path, process: suspended },
    });
  const [code, what] = classify(failure, path, unwritable);
  return new DocketError(code, `${path}: ${what} (${message})`, { cause, details: { path, errcode } });
}

function classify(failure: SqliteFailure, path: string, unwritable: ErrorCode): [ErrorCode, string] {
  switch (primaryCode(failure)) {
    case CORRUPT:
      return ['LEDGER_DAMAGED', 'the ledger is damaged'];
    case NOTADB:
      return ['LEDGER_DAMAGED', 'this file is no ledger'];
    case FULL:
      return ['STORE_FULL', 'the disk is full'];
    case READONLY:
    case CANTOPEN:
      return [unwritable, 'the ledger cannot be opened for writing'];
    case BUSY:
      return ['LEDGER_BUSY', 'another process held the ledger for too long'];
    case CONSTRAINT:
    case MISMATCH:
      return ['INTERNAL', 'a row broke a rule of the ledger'];
    case IOERR:
      return isFull(path) ? ['STORE_FULL', 'the disk is full'] : ['LEDGER_FAILED', 'the disk failed'];
    default:
      return ['LEDGER_FAILED', 'the ledger failed'];
  }
}

function isFull(path: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(dirname(path));
    return bavail * bsize < SPARE;
  } catch {
    return false;
  }
}
