import { Float, type Ipld, isLink, isList, isMap } from '../../ipld/value.ts';
import { base64 } from 'multiformats/bases/base64';
import { type CID, isBlob } from '../../ipld/cid.ts';
import { clip } from '../module/fault.ts';
import { jsName } from './js-name.ts';
import { Misfit, type Path } from './misfit.ts';
import type { WitInteger, WitType } from './model.ts';
import { arrayOf, INTEGERS, isIntegerType, isNullable, isTagged, mapValueType, type NumberArray } from './shapes.ts';
import { show } from './show.ts';

/** IPLD to what a call takes. docs/components.md has the table. Throws `Misfit`. */

/** Gives the bytes of the blob that a link names; `undefined` if it names none. */
export type BytesOf = (link: CID) => Uint8Array | undefined;

export interface Walk {
  readonly path: Path;
  /** Absent: links stand for no bytes. */
  readonly bytesOf?: BytesOf | undefined;
  /** Where names stand among those of a type, made when first asked for: there may be ten thousand, and a list of as many values. */
  readonly places: Map<WitType, ReadonlyMap<string, number>>;
  /** Takes the items of a list to look at them later, which then come out as nothing; false if they are to be looked at now. Default now. */
  readonly defer?: (element: WitType, items: Iterable<readonly [part: string | number, value: Ipld]>, count: number) => boolean;
}

type Of<K extends WitType['kind']> = Extract<WitType, { kind: K }>;

/** The path is that of the value, and is so again when this returns. */
export function convert(type: WitType, value: Ipld, walk: Walk): unknown {
  switch (type.kind) {
    case 'bool':
      if (typeof value !== 'boolean') throw misfit(type, value, walk);
      return value;
    case 'string':
      return toText(type, value, walk);
    case 'char':
      return toChar(type, value, walk);
    case 'f32':
    case 'f64':
      return toFloat(type, value, walk);
    case 'list':
      return toList(type, value, walk);
    case 'record':
      return toRecord(type, value, walk);
    case 'tuple':
      return toTuple(type, value, walk);
    case 'variant':
      return toVariant(type, value, walk);
    case 'enum':
      if (typeof value !== 'string' || placeOf(type, () => type.names, value, walk) === undefined) throw misfit(type, value, walk);
      return value;
    case 'flags':
      return toFlags(type, value, walk);
    case 'option':
      return toOption(type, value, walk);
    case 'result':
      return toResult(type, value, walk);
    default:
      if (isIntegerType(type)) return toInteger(type, value, walk);
      throw misfit(type, value, walk, 'it has no value outside of a running component');
  }
}

function placeOf(type: WitType, names: () => readonly string[], name: string, { places }: Walk): number | undefined {
  let known = places.get(type);
  if (known === undefined) places.set(type, (known = new Map(names().map((each, i) => [each, i]))));
  return known.get(name);
}

function misfit(type: WitType, value: Ipld, walk: Walk, reason?: string): Misfit {
  return new Misfit(type, walk.path, show(value), reason);
}

/** The same of a part of the value. */
export function within(type: WitType, value: Ipld, part: string | number, walk: Walk): unknown {
  walk.path.push(part);
  const converted = convert(type, value, walk);
  walk.path.pop();
  return converted;
}

/** A float is taken where it is whole: JSON of JavaScript writes 1.0 as 1, other languages write 1 as 1.0. None is rounded. */
function toInteger(type: Of<WitInteger>, value: Ipld, walk: Walk): number | bigint {
  const [least, most] = INTEGERS[type.kind];
  const plain = value instanceof Float ? value.value : value;
  const isWhole = typeof plain === 'bigint' || (typeof plain === 'number' && Number.isInteger(plain));
  if (!isWhole || plain < least || plain > most) throw misfit(type, value, walk, `it takes integers of ${least} to ${most}`);
  if (type.kind === 'u64' || type.kind === 's64') return BigInt(plain);
  return Number(plain) + 0;
}

/** Integers are cast, and both are rounded to the nearest that the type has. */
function toFloat(type: Of<'f32' | 'f64'>, value: Ipld, walk: Walk): number {
  const plain = value instanceof Float ? value.value : value;
  if (typeof plain !== 'number' && typeof plain !== 'bigint') throw misfit(type, value, walk);
  const rounded = type.kind === 'f32' ? Math.fround(Number(plain)) : Number(plain);
  if (!Number.isFinite(rounded)) throw misfit(type, value, walk, 'it is too large');
  return rounded;
}

/**
 * What is not text becomes text as Homestar has it: `null`, base64 without padding, a link in its base. A link to a blob is the bytes it names here too: a
 * function that gives bytes gives such a link if they are many, and what comes behind must not depend on that.
 */
function toText(type: WitType, value: Ipld, walk: Walk): string {
  if (typeof value === 'string') return value;
  if (value === null) return 'null';
  if (value instanceof Uint8Array) return base64.baseEncode(value);
  if (isLink(value)) {
    const bytes = isBlob(value) ? walk.bytesOf?.(value) : undefined;
    return bytes === undefined ? value.toString() : base64.baseEncode(bytes);
  }
  throw misfit(type, value, walk);
}

function toChar(type: WitType, value: Ipld, walk: Walk): string {
  const point = typeof value === 'string' ? value.codePointAt(0) : undefined;
  if (typeof value !== 'string' || point === undefined || String.fromCodePoint(point) !== value || !value.isWellFormed()) {
    throw misfit(type, value, walk, 'it takes a string of one character');
  }
  return value;
}

function toList(type: Of<'list'>, value: Ipld, walk: Walk): unknown {
  const { element } = type;
  if (element.kind === 'u8' && value instanceof Uint8Array) return value;
  if (element.kind === 'u8' && typeof value === 'string') return fromBase64(type, value, walk);
  if (element.kind === 'u8' && isLink(value)) return ofBlob(type, value, walk);
  if (isList(value)) return toArray(element, value, walk);
  const valueType = mapValueType(element);
  if (valueType === undefined || !isMap(value)) throw misfit(type, value, walk);
  const entries = Object.entries(value);
  if (walk.defer?.(valueType, entries, entries.length) === true) return undefined;
  return entries.map(([key, item]) => [key, within(valueType, item, key, walk)]);
}

function toArray(element: WitType, values: readonly Ipld[], walk: Walk): unknown {
  if (walk.defer?.(element, values.entries(), values.length) === true) return undefined;
  const kind = arrayOf(element);
  const array = (kind === undefined ? new Array(values.length) : new kind(values.length)) as unknown[] | NumberArray;
  for (const [i, value] of values.entries()) array[i] = within(element, value, i, walk);
  return array;
}

function ofBlob(type: WitType, link: CID, walk: Walk): Uint8Array {
  const bytes = walk.bytesOf?.(link);
  if (bytes === undefined) throw misfit(type, link, walk, 'it names no blob');
  return bytes;
}

/** As Homestar's README has it. Padding may be there or not; bits that stand for nothing must be 0. */
function fromBase64(type: WitType, text: string, walk: Walk): Uint8Array {
  const bytes = new Uint8Array(Buffer.from(text, 'base64'));
  const plain = text.replace(/={1,2}$/, '');
  if (base64.baseEncode(bytes) !== plain || (plain !== text && text.length % 4 !== 0)) {
    throw misfit(type, text, walk, 'it takes bytes, a list of integers, or a string of base64');
  }
  return bytes;
}

function toRecord(type: Of<'record'>, value: Ipld, walk: Walk): unknown {
  if (!isMap(value)) throw misfit(type, value, walk);
  const record: { [key: string]: unknown } = {};
  for (const field of type.fields) {
    if (!Object.hasOwn(value, field.name)) throw misfit(type, value, walk, `the field ${JSON.stringify(clip(field.name))} is missing`);
    record[jsName(field.name)] = within(field.type, value[field.name] as Ipld, field.name, walk);
  }
  const keys = Object.keys(value);
  if (keys.length > type.fields.length) {
    const extra = keys.find((key) => !type.fields.some(({ name }) => name === key)) as string;
    throw misfit(type, value, walk, `it has no field ${JSON.stringify(clip(extra))}`);
  }
  return record;
}

function toTuple(type: Of<'tuple'>, value: Ipld, walk: Walk): unknown[] {
  if (!isList(value) || value.length !== type.types.length) throw misfit(type, value, walk, `it takes a list of ${type.types.length}`);
  return type.types.map((part, i) => within(part, value[i] as Ipld, i, walk));
}

function toVariant(type: Of<'variant'>, value: Ipld, walk: Walk): unknown {
  const keys = isMap(value) ? Object.keys(value) : typeof value === 'string' ? [value] : [];
  const [tag] = keys;
  if (tag === undefined || keys.length > 1) throw misfit(type, value, walk, 'it takes a map with one key, the name of a case');
  const place = placeOf(type, () => type.cases.map(({ name }) => name), tag, walk);
  const found = place === undefined ? undefined : type.cases[place];
  if (found === undefined) throw misfit(type, value, walk, `it has no case ${JSON.stringify(clip(tag))}`);
  const payload = isMap(value) ? (value[tag] as Ipld) : null;
  if (found.type === undefined) {
    if (payload !== null) throw misfit(type, value, walk, `the case ${JSON.stringify(clip(tag))} has no value: it takes null`);
    return { tag };
  }
  if (!isMap(value))
    throw misfit(type, value, walk, `the case ${JSON.stringify(clip(tag))} needs a value: {${JSON.stringify(clip(tag))}: …}`);
  return { tag, val: within(found.type, payload, tag, walk) };
}

function toFlags(type: Of<'flags'>, value: Ipld, walk: Walk): unknown {
  if (!isList(value)) throw misfit(type, value, walk, 'it takes a list of the names that are set');
  const unknown = value.find((name) => typeof name !== 'string' || placeOf(type, () => type.names, name, walk) === undefined);
  if (unknown !== undefined) throw misfit(type, value, walk, `it has no flag ${show(unknown)}`);
  return Object.fromEntries(type.names.map((name) => [jsName(name), value.includes(name)]));
}

function toOption(type: Of<'option'>, value: Ipld, walk: Walk): unknown {
  if (value === null) return isTagged(type) ? { tag: 'none' } : undefined;
  const val = isNullable(type.some) ? unwrapped(type, value, walk) : convert(type.some, value, walk);
  return isTagged(type) ? { tag: 'some', val } : val;
}

/** What an option around another holds stands in a list of its own: `[x]`. Without one it is taken too, where it is no list. */
function unwrapped(type: Of<'option'>, value: Ipld, walk: Walk): unknown {
  if (!isList(value)) return convert(type.some, value, walk);
  if (value.length !== 1) throw misfit(type, value, walk, 'it takes null, or a list of one: what the outer option holds');
  return within(type.some, value[0] as Ipld, 0, walk);
}

/** `[x, null]` is ok, `[null, e]` is err. A side without a payload has any value that is not null, which is not looked at. */
function toResult(type: Of<'result'>, value: Ipld, walk: Walk): unknown {
  if (!isList(value) || value.length !== 2) throw misfit(type, value, walk, 'it takes [value, null] for ok, [null, error] for err');
  const [left, right] = value as readonly [Ipld, Ipld];
  const tag = sideOf(type, left, right);
  if (tag === undefined) throw misfit(type, value, walk, 'it does not say whether it is ok or err: one of the two must be null');
  const payload = type[tag];
  if (payload === undefined) return { tag, val: undefined };
  const index = tag === 'ok' ? 0 : 1;
  const given = value[index] as Ipld;
  if (!isNullable(type.ok) || !isNullable(type.err)) return { tag, val: within(payload, given, index, walk) };
  if (!isList(given) || given.length !== 1)
    throw misfit(type, value, walk, 'both sides can be null, so a value stands in a list of its own: [[value], null]');
  return { tag, val: within(payload, given[0] as Ipld, index, walk) };
}

/** Two nulls mean the one side whose payload can be null. */
function sideOf(type: Of<'result'>, left: Ipld, right: Ipld): 'ok' | 'err' | undefined {
  if (left !== null && right === null) return 'ok';
  if (left === null && right !== null) return 'err';
  if (left !== null || isNullable(type.ok) === isNullable(type.err)) return undefined;
  return isNullable(type.ok) ? 'ok' : 'err';
}
