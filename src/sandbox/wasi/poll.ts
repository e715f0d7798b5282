import * as Errno from '../files/errno.ts';
import { CLOCK_ABSOLUTE, EVENT, HANGUP, RIGHT, SIZE } from './abi.ts';
import type { Descriptor } from './descriptors.ts';
import { type Host, ITEM_WEIGHT } from './host.ts';
import { readClock } from './process-calls.ts';

/** More subscriptions than any descriptor table could want. */
const MAX_SUBSCRIPTIONS = 8192;

interface Event {
  readonly userdata: bigint;
  readonly type: number;
  readonly error: number;
  readonly nbytes: bigint;
  readonly flags: number;
}

interface Alarm {
  readonly userdata: bigint;
  /** Nanoseconds from now. */
  readonly left: bigint;
}

/**
 * `poll_oneoff`. Files and pipes are always ready, so with one of them (or a subscription that is wrong) there is no
 * waiting; else the clock moves to the earliest time asked for, and all that is due then is reported.
 */
export function pollOneoff(host: Host, input: number, output: number, count: number, result: number): void {
  const { memory, toll } = host;
  const subscriptions = count >>> 0;
  if (subscriptions === 0 || subscriptions > MAX_SUBSCRIPTIONS) throw Errno.INVAL;
  const start = memory.check(input, subscriptions * SIZE.subscription);
  memory.check(output, subscriptions * SIZE.event);
  memory.check(result, 4);
  toll.bytes(subscriptions * (SIZE.subscription + SIZE.event + ITEM_WEIGHT));

  const events: Event[] = [];
  const alarms: Alarm[] = [];
  for (let i = 0; i < subscriptions; i++) subscribe(host, start + i * SIZE.subscription, events, alarms);
  if (alarms.length > 0) {
    const due = events.length > 0 ? 0n : alarms.reduce((least, { left }) => (left < least ? left : least), (alarms[0] as Alarm).left);
    if (due > 0n) host.clock.wait(due);
    for (const { userdata, left } of alarms) {
      if (left <= due) events.push({ userdata, type: EVENT.clock, error: 0, nbytes: 0n, flags: 0 });
    }
  }
  events.forEach((event, i) => putEvent(host, (output >>> 0) + i * SIZE.event, event));
  memory.setU32(result, events.length);
}

function subscribe(host: Host, at: number, events: Event[], alarms: Alarm[]): void {
  const { view } = host.memory;
  const userdata = view.getBigUint64(at, true);
  const type = view.getUint8(at + 8);
  if (type > EVENT.fdWrite) throw Errno.INVAL;
  try {
    if (type === EVENT.clock) alarms.push({ userdata, left: timeLeft(host, at + 16) });
    else events.push({ userdata, type, error: 0, ...readiness(host.descriptors.get(view.getUint32(at + 16, true)), type) });
  } catch (error) {
    if (!(error instanceof Errno.Errno)) throw error;
    events.push({ userdata, type, error: error.number, nbytes: 0n, flags: 0 });
  }
}

function timeLeft({ clock, memory }: Host, at: number): bigint {
  const id = memory.view.getUint32(at, true);
  const timeout = memory.view.getBigUint64(at + 8, true);
  const flags = memory.view.getUint16(at + 24, true);
  if ((flags & ~CLOCK_ABSOLUTE) !== 0) throw Errno.INVAL;
  const now = readClock(clock, id);
  const left = (flags & CLOCK_ABSOLUTE) === 0 ? timeout : timeout - now;
  return left > 0n ? left : 0n;
}

function readiness(descriptor: Descriptor, type: number): { readonly nbytes: bigint; readonly flags: number } {
  if (descriptor.kind === 'directory') throw Errno.BADF;
  if ((descriptor.rights & RIGHT.pollFdReadwrite) === 0) throw Errno.NOTCAPABLE;
  if ((descriptor.rights & (type === EVENT.fdRead ? RIGHT.fdRead : RIGHT.fdWrite)) === 0) throw Errno.BADF;
  if (type === EVENT.fdWrite || descriptor.kind === 'output') return { nbytes: BigInt(1 << 16), flags: 0 };
  const content = descriptor.kind === 'file' ? descriptor.inode.content : descriptor.content;
  const left = Math.max(0, content.size - descriptor.position);
  return { nbytes: BigInt(left), flags: left === 0 && descriptor.kind === 'input' ? HANGUP : 0 };
}

function putEvent({ memory }: Host, at: number, event: Event): void {
  memory.bytes.fill(0, at, at + SIZE.event);
  memory.view.setBigUint64(at, event.userdata, true);
  memory.view.setUint16(at + 8, event.error, true);
  memory.view.setUint8(at + 10, event.type);
  memory.view.setBigUint64(at + 16, event.nbytes, true);
  memory.view.setUint16(at + 24, event.flags, true);
}
