import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Ipld } from '../../../src/ipld/value.ts';
import { checkValue } from '../../../src/sandbox/wit/check-value.ts';
import type { Refusal } from '../../../src/sandbox/wit/misfit.ts';
import type { WitType } from '../../../src/sandbox/wit/model.ts';
import { toJs } from '../../../src/sandbox/wit/values.ts';
import { anyType, valueOf } from './arbitrary.ts';

/** Large values are checked bit by bit, with what a conversion in one go says. */

function checked(type: WitType, value: Ipld, turn?: number): { readonly refusal: Refusal | undefined; readonly yields: number } {
  const steps = checkValue(type, value, turn === undefined ? {} : { turn });
  for (let yields = 0; ; yields++) {
    const step = steps.next();
    if (step.done === true) return { refusal: step.value, yields };
  }
}

const refusalOf = (type: WitType, value: Ipld): Refusal | undefined => {
  const converted = toJs(type, value);
  return 'failure' in converted ? converted : undefined;
};

const list = (element: WitType): WitType => ({ kind: 'list', element });
const U8: WitType = { kind: 'u8' };

test('what fits fits, and what does not does not, however small the bits', () => {
  const cases = fc
    .tuple(anyType(), anyType())
    .chain(([type, other]) => fc.tuple(fc.constant(type), fc.oneof(valueOf(type), valueOf(other))));
  fc.assert(
    fc.property(cases, fc.integer({ min: 1, max: 4 }), ([type, value], turn) => {
      assert.equal(checked(type, value, turn).refusal === undefined, refusalOf(type, value) === undefined);
    }),
  );
});

test('the place of what does not fit is that in the whole', () => {
  const deep = { points: Array.from({ length: 30 }, (_, i) => [i, i === 17 ? [1, 'x'] : [2]]) };
  const type: WitType = { kind: 'record', fields: [{ name: 'points', type: list({ kind: 'tuple', types: [U8, list(U8)] }) }] };
  assert.equal(refusalOf(type, deep)?.failure.data?.['path'], '.points[17][1][1]');
  assert.deepEqual(checked(type, deep, 2).refusal, refusalOf(type, deep));
  const map = { a: [1, 2, 3], b: [4, 256] };
  const entries = list({ kind: 'tuple', types: [{ kind: 'string' }, list(U8)] });
  assert.deepEqual(checked(entries, map, 1).refusal, refusalOf(entries, map));
});

test('others get a turn every few thousand items, in one list or in lists of lists', () => {
  assert.equal(checked(list(U8), [1, 2, 3]).yields, 0);
  const flat = Array.from({ length: 1_000_000 }, () => 1);
  assert.ok(checked(list(U8), flat).yields >= 199);
  const square = Array.from({ length: 1_000 }, () => flat.slice(0, 1_000));
  assert.ok(checked(list(list(U8)), square).yields >= 150);
  const held: WitType = { kind: 'record', fields: [{ name: 'a', type: { kind: 'option', some: list(U8) } }] };
  assert.ok(checked(held, { a: flat }).yields >= 199);
});

/** Counts how often a list is asked for an item. */
function counted<T>(items: readonly T[]): { readonly items: readonly T[]; readonly asked: () => number } {
  let asked = 0;
  const proxy = new Proxy(items, {
    get(target, key) {
      if (typeof key === 'string' && /^[0-9]+$/.test(key) && ++asked > 10_000_000) throw new Error('it is searched for');
      return Reflect.get(target, key) as unknown;
    },
  });
  return { items: proxy, asked: () => asked };
}

test('a name among ten thousand is looked up and not searched for, in a list of a million', () => {
  const words = Array.from({ length: 10_000 }, (_, i) => `case-${i}`);
  const values = Array.from({ length: 1_000_000 }, (_, i) => words[9_999 - (i % 5_000)]!);
  const names = counted(words);
  const cases = counted(words.map((name) => ({ name })));
  for (const [type, { asked }] of [
    [{ kind: 'enum', names: names.items }, names],
    [{ kind: 'variant', cases: cases.items }, cases],
  ] as const) {
    assert.equal(refusalOf(list(type), values), undefined);
    const once = asked();
    // Those of a variant are asked for once for each value, besides.
    assert.ok(once <= words.length + (type.kind === 'variant' ? values.length : 0), `${once} look-ups in one go`);
    assert.equal(checked(list(type), values).refusal, undefined);
    assert.ok(asked() <= 2 * once, `${asked() - once} look-ups bit by bit`);
  }
});
