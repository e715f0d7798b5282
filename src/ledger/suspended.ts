import { readFileSync, statSync } from 'node:fs';
import { processStat } from '../base/process-stat.ts';

/** Kind, id of the process, inode of the file, first byte: `1: POSIX  ADVISORY  WRITE 1234 08:01:5678 0 EOF`, see proc_locks(5). */
const LOCK = / (READ|WRITE) (\d+) [0-9a-f]+:[0-9a-f]+:(\d+) (\d+) /;

interface HeldLock {
  readonly kind: string;
  readonly pid: number;
  readonly start: number;
}

/**
 * Whether the lock on this file is held, and by processes only that were told to stand still (Ctrl-Z, SIGSTOP). False where that cannot be known:
 * no /proc, or a holder in another container.
 */
export function isSuspended(path: string): boolean {
  const held = locksOn(path);
  return held.length > 0 && held.every(({ pid }) => standsStill(pid));
}

/** Where the writer's lock lies in the shared memory of a write-ahead log: https://sqlite.org/walformat.html#wal_locks. */
const WRITER = 120;

/** The process that holds the right to write this database, if it stands still. */
export function suspendedWriter(database: string): number | undefined {
  return locksOn(`${database}-shm`).find(({ kind, start, pid }) => kind === 'WRITE' && start === WRITER && standsStill(pid))?.pid;
}

function locksOn(path: string): HeldLock[] {
  const inode = statSync(path, { throwIfNoEntry: false })?.ino;
  return lines().flatMap((line) => {
    const [, kind, pid, locked, start] = LOCK.exec(line) ?? [];
    return kind !== undefined && Number(locked) === inode ? [{ kind, pid: Number(pid), start: Number(start) }] : [];
  });
}

function standsStill(pid: number): boolean {
  return processStat(pid)?.[0] === 'T';
}

function lines(): string[] {
  try {
    return readFileSync('/proc/locks', 'latin1').split('\n');
  } catch {
    return [];
  }
}
