import { readFileSync, statSync } from 'node:fs';
import { processStat } from '../base/process-stat.ts';

/** Id of the process and inode of the file of one lock: `1: POSIX  ADVISORY  WRITE 1234 08:01:5678 0 EOF`, see proc_locks(5). */
const LOCK = / (\d+) [0-9a-f]+:[0-9a-f]+:(\d+) /;

/**
 * Whether the lock on this file is held, and by processes only that were told to stand still (Ctrl-Z, SIGSTOP). False where that cannot be known:
 * no /proc, or a holder in another container.
 */
export function isSuspended(path: string): boolean {
  const inode = statSync(path, { throwIfNoEntry: false })?.ino;
  const holders = locks().flatMap((line) => {
    const [, pid, locked] = LOCK.exec(line) ?? [];
    return pid !== undefined && Number(locked) === inode ? [Number(pid)] : [];
  });
  return holders.length > 0 && holders.every((pid) => processStat(pid)?.[0] === 'T');
}

function locks(): string[] {
  try {
    return readFileSync('/proc/locks', 'latin1').split('\n');
  } catch {
    return [];
  }
}
