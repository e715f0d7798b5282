import { formatDuration, formatSize } from '../base/units.ts';
import { DocketError } from '../errors.ts';
import { Float, type Ipld, type IpldMap, isLink, isList, isMap } from '../ipld/value.ts';

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
  /** Units of fuel, see docs/fuel.md; up to 2^64-2, an integer of IPLD. Absent: none are counted, the default. */
  readonly fuel?: number | bigint;
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

/** The limits that are always there. */
type Measured = Exclude<keyof Limits, 'fuel'>;

interface Range {
  readonly min: number;
  readonly max: number;
  readonly format: (amount: number) => string;
}

/** `time` ends at 24 days because timers count in 31 bits of milliseconds. */
const LIMIT_RANGES: Readonly<Record<Measured, Range>> = {
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
export const NO_FUEL = 2n ** 64n - 1n;

/** Keys of a task's `meta` that are not limits. */
const OTHER_KEYS: ReadonlySet<string> = new Set(['retry', 'memo', 'grant', 'needs', 'agree', 'durable']);

/**
 * The limits a task's `meta` asks for. Memory that is no multiple of 64 KiB is rounded down, which refuses the same allocations.
 * Throws `LIMIT_REFUSED` for a value out of range, and any key that is not known: it might be a limit.
 */
export function fromMeta(meta: IpldMap): Limits {
  const limits: { -readonly [K in Measured]: number } = { ...DEFAULT_LIMITS };
  let fuel: number | bigint | undefined;
  for (const [key, value] of Object.entries(meta)) {
    if (key === 'fuel') fuel = fuelOf(value);
    else if (Object.hasOwn(LIMIT_RANGES, key)) limits[key as Measured] = inRange(key, value, LIMIT_RANGES[key as Measured]);
    else if (!OTHER_KEYS.has(key)) {
      throw new DocketError('LIMIT_REFUSED', `"${key}" in meta is not known, so it cannot be enforced`, {
        next: 'Known keys: memory, time, output, openFiles, fuel, retry, memo, grant, needs, agree, durable.',
        details: { limit: key },
      });
    }
  }
  limits.memory -= limits.memory % PAGE;
  return fuel === undefined ? limits : { ...limits, fuel };
}

/**
 * The keys of `meta` for the limits given; those left out stay out, so that they do not count in the task's CID, and so does fuel that means none.
 * Throws `LIMIT_REFUSED`.
 */
export function toMeta(limits: Partial<Limits>): IpldMap {
  const { fuel, ...others } = limits;
  const meta: Record<string, Ipld> = { ...others };
  if (fuel !== undefined && fuelOf(fuel) !== undefined) meta['fuel'] = fuel;
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

/** Undefined for none. A whole number that is not written as a float, unless that is so large that it means none. */
function fuelOf(value: Ipld): number | bigint | undefined {
  const amount = value instanceof Float ? value.value : value;
  if ((typeof amount === 'number' || typeof amount === 'bigint') && amount >= NO_FUEL) return undefined;
  if ((typeof value === 'bigint' || Number.isSafeInteger(value)) && (value as number | bigint) >= 0) return value as number | bigint;
  throw new DocketError('LIMIT_REFUSED', `"fuel" must be a whole number from 0 to 18446744073709551614, not ${shown(value)}`, {
    next: 'Give a number of units (a unit is an instruction, more or less), or leave it out; 2^64-1 and above also mean none.',
    details: { limit: 'fuel' },
  });
}

/** What stood there, at no length. It may come from code, and be of no IPLD. */
function shown(value: Ipld): string {
  if (isLink(value)) return 'a link';
  if (isList(value)) return 'a list';
  if (value instanceof Float) return Number.isInteger(value.value) ? `the float ${value.value}` : String(value.value);
  if (value instanceof Uint8Array) return 'bytes';
  if (isMap(value)) return 'a map';
  return typeof value === 'string'
    ? JSON.stringify(value.length > LONGEST_SHOWN ? `${value.slice(0, LONGEST_SHOWN)}…` : value)
    : String(value);
}

/** Characters of a text. */
const LONGEST_SHOWN = 40;

function inRange(name: string, value: Ipld, { min, max, format }: Range): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max) return value;
  const range = `${format(min)} to ${format(max)}`;
  const plain = `${min} to ${max}`;
  throw new DocketError(
    'LIMIT_REFUSED',
    `"${name}" must be a whole number from ${plain}${plain === range ? '' : ` (${range})`}, not ${shown(value)}`,
    {
      next: `Give a value in the range ${range}, or leave it out.`,
      details: { limit: name, min, max },
    },
  );
}
