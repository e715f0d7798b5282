import { formatDuration, formatSize } from '../base/units.ts';
import { DocketError } from '../errors.ts';
import { Float, type Ipld, type IpldMap, isMap } from '../ipld/value.ts';

/** Limits of one task, defaults filled in. Every one of them is enforced; a limit that cannot be is refused at submit. */
export interface Limits {
  /** Bytes of WebAssembly memory, a multiple of 64 KiB; default 1 GiB, at most 4 GiB. */
  readonly memory: number;
  /** Milliseconds of wall time; default 600,000. */
  readonly time: number;
  /** Bytes a task may write: stdout, stderr and files together; default 1 GiB. */
  readonly output: number;
  /** Open descriptors at a time; default 256. */
  readonly openFiles: number;
}

export interface Retry {
  /** Attempts in all, the first included; default 3. */
  readonly attempts: number;
  /** Milliseconds before the second attempt, doubled for each further one; default 250. */
  readonly backoff: number;
  /** Whether a task's own failure is tried again too; lost runners always are. Default false. */
  readonly onFailure: boolean;
}

const PAGE = 65_536;

export const DEFAULT_LIMITS: Limits = { memory: 2 ** 30, time: 600_000, output: 2 ** 30, openFiles: 256 };
export const DEFAULT_RETRY: Retry = { attempts: 3, backoff: 250, onFailure: false };

interface Range {
  readonly min: number;
  readonly max: number;
  readonly format: (amount: number) => string;
}

/** `time` ends at 24 days because timers count in 31 bits of milliseconds. */
const LIMIT_RANGES: Readonly<Record<keyof Limits, Range>> = {
  memory: { min: PAGE, max: 2 ** 32, format: formatSize },
  time: { min: 1, max: 24 * 86_400_000, format: formatDuration },
  output: { min: 0, max: 2 ** 40, format: formatSize },
  openFiles: { min: 4, max: 65_536, format: String },
};

const RETRY_RANGES: Readonly<Record<'attempts' | 'backoff', Range>> = {
  attempts: { min: 1, max: 100, format: String },
  backoff: { min: 0, max: 3_600_000, format: formatDuration },
};

/** Homestar's way to say "no fuel limit" is the largest u64; number parsers round it to the float 2^64. */
const NO_FUEL = 2n ** 64n - 1n;

/** Keys of a task's `meta` that are not limits. */
const OTHER_KEYS: ReadonlySet<string> = new Set(['retry', 'memo']);

/**
 * The limits a task's `meta` asks for. Memory that is no multiple of 64 KiB is rounded down, which refuses the same allocations.
 * Throws `LIMIT_REFUSED` for a value out of range, finite fuel, and any key that is not known: it might be a limit.
 */
export function fromMeta(meta: IpldMap): Limits {
  const limits: { -readonly [K in keyof Limits]: number } = { ...DEFAULT_LIMITS };
  for (const [key, value] of Object.entries(meta)) {
    if (key === 'fuel') requireNoFuel(value);
    else if (Object.hasOwn(LIMIT_RANGES, key)) limits[key as keyof Limits] = inRange(key, value, LIMIT_RANGES[key as keyof Limits]);
    else if (!OTHER_KEYS.has(key)) {
      throw new DocketError('LIMIT_REFUSED', `"${key}" in meta is not known, so it cannot be enforced`, {
        next: 'Known keys: memory, time, output, openFiles, fuel, retry, memo.',
        details: { limit: key },
      });
    }
  }
  limits.memory -= limits.memory % PAGE;
  return limits;
}

/** The keys of `meta` for the limits given; those left out stay out, so that they do not count in the task's CID. Throws `LIMIT_REFUSED`. */
export function toMeta(limits: Partial<Limits>): IpldMap {
  const meta: Record<string, Ipld> = { ...limits };
  fromMeta(meta);
  return meta;
}

/** The `retry` of a task's `meta`, defaults filled in. Throws `WORKFLOW_INVALID`. */
export function retryFromMeta(meta: IpldMap): Retry {
  const { retry } = meta;
  if (retry === undefined) return DEFAULT_RETRY;
  if (!isMap(retry)) throw new DocketError('WORKFLOW_INVALID', '"retry" in meta must be a map with attempts, backoff and onFailure');
  const { attempts = DEFAULT_RETRY.attempts, backoff = DEFAULT_RETRY.backoff, onFailure = DEFAULT_RETRY.onFailure, ...rest } = retry;
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) throw new DocketError('WORKFLOW_INVALID', `"retry" in meta has an unknown key "${unknown}"`);
  if (typeof onFailure !== 'boolean') throw new DocketError('WORKFLOW_INVALID', '"retry.onFailure" in meta must be true or false');
  return {
    attempts: inRange('retry.attempts', attempts, RETRY_RANGES.attempts),
    backoff: inRange('retry.backoff', backoff, RETRY_RANGES.backoff),
    onFailure,
  };
}

function requireNoFuel(value: Ipld): void {
  const amount = value instanceof Float ? value.value : value;
  if ((typeof amount === 'number' || typeof amount === 'bigint') && amount >= NO_FUEL) return;
  throw new DocketError('LIMIT_REFUSED', 'a finite "fuel" cannot be enforced, so it is not accepted', {
    next: 'Leave "fuel" out (2^64-1 and above also mean none) and limit "time" instead.',
    details: { limit: 'fuel' },
  });
}

function inRange(name: string, value: Ipld, { min, max, format }: Range): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max) return value;
  const range = `${format(min)} to ${format(max)}`;
  const plain = `${min} to ${max}`;
  throw new DocketError('LIMIT_REFUSED', `"${name}" must be a whole number from ${plain}${plain === range ? '' : ` (${range})`}`, {
    next: `Give a value in the range ${range}, or leave it out.`,
    details: { limit: name, min, max },
  });
}
