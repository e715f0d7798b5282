import { EPOCH } from '../files/inodes.ts';

/** The clocks of one task, in nanoseconds. */
export interface GuestClock {
  readonly resolution: bigint;
  /** Wall time as a guest reads it; reading may move the clock. */
  realtime(): bigint;
  /** From an arbitrary start, never 0 (Go takes 0 for "no clock"). */
  monotonic(): bigint;
  /** Processor time used. */
  cpu(): bigint;
  /** Wall time for stamping files; does not move the clock. */
  now(): bigint;
  /** Lets `duration` pass. */
  wait(duration: bigint): void;
}

const STEP = 1000n;
/** Some 146 years: where the virtual clock stops, so that the sum with the epoch stays within 64 bits. */
const LAST = 1n << 62n;

/** Starts at `EPOCH`, moves 1 µs with each reading and by what is waited for: the same task sees the same times. Waiting takes no time. */
export function virtualClock(): GuestClock {
  let elapsed = 0n;
  let wall = EPOCH;
  const pass = (duration: bigint): bigint => {
    elapsed = elapsed + duration < LAST ? elapsed + duration : LAST;
    wall = EPOCH + elapsed;
    return elapsed;
  };
  return {
    resolution: STEP,
    realtime: () => {
      pass(STEP);
      return wall;
    },
    monotonic: () => pass(STEP),
    cpu: () => pass(STEP),
    now: () => wall,
    wait: pass,
  };
}

/** The clocks of this machine, for tasks that were granted `clock`. Waiting blocks the thread; a time limit ends the process. */
export function realClock(): GuestClock {
  const start = process.hrtime.bigint();
  const base = BigInt(Date.now()) * 1_000_000n - start;
  const realtime = (): bigint => base + process.hrtime.bigint();
  return {
    resolution: 1n,
    realtime,
    monotonic: () => process.hrtime.bigint() - start + 1n,
    cpu: () => {
      const { user, system } = process.cpuUsage();
      return BigInt(user + system) * 1000n;
    },
    now: realtime,
    wait: (duration) => {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Number(duration) / 1e6);
    },
  };
}
