import { Float, isLink, isList, isMap, type Ipld } from '../ipld/value.ts';
import type { Receipt } from './model.ts';

/** What `value` lacks to be a receipt, apart from its `out`; undefined if nothing. Extra keys in `meta` are for later versions. */
export function misshapen(value: Ipld): string | undefined {
  if (!isMap(value)) return 'it is not a map';
  const unknown = Object.keys(value).find((key) => !RECEIPT_KEYS.has(key));
  if (unknown !== undefined) return `it has the unknown key ${JSON.stringify(unknown)}`;
  const { ran, out, meta, iss, prf } = value;
  if (!isLink(ran)) return 'ran is not a link';
  if (out === undefined) return 'out is missing';
  if (typeof iss !== 'string') return 'iss is not a string';
  if (!isList(prf)) return 'prf is not a list';
  if (!isMap(meta)) return 'meta is not a map';
  const wrong = Object.entries(META).find(([key, fits]) => !fits(Object.hasOwn(meta, key) ? meta[key] : undefined));
  return wrong && `meta.${wrong[0]} is missing or of the wrong kind`;
}

/** Only for a value `misshapen` found nothing wrong with, and whose `out` is one. */
export function asReceipt(value: Ipld): Receipt {
  return value as unknown as Receipt;
}

const RECEIPT_KEYS: ReadonlySet<string> = new Set(['ran', 'out', 'meta', 'iss', 'prf']);

type Check = (value: Ipld | undefined) => boolean;

const text: Check = (value) => typeof value === 'string';
const link: Check = isLink;
/** Whole, safe, not negative. */
const count: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
const milliseconds: Check = (value) => typeof value === 'number' || value instanceof Float;
const key: Check = (value) => value instanceof Uint8Array && value.length === 32;

/** Bytes, or a link to them. */
const stream: Check = (value) => value instanceof Uint8Array || isLink(value);

const META: Readonly<Record<keyof Receipt['meta'], Check>> = {
  op: text,
  instruction: link,
  key: optional(key),
  module: optional(link),
  extensions: optional((value) => isMap(value) && Object.values(value).every(link)),
  started: count,
  usage: (value) => isMap(value) && milliseconds(value.wall) && milliseconds(value.cpu) && count(value.memory) && count(value.output),
  limits: (value) => isMap(value) && Object.values(value).every(count),
  logs: optional((value) => isMap(value) && stream(value.stdout) && stream(value.stderr)),
  grants: (value) => isList(value) && value.every(text),
  agent: text,
  attempt: count,
  docket: text,
  cpu: optional(text),
};

function optional(check: Check): Check {
  return (value) => value === undefined || check(value);
}
