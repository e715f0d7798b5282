import { readFileSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';

/**
 * Whether this was started by `nohup`. Node forgets what signals it was told to ignore, but nohup leaves a trace where it found a terminal: a stdin
 * that can only be written, or an output that goes to `nohup.out` (https://www.gnu.org/software/coreutils/nohup).
 */
export function isUnderNohup(): boolean {
  try {
    return isUnreadable(0) || [1, 2].some((fd) => basename(targetOf(fd)) === 'nohup.out');
  } catch {
    // No /proc: another system.
    return false;
  }
}

/** From now on a hang-up does not stop the command: it is told of it instead, each time. */
export function takeHangUps(listener: () => void): void {
  process.removeAllListeners('SIGHUP');
  process.on('SIGHUP', listener);
}

function isUnreadable(fd: number): boolean {
  const flags = /^flags:\s*([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))?.[1];
  return flags !== undefined && (parseInt(flags, 8) & 3) === 1 && targetOf(fd) === '/dev/null';
}

function targetOf(fd: number): string {
  return readlinkSync(`/proc/self/fd/${fd}`);
}
