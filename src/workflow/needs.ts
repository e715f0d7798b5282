import { formatDuration, formatSize } from '../base/units.ts';
import { DocketError } from '../errors.ts';
import { type Ipld, type IpldMap, isList, isMap } from '../ipld/value.ts';

/**
 * What a task needs of the agent that runs it. It decides where a task runs and never what it gives, so it stands in `meta`, counts in the task's CID when it is
 * there, and in no key: whatever an agent with a GPU found is found by all.
 */
export interface Needs {
  /** An op the agent must offer, beside the task's own. */
  readonly op: string | undefined;
  readonly tags: Readonly<Record<string, TagNeed>>;
  /** Bytes, of what the agent has for tasks. 0: nothing is said. */
  readonly memory: number;
  /** Slots it takes up while it runs. Default 1. */
  readonly slots: number;
  /** How long it waits for an agent that could run it, in ms; undefined: as long as is usual. */
  readonly within: number | undefined;
}

/** Of one tag. `values` are texts, at least one; a tag that is not there is none of any. */
export type TagNeed =
  | { readonly kind: 'exists' }
  | { readonly kind: 'absent' }
  | { readonly kind: 'in'; readonly values: readonly string[] }
  | { readonly kind: 'not in'; readonly values: readonly string[] };

/** What an agent has. */
export interface Offer {
  readonly ops: readonly string[];
  readonly tags: Readonly<Record<string, string>>;
  /** Bytes. */
  readonly memory: number;
  readonly slots: number;
}

export const NO_NEEDS: Needs = { op: undefined, tags: {}, memory: 0, slots: 1, within: undefined };

export const NEED_KEYS = ['op', 'tags', 'memory', 'slots', 'within'] as const;

const MOST_TAGS = 32;
const MOST_VALUES = 64;
export const LONGEST_TAG = 256;
const TAG_NAME = /^[a-z0-9][a-z0-9._/-]{0,62}$/;
const OP = /^[a-z][a-z0-9-]*\/[a-z][a-z0-9-]*$/;

const RANGES = {
  memory: { min: 1, max: 2 ** 50, format: formatSize },
  slots: { min: 1, max: 1_024, format: String },
  within: { min: 0, max: 24 * 86_400_000, format: formatDuration },
} as const;

export function isTagName(name: string): boolean {
  return TAG_NAME.test(name);
}

/** What a tag may be given as. */
export function isTagValue(value: string): boolean {
  return value.length <= LONGEST_TAG && !/[\p{Cc},]/u.test(value);
}

/** The `needs` of a task's `meta`. Throws `WORKFLOW_INVALID`. */
export function fromMeta({ needs }: IpldMap): Needs {
  if (needs === undefined) return NO_NEEDS;
  if (!isMap(needs)) throw invalid('must be a map', `Its keys: ${NEED_KEYS.join(', ')}.`);
  for (const key of Object.keys(needs))
    if (!(NEED_KEYS as readonly string[]).includes(key))
      throw invalid(`has an unknown key "${key}"`, `Known keys: ${NEED_KEYS.join(', ')}.`);
  return {
    op: opOf(needs['op']),
    tags: tagsOf(needs['tags']),
    memory: amountOf('memory', needs['memory']) ?? NO_NEEDS.memory,
    slots: amountOf('slots', needs['slots']) ?? NO_NEEDS.slots,
    within: amountOf('within', needs['within']),
  };
}

/** The least that says the same, in one way only, so that the same needs give one CID; undefined for none. */
export function toMeta({ op, tags, memory, slots, within }: Needs): IpldMap | undefined {
  const told = Object.entries(tags).map(([name, need]): [string, Ipld] => [name, tagValue(need)]);
  const meta: Record<string, Ipld> = {
    ...(op === undefined ? {} : { op }),
    ...(told.length === 0 ? {} : { tags: Object.fromEntries(told) }),
    ...(memory === NO_NEEDS.memory ? {} : { memory }),
    ...(slots === NO_NEEDS.slots ? {} : { slots }),
    ...(within === undefined ? {} : { within }),
  };
  return Object.keys(meta).length === 0 ? undefined : meta;
}

/** Whether such an agent can ever run the task. */
export function meets(needs: Needs, offer: Offer): boolean {
  return (
    (needs.op === undefined || offer.ops.includes(needs.op)) &&
    needs.memory <= offer.memory &&
    needs.slots <= offer.slots &&
    Object.entries(needs.tags).every(([name, need]) => isMet(need, tagOf(offer, name)))
  );
}

/** What it has not, for people: `it has no tag gpu`. Nothing if it meets them. */
export function lacking(needs: Needs, offer: Offer): string[] {
  const found = Object.entries(needs.tags).flatMap(([name, need]) => {
    const value = tagOf(offer, name);
    return isMet(need, value) ? [] : [tagLack(name, need, value)];
  });
  if (needs.op !== undefined && !offer.ops.includes(needs.op)) found.push(`it does not run ${needs.op}`);
  if (needs.memory > offer.memory) found.push(`it has ${formatSize(offer.memory)} for tasks, not ${formatSize(needs.memory)}`);
  if (needs.slots > offer.slots) found.push(`it has ${offer.slots} slot${offer.slots === 1 ? '' : 's'}, not ${needs.slots}`);
  return found;
}

/** In one line, for people; the same for equal needs, `within` aside. Empty for none. */
export function textOf({ op, tags, memory, slots }: Needs): string {
  const parts = Object.entries(tags)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, need]) => tagText(name, need));
  if (op !== undefined) parts.push(`op ${op}`);
  if (memory !== NO_NEEDS.memory) parts.push(`memory ${formatSize(memory)}`);
  if (slots !== NO_NEEDS.slots) parts.push(`${slots} slots`);
  return parts.join(', ');
}

function tagOf({ tags }: Offer, name: string): string | undefined {
  return Object.hasOwn(tags, name) ? tags[name] : undefined;
}

function isMet(need: TagNeed, value: string | undefined): boolean {
  switch (need.kind) {
    case 'exists':
      return value !== undefined;
    case 'absent':
      return value === undefined;
    case 'in':
      return value !== undefined && need.values.includes(value);
    case 'not in':
      return value === undefined || !need.values.includes(value);
  }
}

function tagLack(name: string, need: TagNeed, value: string | undefined): string {
  if (value === undefined) return `it has no tag ${name}`;
  switch (need.kind) {
    case 'exists':
    case 'absent':
      return `it has the tag ${name}`;
    case 'in':
      return `its tag ${name} is ${JSON.stringify(value)}, not ${need.values.map((one) => JSON.stringify(one)).join(' or ')}`;
    case 'not in':
      return `its tag ${name} is ${JSON.stringify(value)}`;
  }
}

function tagText(name: string, need: TagNeed): string {
  switch (need.kind) {
    case 'exists':
      return name;
    case 'absent':
      return `no ${name}`;
    case 'in':
      return `${name}=${need.values.join('|')}`;
    case 'not in':
      return `${name}≠${need.values.join('|')}`;
  }
}

function opOf(value: Ipld | undefined): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'string' || !OP.test(value)) throw invalid('has an "op" that is no name of an op', 'Such as wasi/run.');
  return value;
}

function amountOf(key: keyof typeof RANGES, value: Ipld | undefined): number | undefined {
  if (value === undefined) return undefined;
  const { min, max, format } = RANGES[key];
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max) return value;
  throw invalid(`has a "${key}" that is no whole number from ${min} to ${max}`, `Give ${format(min)} to ${format(max)}, or leave it out.`);
}

function tagsOf(value: Ipld | undefined): Needs['tags'] {
  if (value === undefined) return {};
  if (!isMap(value)) throw invalid('has "tags" that are no map', TAG_RULE);
  const entries = Object.entries(value);
  if (entries.length > MOST_TAGS) throw invalid(`has more than ${MOST_TAGS} tags`);
  return Object.fromEntries(
    entries.map(([name, one]) => {
      if (!isTagName(name)) throw invalid(`names the tag ${JSON.stringify(name)}`, 'Tags are named by small letters, digits and . _ / -');
      return [name, tagNeedOf(name, one)];
    }),
  );
}

const TAG_RULE =
  'A tag is given as a text, a list of texts of which it is one, {not: …} with these, true if it must be there, or false if it must not.';

function tagNeedOf(name: string, value: Ipld): TagNeed {
  if (value === true) return { kind: 'exists' };
  if (value === false) return { kind: 'absent' };
  if (!isMap(value)) return { kind: 'in', values: valuesOf(name, value) };
  const { not, ...rest } = value;
  if (not === undefined || Object.keys(rest).length > 0) throw invalid(`does not say what the tag ${name} is to be`, TAG_RULE);
  return { kind: 'not in', values: valuesOf(name, not) };
}

/** Sorted, without repeats. */
function valuesOf(name: string, value: Ipld): string[] {
  const values = typeof value === 'string' ? [value] : isList(value) ? value : [];
  if (values.length === 0) throw invalid(`does not say what the tag ${name} is to be`, TAG_RULE);
  if (values.length > MOST_VALUES) throw invalid(`has more than ${MOST_VALUES} values of the tag ${name}`);
  const texts = values.filter((one) => typeof one === 'string');
  if (texts.length < values.length || !texts.every(isTagValue))
    throw invalid(
      `has a value of the tag ${name} that is no text of at most ${LONGEST_TAG} characters without commas and control characters`,
      TAG_RULE,
    );
  return [...new Set(texts)].toSorted();
}

function tagValue(need: TagNeed): Ipld {
  if (need.kind === 'exists' || need.kind === 'absent') return need.kind === 'exists';
  const value = need.values.length === 1 ? need.values[0]! : need.values;
  return need.kind === 'in' ? value : { not: value };
}

function invalid(what: string, next?: string): DocketError {
  return new DocketError('WORKFLOW_INVALID', `"needs" ${what}`, next === undefined ? {} : { next });
}
