import fc from 'fast-check';
import { float, integer, type Ipld } from '../../../src/ipld/value.ts';
import type { WitInteger, WitPrimitive, WitType } from '../../../src/sandbox/wit/model.ts';
import { INTEGERS, isNullable } from '../../../src/sandbox/wit/shapes.ts';

/** Types, and IPLD values that they take. */

const PRIMITIVES: readonly WitPrimitive[] = ['bool', 'u8', 'u16', 'u32', 'u64', 's8', 's16', 's32', 's64', 'f32', 'f64', 'char', 'string'];
const NAMES = ['a', 'b', 'a-b', 'to-string', 'constructor', 'a1', 'get-url'];
const names = fc.subarray(NAMES, { minLength: 1 });

export function anyType(depth = 3): fc.Arbitrary<WitType> {
  const primitive = fc.constantFrom(...PRIMITIVES.map((kind): WitType => ({ kind })));
  const flat = fc.oneof(
    primitive,
    names.map((each): WitType => ({ kind: 'enum', names: each })),
    names.map((each): WitType => ({ kind: 'flags', names: each })),
  );
  if (depth === 0) return flat;
  const inner = anyType(depth - 1);
  const maybe = fc.option(inner, { nil: undefined });
  return fc.oneof(
    flat,
    inner.map((element): WitType => ({ kind: 'list', element })),
    inner.map((value): WitType => ({ kind: 'list', element: { kind: 'tuple', types: [{ kind: 'string' }, value] } })),
    fc.array(inner, { minLength: 1, maxLength: 3 }).map((types): WitType => ({ kind: 'tuple', types })),
    inner.map((some): WitType => ({ kind: 'option', some })),
    fc.tuple(maybe, maybe).map(([ok, err]): WitType => ({ kind: 'result', ...(ok && { ok }), ...(err && { err }) })),
    fc
      .tuple(names, fc.array(inner, { minLength: 7, maxLength: 7 }))
      .map(([each, types]): WitType => ({ kind: 'record', fields: each.map((name, i) => ({ name, type: types[i]! })) })),
    fc.tuple(names, fc.array(maybe, { minLength: 7, maxLength: 7 })).map(([each, types]): WitType => ({
      kind: 'variant',
      cases: each.map((name, i) => ({ name, ...(types[i] && { type: types[i] }) })),
    })),
  );
}

const text = fc.string({ unit: 'binary', maxLength: 5 });

export function valueOf(type: WitType): fc.Arbitrary<Ipld> {
  switch (type.kind) {
    case 'bool':
      return fc.boolean();
    case 'f32':
      return fc.oneof(fc.float({ noNaN: true, noDefaultInfinity: true }).map(float), fc.integer());
    case 'f64':
      return fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }).map(float), fc.integer());
    case 'char':
      return fc.string({ unit: 'binary', minLength: 1, maxLength: 1 });
    case 'string':
      return fc.oneof(text, fc.constant(null), fc.uint8Array({ maxLength: 4 }));
    case 'list': {
      const items = fc.array(valueOf(type.element), { maxLength: 4 });
      if (type.element.kind === 'u8') return fc.oneof(items, fc.uint8Array({ maxLength: 4 }));
      if (type.element.kind !== 'tuple' || type.element.types.length !== 2 || type.element.types[0]?.kind !== 'string') return items;
      return fc.oneof(items, fc.dictionary(text, valueOf(type.element.types[1]!), { maxKeys: 3, noNullPrototype: true }));
    }
    case 'tuple':
      return fc.tuple(...type.types.map(valueOf));
    case 'record':
      return fc.record(Object.fromEntries(type.fields.map((field) => [field.name, valueOf(field.type)])), { noNullPrototype: true });
    case 'variant':
      return fc.oneof(
        ...type.cases.map(({ name, type: payload }) =>
          payload === undefined ? fc.constantFrom(name, { [name]: null }) : valueOf(payload).map((value) => ({ [name]: value })),
        ),
      );
    case 'enum':
      return fc.constantFrom(...type.names);
    case 'flags':
      return fc.subarray([...type.names]);
    case 'option': {
      const some = valueOf(type.some);
      return fc.oneof(fc.constant(null), isNullable(type.some) ? some.map((value) => [value]) : some.filter((value) => value !== null));
    }
    case 'result':
      return resultOf(type.ok, type.err);
    default: {
      const [least, most] = INTEGERS[type.kind as WitInteger];
      return fc.bigInt(least, most).map(integer);
    }
  }
}

function resultOf(ok: WitType | undefined, err: WitType | undefined): fc.Arbitrary<Ipld> {
  const wrapped = isNullable(ok) && isNullable(err);
  const side = (type: WitType | undefined): fc.Arbitrary<Ipld> => {
    if (type === undefined) return fc.constant(1);
    const values = valueOf(type);
    if (wrapped) return values.map((value) => [value]);
    return isNullable(type) ? values : values.filter((value) => value !== null);
  };
  return fc.oneof(
    side(ok).map((value): Ipld => [value, null]),
    side(err).map((value): Ipld => [null, value]),
  );
}
