import type { WitType } from '../wit/model.ts';
import { isTagged } from '../wit/shapes.ts';
import { type Codec, type CoreType, type CoreValue, PRIMITIVES, type Source, Values } from './codec.ts';
import { alignTo } from './codec-compounds.ts';
import { VALUE_WEIGHT, weightOfNames } from './meter.ts';
import type { Passage } from './region.ts';
import { trap } from './trap.ts';

/** Variants and their kin: enum, option, result. One of several cases, each with a payload or none. */

interface Case {
  readonly name: string;
  readonly payload?: Codec | undefined;
}

/** What a value is: the case by its index, and the payload. */
type Chosen = readonly [index: number, payload: unknown];

export function variantOf(cases: readonly Case[]): Codec {
  const type: WitType = {
    kind: 'variant',
    cases: cases.map(({ name, payload }) => (payload === undefined ? { name } : { name, type: payload.type })),
  };
  return sum(
    type,
    cases.map(({ payload }) => payload),
    ...tagged(
      cases.map(({ name }) => name),
      (index) => cases[index]?.payload !== undefined,
    ),
  );
}

export function enumOf(names: readonly string[]): Codec {
  const places = new Map(names.map((name, i) => [name, i]));
  return sum(
    { kind: 'enum', names },
    names.map(() => undefined),
    ([index]) => names[index],
    (value) => [places.get(value as string) as number, undefined],
  );
}

export function optionOf(some: Codec): Codec {
  const type = { kind: 'option', some: some.type } as const;
  if (isTagged(type)) return sum(type, [undefined, some], ...tagged(['none', 'some'], (index) => index === 1));
  return sum(
    type,
    [undefined, some],
    ([, payload]) => payload,
    (value) => (value === undefined ? [0, undefined] : [1, value]),
  );
}

export function resultOf(ok: Codec | undefined, err: Codec | undefined): Codec {
  const type: WitType = {
    kind: 'result',
    ...(ok === undefined ? {} : { ok: ok.type }),
    ...(err === undefined ? {} : { err: err.type }),
  };
  return sum(type, [ok, err], ...tagged(['ok', 'err'], () => true));
}

interface Tagged {
  readonly tag: string;
  readonly val?: unknown;
}

function tagged(names: readonly string[], hasVal: (index: number) => boolean): [(chosen: Chosen) => unknown, (value: unknown) => Chosen] {
  const places = new Map(names.map((name, i) => [name, i]));
  const join = ([index, payload]: Chosen): Tagged => {
    const tag = names[index] as string;
    return hasVal(index) ? { tag, val: payload } : { tag };
  };
  return [join, (value) => [places.get((value as Tagged).tag) as number, (value as Tagged).val]];
}

function sum(
  type: WitType,
  payloads: readonly (Codec | undefined)[],
  join: (chosen: Chosen) => unknown,
  choose: (value: unknown) => Chosen,
): Codec {
  const present = payloads.filter((payload) => payload !== undefined);
  const discriminant = payloads.length <= 0x100 ? PRIMITIVES.u8 : payloads.length <= 0x1_0000 ? PRIMITIVES.u16 : PRIMITIVES.u32;
  const align = Math.max(discriminant.align, ...present.map((payload) => payload.align));
  const payloadAt = alignTo(discriminant.size, Math.max(1, ...present.map((payload) => payload.align)));
  const size = alignTo(payloadAt + Math.max(0, ...present.map((payload) => payload.size)), align);
  const joined = joinFlats(present);
  const labels = type.kind === 'variant' ? type.cases.map(({ name }) => name) : type.kind === 'enum' ? type.names : [];
  const check = (index: number): number => {
    if (index >= payloads.length) throw trap(`${index} is no case of ${type.kind}, which has ${payloads.length}`);
    return index;
  };
  return {
    type,
    size,
    align,
    depth: 1 + Math.max(0, ...present.map((payload) => payload.depth)),
    weight: VALUE_WEIGHT + Math.max(...payloads.map((payload, i) => (payload?.weight ?? 0) + weightOfNames(labels.slice(i, i + 1)))),
    items: 1,
    flat: joined === undefined ? undefined : ['i32', ...joined],
    load: (pass, at) => {
      const index = check(discriminant.load(pass, at) as number);
      return join([index, payloads[index]?.load(pass, at + payloadAt)]);
    },
    store: (pass, value, at) => {
      const [index, payload] = choose(value);
      discriminant.store(pass, index, at);
      payloads[index]?.store(pass, payload, at + payloadAt);
    },
    lift: (pass, from) => {
      const index = check((from.next() as number) >>> 0);
      const values = (joined ?? []).map(() => from.next());
      return join([index, liftPayload(pass, payloads[index], values, joined ?? [])]);
    },
    lower: (pass, value, into) => {
      const [index, payload] = choose(value);
      into.push(index);
      lowerPayload(pass, payloads[index], payload, joined ?? [], into);
    },
  };
}

/** The payloads of all cases share core values; undefined if one has too many. */
function joinFlats(payloads: readonly Codec[]): CoreType[] | undefined {
  const joined: CoreType[] = [];
  for (const { flat } of payloads) {
    // With the discriminant: one less than may be.
    if (flat === undefined || flat.length >= 16) return undefined;
    flat.forEach((type, i) => {
      joined[i] = joined[i] === undefined ? type : joinTypes(joined[i], type);
    });
  }
  return joined;
}

function joinTypes(a: CoreType, b: CoreType): CoreType {
  if (a === b) return a;
  return (a === 'i32' && b === 'f32') || (a === 'f32' && b === 'i32') ? 'i32' : 'i64';
}

function liftPayload(pass: Passage, codec: Codec | undefined, values: readonly CoreValue[], joined: readonly CoreType[]): unknown {
  if (codec === undefined) return undefined;
  const own: Source = new Values((codec.flat ?? []).map((type, i) => narrow(values[i] as CoreValue, joined[i] as CoreType, type)));
  return codec.lift(pass, own);
}

/** What the case has no use for is zero. */
function lowerPayload(pass: Passage, codec: Codec | undefined, payload: unknown, joined: readonly CoreType[], into: CoreValue[]): void {
  const own: CoreValue[] = [];
  codec?.lower(pass, payload, own);
  joined.forEach((type, i) => {
    const value = own[i];
    into.push(value === undefined ? (type === 'i64' ? 0n : 0) : widen(value, codec?.flat?.[i] as CoreType, type));
  });
}

function narrow(value: CoreValue, from: CoreType, to: CoreType): CoreValue {
  if (from === to) return value;
  if (from === 'i32') return floatOf32(value as number);
  if (to === 'f64') return floatOf64(value as bigint);
  const low = Number(BigInt.asIntN(32, value as bigint));
  return to === 'i32' ? low : floatOf32(low);
}

function widen(value: CoreValue, from: CoreType, to: CoreType): CoreValue {
  if (from === to) return value;
  if (from === 'f64') return bitsOf64(value as number);
  const bits = from === 'f32' ? bitsOf32(value as number) : (value as number);
  return to === 'i32' ? bits : BigInt.asUintN(32, BigInt(bits));
}

function scratch(): DataView {
  return new DataView(new ArrayBuffer(8));
}

function floatOf32(bits: number): number {
  const view = scratch();
  view.setInt32(0, bits);
  return view.getFloat32(0);
}

function bitsOf32(value: number): number {
  const view = scratch();
  view.setFloat32(0, value);
  return view.getInt32(0);
}

function floatOf64(bits: bigint): number {
  const view = scratch();
  view.setBigInt64(0, bits);
  return view.getFloat64(0);
}

function bitsOf64(value: number): bigint {
  const view = scratch();
  view.setFloat64(0, value);
  return view.getBigInt64(0);
}
