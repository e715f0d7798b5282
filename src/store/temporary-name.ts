import { createHash, randomBytes } from 'node:crypto';
import { hostname, uptime } from 'node:os';
import { processStat } from '../base/process-stat.ts';
import { systemCode } from '../errors.ts';

/**
 * Names of temporary files tell whether their owner may still live: `<host>-<pid>-<moment>-<random>`, the moment in
 * seconds since boot. No lock is held: a locked descriptor does not exist in Node, and slot processes may read nothing
 * outside of the store, not even their own entry in /proc (which is why the owner's start time is not in the name).
 *
 * Invariants
 * 1. A file of a living process is never called abandoned. Every doubt (other host, other user's process, clocks that
 *    cannot be compared) counts as living.
 * 2. A pid that was given to a new process does not keep a file: that process started after the file's moment.
 * 3. A file of another host or container, where pids mean nothing here, is abandoned after a day without a write.
 */

const NAME = /^(?<host>[0-9a-f]{8})-(?<pid>\d+)-(?<moment>\d+\.\d\d)-[0-9a-f]{16}/;
const DAY_MS = 86_400_000;
/** Start times in /proc count in USER_HZ, 100 on every platform Node runs on. */
const TICKS_PER_SECOND = 100;
const SLACK_SECONDS = 2;

export function temporaryName(): string {
  return `${hostId()}-${process.pid}-${uptime().toFixed(2)}-${randomBytes(8).toString('hex')}`;
}

/** Whether the file's owner is gone. `modified` is the file's mtime, `now` the time, both in milliseconds since the epoch. */
export function isAbandoned(name: string, modified: number, now: number): boolean {
  const parts = NAME.exec(name)?.groups;
  if (parts?.['host'] !== hostId()) return now - modified > DAY_MS;
  const moment = Number(parts['moment']);
  if (moment > uptime() + SLACK_SECONDS) return true;
  return !isAlive(Number(parts['pid']), moment);
}

function isAlive(pid: number, moment: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return systemCode(error) !== 'ESRCH';
  }
  const found = processState(pid);
  if (found === undefined) return true;
  if (found.ended) return false;
  return found.started <= moment + SLACK_SECONDS || !clocksAgree();
}

/** Undefined where the system does not tell. */
function processState(pid: number | 'self'): { readonly ended: boolean; readonly started: number } | undefined {
  const fields = processStat(pid);
  if (fields === undefined) return undefined;
  return { ended: fields[0] === 'Z' || fields[0] === 'X', started: Number(fields[19]) / TICKS_PER_SECOND };
}

/** Some containers show an uptime of their own beside the host's start times; then a moment proves nothing about a pid. */
function clocksAgree(): boolean {
  const self = processState('self');
  return self !== undefined && Math.abs(uptime() - process.uptime() - self.started) < SLACK_SECONDS;
}

function hostId(): string {
  return createHash('sha256').update(hostname()).digest('hex').slice(0, 8);
}
