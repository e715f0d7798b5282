import type { WitType } from '../wit/model.ts';
import { type Codec, type CoreType, type CoreValue, MOST_FLAT, PRIMITIVES, type Source } from './codec.ts';
import { jsName } from '../wit/js-name.ts';
import { VALUE_WEIGHT, weightOfNames } from './meter.ts';
import type { Passage } from './region.ts';

/** Records, tuples and flags: what has several parts at once. */

export function recordOf(fields: readonly { readonly name: string; readonly codec: Codec }[]): Codec {
  const names = fields.map(({ name }) => name);
  const keys = names.map(jsName);
  const type: WitType = { kind: 'record', fields: fields.map(({ name, codec }) => ({ name, type: codec.type })) };
  const entriesOf = (values: readonly unknown[]): unknown => Object.fromEntries(keys.map((key, i) => [key, values[i]]));
  const made = product(
    type,
    fields.map(({ codec }) => codec),
    entriesOf,
    (value, i) => (value as Record<string, unknown>)[keys[i] as string],
  );
  return { ...made, weight: made.weight + weightOfNames(names), items: 1 + fields.length + made.items };
}

export function tupleOf(parts: readonly Codec[]): Codec {
  const type: WitType = { kind: 'tuple', types: parts.map((part) => part.type) };
  return product(
    type,
    parts,
    (values) => values,
    (value, i) => (value as readonly unknown[])[i],
  );
}

function product(
  type: WitType,
  parts: readonly Codec[],
  join: (values: readonly unknown[]) => unknown,
  part: (value: unknown, index: number) => unknown,
): Codec {
  const { offsets, size, align } = layOut(parts);
  return {
    type,
    size,
    align,
    depth: 1 + Math.max(...parts.map((each) => each.depth)),
    weight: parts.reduce((sum, each) => sum + each.weight, VALUE_WEIGHT),
    // A pair may become an entry of a map, which counts as its parts.
    items: parts.reduce((sum, each) => sum + each.items, 0),
    flat: flatten(parts),
    load: (pass, at) => join(parts.map((each, i) => each.load(pass, at + (offsets[i] as number)))),
    store: (pass, value, at) => parts.forEach((each, i) => each.store(pass, part(value, i), at + (offsets[i] as number))),
    lift: (pass, from) => join(parts.map((each) => each.lift(pass, from))),
    lower: (pass, value, into) => parts.forEach((each, i) => each.lower(pass, part(value, i), into)),
  };
}

/** Parts one after another, each where its alignment lets it begin. */
function layOut(parts: readonly Pick<Codec, 'size' | 'align'>[]): { offsets: number[]; size: number; align: number } {
  const offsets: number[] = [];
  let at = 0;
  let align = 1;
  for (const part of parts) {
    at = alignTo(at, part.align);
    offsets.push(at);
    at += part.size;
    align = Math.max(align, part.align);
  }
  return { offsets, size: alignTo(at, align), align };
}

export function alignTo(at: number, align: number): number {
  return Math.ceil(at / align) * align;
}

/** The core values of all parts; undefined beyond `MOST_FLAT`. */
export function flatten(parts: readonly Pick<Codec, 'flat'>[]): readonly CoreType[] | undefined {
  const all: CoreType[] = [];
  for (const { flat } of parts) {
    if (flat === undefined || all.length + flat.length > MOST_FLAT) return undefined;
    all.push(...flat);
  }
  return all;
}

export function flagsOf(names: readonly string[]): Codec {
  const keys = names.map(jsName);
  const bits = names.length <= 8 ? PRIMITIVES.u8 : names.length <= 16 ? PRIMITIVES.u16 : PRIMITIVES.u32;
  const toFlags = (set: unknown): unknown => Object.fromEntries(keys.map((key, i) => [key, (((set as number) >>> i) & 1) === 1]));
  const toBits = (value: unknown): number =>
    keys.reduce<number>((set, key, i) => ((value as Record<string, unknown>)[key] === true ? (set | (1 << i)) >>> 0 : set), 0);
  return {
    type: { kind: 'flags', names },
    size: bits.size,
    align: bits.align,
    depth: 1,
    weight: (1 + names.length) * VALUE_WEIGHT + weightOfNames(names),
    items: 1,
    flat: bits.flat,
    load: (pass: Passage, at) => toFlags(bits.load(pass, at)),
    store: (pass, value, at) => bits.store(pass, toBits(value), at),
    lift: (pass, from: Source) => toFlags(bits.lift(pass, from)),
    lower: (pass, value, into: CoreValue[]) => bits.lower(pass, toBits(value), into),
  };
}
