import { float, integer, type Ipld, setKey } from '../../ipld/value.ts';
import { clip } from '../module/fault.ts';
import { shortest } from '../module/signature.ts';
import { jsName } from './js-name.ts';
import { Misfit, type Path } from './misfit.ts';
import type { WitInteger, WitType } from './model.ts';
import { arrayOf, INTEGERS, isIntegerType, isNullable, isTagged, mapValueType } from './shapes.ts';

/** What a call gives to IPLD. docs/components.md has the table. Nothing about the shape of a value is believed. Throws `Misfit`. */

type Of<K extends WitType['kind']> = Extract<WitType, { kind: K }>;

/** `path` is that of the value, and is so again when this returns. */
export function convert(type: WitType, value: unknown, path: Path): Ipld {
  switch (type.kind) {
    case 'bool':
      if (typeof value !== 'boolean') throw misfit(type, value, path);
      return value;
    case 'string':
      if (typeof value !== 'string' || !value.isWellFormed()) throw misfit(type, value, path);
      return value;
    case 'char':
      if (typeof value !== 'string' || !value.isWellFormed() || [...value.slice(0, 3)].length !== 1) throw misfit(type, value, path);
      return value;
    case 'f32':
    case 'f64':
      return ofFloat(type, value, path);
    case 'list':
      return ofList(type, value, path);
    case 'record':
      return ofRecord(type, value, path);
    case 'tuple':
      if (!Array.isArray(value) || value.length !== type.types.length) throw misfit(type, value, path);
      return type.types.map((part, i) => within(part, value[i], i, path));
    case 'variant':
      return ofVariant(type, value, path);
    case 'enum':
      if (typeof value !== 'string' || !type.names.includes(value)) throw misfit(type, value, path);
      return value;
    case 'flags':
      return ofFlags(type, value, path);
    case 'option':
      return ofOption(type, value, path);
    case 'result':
      return ofResult(type, value, path);
    default:
      if (isIntegerType(type)) return ofInteger(type, value, path);
      throw misfit(type, value, path, 'it has no value outside of a running component');
  }
}

function misfit(type: WitType, value: unknown, path: Path, reason?: string): Misfit {
  return new Misfit(type, path, shown(value), reason);
}

/** What it is, never what is in it: turning a strange object into text could run code of its own. */
function shown(value: unknown): string {
  if (typeof value === 'string') return value.isWellFormed() ? JSON.stringify(clip(value)) : 'a string with half of a surrogate pair';
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? `a list of ${value.length}` : 'an object';
  return typeof value === 'function' || typeof value === 'symbol' ? `a ${typeof value}` : String(value);
}

function within(type: WitType, value: unknown, part: string | number, path: Path): Ipld {
  path.push(part);
  const converted = convert(type, value, path);
  path.pop();
  return converted;
}

function ofInteger(type: Of<WitInteger>, value: unknown, path: Path): Ipld {
  const isLong = type.kind === 'u64' || type.kind === 's64';
  const [least, most] = INTEGERS[type.kind];
  const isWhole = isLong ? typeof value === 'bigint' : Number.isInteger(value);
  const number = value as number | bigint;
  if (!isWhole || number < least || number > most) throw misfit(type, value, path);
  return typeof number === 'bigint' ? integer(number) : number + 0;
}

function ofFloat(type: Of<'f32' | 'f64'>, value: unknown, path: Path): Ipld {
  if (typeof value !== 'number') throw misfit(type, value, path);
  if (!Number.isFinite(value)) throw misfit(type, value, path, 'it has no IPLD form');
  if (type.kind === 'f64') return float(value);
  const single = Math.fround(value);
  if (!Number.isFinite(single)) throw misfit(type, value, path, 'it is too large');
  return float(shortest(single));
}

function ofList(type: Of<'list'>, value: unknown, path: Path): Ipld {
  const { element } = type;
  const kind = arrayOf(element);
  if (element.kind === 'u8') {
    if (value instanceof Uint8Array) return value;
    throw misfit(type, value, path);
  }
  const isTyped = kind !== undefined && value instanceof kind;
  if (!isTyped && !Array.isArray(value)) throw misfit(type, value, path);
  const items = Array.from(value as ArrayLike<unknown>, (item, i) => within(element, item, i, path));
  return mapValueType(element) === undefined ? items : asMap(items as [string, Ipld][]);
}

/** Pairs that repeat a key stay a list, since a map would lose one; and those with the key `/`, for which DAG-JSON, in which people see values, has no form in a map. */
function asMap(pairs: readonly (readonly [string, Ipld])[]): Ipld {
  const map: { [key: string]: Ipld } = {};
  for (const [key, value] of pairs) {
    if (key === '/' || Object.hasOwn(map, key)) return pairs;
    setKey(map, key, value);
  }
  return map;
}

function ofRecord(type: Of<'record'>, value: unknown, path: Path): Ipld {
  const map: { [key: string]: Ipld } = {};
  for (const { name, type: field } of type.fields) setKey(map, name, within(field, own(type, value, jsName(name), path), name, path));
  return map;
}

/** A property of its own; what is inherited is none. */
function own(type: WitType, value: unknown, key: string, path: Path): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) throw misfit(type, value, path);
  return (value as { readonly [key: string]: unknown })[key];
}

function ofVariant(type: Of<'variant'>, value: unknown, path: Path): Ipld {
  const tag = own(type, value, 'tag', path);
  const found = type.cases.find(({ name }) => name === tag);
  if (found === undefined) throw misfit(type, value, path);
  return { [found.name]: found.type === undefined ? null : within(found.type, own(type, value, 'val', path), found.name, path) };
}

function ofFlags(type: Of<'flags'>, value: unknown, path: Path): Ipld {
  return type.names.filter((name) => {
    const set = own(type, value, jsName(name), path);
    if (typeof set !== 'boolean') throw misfit(type, value, path);
    return set;
  });
}

function ofOption(type: Of<'option'>, value: unknown, path: Path): Ipld {
  if (!isTagged(type)) return value === undefined ? null : ofSome(type, value, path);
  const tag = own(type, value, 'tag', path);
  if (tag === 'none') return null;
  if (tag !== 'some') throw misfit(type, value, path);
  return ofSome(type, own(type, value, 'val', path), path);
}

function ofSome({ some }: Of<'option'>, value: unknown, path: Path): Ipld {
  return isNullable(some) ? [within(some, value, 0, path)] : convert(some, value, path);
}

function ofResult(type: Of<'result'>, value: unknown, path: Path): Ipld {
  const tag = own(type, value, 'tag', path);
  if (tag !== 'ok' && tag !== 'err') throw misfit(type, value, path);
  const payload = type[tag];
  const index = tag === 'ok' ? 0 : 1;
  const converted = payload === undefined ? 1 : within(payload, own(type, value, 'val', path), index, path);
  const side = isNullable(type.ok) && isNullable(type.err) ? [converted] : converted;
  return tag === 'ok' ? [side, null] : [null, side];
}
