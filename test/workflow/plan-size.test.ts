import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import * as Cid from '../../src/ipld/cid.ts';
import { encode } from '../../src/ipld/dag-cbor.ts';
import { census } from '../../src/ipld/dag-cbor-census.ts';
import { type Ipld, isLink, isList, isMap } from '../../src/ipld/value.ts';
import { build } from '../../src/workflow/plan.ts';
import { PLAN_BOUNDS, refuseLarge } from '../../src/workflow/plan-size.ts';
import { encoded } from './helpers.ts';

const module = Cid.ofBlob(new TextEncoder().encode('module'));

/** As `census` counts: keys are items, and a link is a tag and its bytes. */
function itemsOf(value: Ipld): number {
  if (isLink(value)) return 2;
  if (isList(value)) return value.reduce<number>((sum, item) => sum + itemsOf(item), 1);
  if (isMap(value)) return Object.values(value).reduce<number>((sum, item) => sum + 1 + itemsOf(item), 1);
  return 1;
}

const { value: anyValue } = fc.letrec<{ value: Ipld }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5 },
    fc.constantFrom<Ipld>(null, true, module, 24, -70_000, 2 ** 40),
    fc.string({ unit: 'binary', maxLength: 300 }).map((text) => text.toWellFormed()),
    fc.uint8Array({ maxLength: 300 }),
    fc.array(tie('value')),
    fc.dictionary(fc.string({ maxLength: 30 }), tie('value')),
  ),
}));

test('what is counted is what would be built', () => {
  fc.assert(
    fc.property(anyValue, fc.array(anyValue), (one, list) => {
      const counted = census(encode({ one, list }), 1e9)!;
      assert.equal(counted.items, itemsOf({ one, list }));
      assert.deepEqual(counted.shares.get('list'), { length: list.length, items: itemsOf(list) });
      assert.equal(counted.shares.get('one')?.items, itemsOf(one));
    }),
  );
});

test('counting ends at its bound, at the end of the bytes, and however deep they nest', () => {
  const many = encode({ list: Array.from({ length: 1000 }, () => 0) });
  assert.equal(census(many, 10)?.items, 11);
  for (const end of [1, 5, 8, many.length - 1]) assert.throws(() => census(many.subarray(0, end), 1e9), { code: 'IPLD_INVALID' });
  const deep = Buffer.concat([Buffer.from('a16161', 'hex'), Buffer.alloc(100_000, 0x81), Buffer.from([0])]);
  assert.equal(census(deep, 1e9)?.items, 100_003);
  for (const hex of ['a161619f', 'a161615c', 'a161613bff', 'a1616181'])
    assert.throws(() => census(Buffer.from(hex, 'hex'), 1e9), { code: 'IPLD_INVALID' }, hex);
  for (const hex of ['', '80', 'a10000']) assert.equal(census(Buffer.from(hex, 'hex'), 1e9), undefined, hex);
});

test('the plan of a large workflow is well inside', async () => {
  const drafts = Array.from({ length: 20_000 }, (_, i) => ({
    task: {
      run: {
        rsc: `ipfs://${module}`,
        op: 'wasi/run',
        input: { args: ['--out', 'x', String(i)], env: { A: 'b' }, files: { 'in/a': module, 'in/b': module }, stdin: module },
        nnc: '',
      },
      cause: null,
      meta: { memory: 65_536 + i },
      prf: [],
    },
    module,
    label: `count[docs/${i}.md]`,
    group: 'count',
  }));
  const bytes = await encoded(build(drafts, { name: 'large' }));
  // Room for ten times as many.
  refuseLarge(bytes, { items: PLAN_BOUNDS.items / 10 });
  assert.throws(() => refuseLarge(bytes, { items: 100_000 }), { code: 'WORKFLOW_TOO_LARGE' });
});
