import { parseDuration, parseSize } from '../../base/units.ts';
import { isDocketError } from '../../errors.ts';
import { integer, type Ipld, type IpldMap } from '../../ipld/value.ts';
import * as Limit from '../limits.ts';
import type { Limits } from '../limits.ts';
import * as Needs from '../needs.ts';
import type { Reader } from './reader.ts';
import type { MapNode, Node } from './source.ts';

/** Limits, retry and needs as written in the file; keys left out stay out of `meta`, so that defaults never count in a CID. */
export interface Settings {
  readonly limits: Partial<Limits>;
  readonly retry: IpldMap;
  /** As in `meta`. */
  readonly needs: IpldMap;
}

export const NO_SETTINGS: Settings = { limits: {}, retry: {}, needs: {} };

/** In the file `open-files`, in `meta` `openFiles`: the file follows YAML's habits, `meta` those of JSON. */
const LIMIT_KEYS = { memory: 'memory', time: 'time', output: 'output', 'open-files': 'openFiles' } as const;
const RETRY_KEYS = { attempts: 'attempts', backoff: 'backoff', 'on-failure': 'onFailure' } as const;

/** Reads `limits`, `retry` and `needs` of a task or of `defaults`. Problems: `LIMIT_REFUSED` for what cannot be enforced. */
export function readSettings(map: MapNode, reader: Reader): Settings {
  const limits = reader.get(map, 'limits');
  const retry = reader.get(map, 'retry');
  const needs = reader.get(map, 'needs');
  return {
    limits: limits === undefined ? {} : readLimits(limits, reader),
    retry: retry === undefined ? {} : readRetry(retry, reader),
    needs: needs === undefined ? {} : readNeeds(needs, reader),
  };
}

/** `meta` of a task: its own settings over the defaults. */
export function toMeta(own: Settings, defaults: Settings, memo: string | undefined): IpldMap {
  const retry = { ...defaults.retry, ...own.retry };
  const needs = Needs.toMeta(Needs.fromMeta({ needs: { ...defaults.needs, ...own.needs } }));
  return {
    ...Limit.toMeta({ ...defaults.limits, ...own.limits }),
    ...(Object.keys(retry).length === 0 ? {} : { retry }),
    ...(memo === undefined ? {} : { memo }),
    ...(needs === undefined ? {} : { needs }),
  };
}

function readLimits(node: Node, reader: Reader): Partial<Limits> {
  const map = reader.map(node, '"limits"');
  if (map === undefined) return {};
  reader.checkKeys(map, '"limits"', [...Object.keys(LIMIT_KEYS), 'fuel']);
  const limits: { -readonly [K in Exclude<keyof Limits, 'fuel'>]?: number } = {};
  for (const [key, name] of Object.entries(LIMIT_KEYS)) {
    const value = reader.get(map, key);
    if (value === undefined) continue;
    const amount =
      key === 'time'
        ? readDuration(value, `"${key}"`, reader)
        : key === 'open-files'
          ? readInteger(value, `"${key}"`, reader)
          : readSize(value, `"${key}"`, reader);
    if (amount !== undefined && isAccepted(() => Limit.toMeta({ [name]: amount }), value, reader)) limits[name] = amount;
  }
  const fuel = reader.get(map, 'fuel');
  return fuel === undefined ? limits : { ...limits, ...readFuel(fuel, reader) };
}

/** `none` is kept as what means none: it undoes a default. */
function readFuel(node: Node, reader: Reader): Pick<Limits, 'fuel'> {
  if (node.kind === 'scalar' && node.value === 'none') return { fuel: Limit.NO_FUEL };
  const value = node.kind !== 'scalar' ? null : typeof node.value === 'bigint' ? integer(node.value) : (node.value as Ipld);
  return isAccepted(() => Limit.fromMeta({ fuel: value }), node, reader) ? { fuel: value as number | bigint } : {};
}

function readRetry(node: Node, reader: Reader): IpldMap {
  const map = reader.map(node, '"retry"');
  if (map === undefined) return {};
  reader.checkKeys(map, '"retry"', Object.keys(RETRY_KEYS));
  const retry: Record<string, Ipld> = {};
  for (const [key, name] of Object.entries(RETRY_KEYS)) {
    const value = reader.get(map, key);
    if (value === undefined) continue;
    const amount =
      key === 'backoff'
        ? readDuration(value, `"${key}"`, reader)
        : key === 'attempts'
          ? readInteger(value, `"${key}"`, reader)
          : reader.bool(value, `"${key}"`);
    if (amount !== undefined && isAccepted(() => Limit.retryFromMeta({ retry: { [name]: amount } }), value, reader)) retry[name] = amount;
  }
  return retry;
}

function readNeeds(node: Node, reader: Reader): IpldMap {
  const map = reader.map(node, '"needs"');
  if (map === undefined) return {};
  reader.checkKeys(map, '"needs"', Needs.NEED_KEYS);
  const needs: Record<string, Ipld> = {};
  for (const key of Needs.NEED_KEYS) {
    const value = reader.get(map, key);
    if (value === undefined) continue;
    const found = key === 'tags' ? readTags(value, reader) : readNeed(key, value, reader);
    if (found !== undefined && isAccepted(() => Needs.fromMeta({ needs: { [key]: found } }), value, reader)) needs[key] = found;
  }
  return needs;
}

function readNeed(key: Exclude<(typeof Needs.NEED_KEYS)[number], 'tags'>, node: Node, reader: Reader): Ipld | undefined {
  switch (key) {
    case 'op':
      return reader.text(node, '"op" of "needs"');
    case 'memory':
      return readSize(node, '"memory" of "needs"', reader);
    case 'slots':
      return readInteger(node, '"slots" of "needs"', reader);
    case 'within':
      return readDuration(node, '"within" of "needs"', reader);
  }
}

/** Each is checked by itself, so that a problem stands where its tag does. */
function readTags(node: Node, reader: Reader): IpldMap | undefined {
  const map = reader.map(node, '"tags" of "needs"');
  if (map === undefined) return undefined;
  const tags: [string, Ipld][] = [];
  for (const [name, { value }] of map.entries) {
    const need = readTag(value, `tag "${name}"`, reader);
    if (need !== undefined && isAccepted(() => Needs.fromMeta({ needs: { tags: { [name]: need } } }), value, reader))
      tags.push([name, need]);
  }
  return Object.fromEntries(tags);
}

function readTag(node: Node, what: string, reader: Reader): Ipld | undefined {
  if (node.kind === 'list') return node.items.flatMap((item) => reader.text(item, `a value of ${what}`) ?? []);
  if (node.kind === 'scalar') return typeof node.value === 'boolean' ? node.value : reader.text(node, what);
  reader.checkKeys(node, what, ['not']);
  const not = reader.get(node, 'not');
  if (not === undefined) return reader.problem(node.at, `${what} must be a text, a list of texts, {not: …}, true or false`);
  const values = not.kind === 'list' ? not.items.flatMap((item) => reader.text(item, `a value of ${what}`) ?? []) : reader.text(not, what);
  return values === undefined ? undefined : { not: values };
}

/** Runs a check of the model's and notes its refusal at the value's place. */
function isAccepted(check: () => unknown, { at }: Node, reader: Reader): boolean {
  try {
    check();
    return true;
  } catch (error) {
    if (!isDocketError(error)) throw error;
    reader.problem(at, error.message, error.next, error.code);
    return false;
  }
}

function readSize(node: Node, what: string, reader: Reader): number | undefined {
  if (node.kind === 'scalar') {
    const bytes = typeof node.value === 'bigint' ? Number(node.value) : typeof node.value === 'string' ? parseSize(node.value) : undefined;
    if (bytes !== undefined) return bytes;
  }
  return reader.problem(
    node.at,
    `${what} must be a size`,
    'Write a number with a unit: 64MiB, 1.5GiB, 10kB; a bare whole number is bytes.',
  );
}

function readDuration(node: Node, what: string, reader: Reader): number | undefined {
  const amount = node.kind === 'scalar' && typeof node.value === 'string' ? parseDuration(node.value) : undefined;
  return amount ?? reader.problem(node.at, `${what} must be a duration`, 'Write a number with a unit: 250ms, 10s, 1.5h, 1h30m.');
}

function readInteger(node: Node, what: string, reader: Reader): number | undefined {
  if (node.kind === 'scalar' && typeof node.value === 'bigint') return Number(node.value);
  return reader.problem(node.at, `${what} must be a whole number`);
}
