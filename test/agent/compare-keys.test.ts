import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compareKeys } from '../../src/agent/compare-keys.ts';
import * as Cid from '../../src/ipld/cid.ts';
import type { Ipld, IpldMap } from '../../src/ipld/value.ts';

const never = (): undefined => undefined;
const fields = (before: Ipld, after: Ipld): string[] => compareKeys(before, after, never).map(({ field }) => field);

test('fields are named by the way to them', () => {
  assert.deepEqual(fields({ a: { 'b.c': [1, { d: 2 }] } }, { a: { 'b.c': [1, { d: 3 }] } }), ['a["b.c"][1].d']);
  assert.deepEqual(fields({ gone: 1, same: 2 }, { same: 2, fresh: 3 }), ['gone', 'fresh']);
  assert.deepEqual(fields({ limits: { memory: 1 } }, { limits: { memory: 2 } }), ['limits.memory']);
  assert.deepEqual(fields([1], { a: 1 }), ['']);
  assert.deepEqual(fields({ env: { '/': 'no DAG-JSON' } }, { env: { '/': 'has a form for it' } }), ['env["/"]']);
});

test('what was put into a list or taken out does not make the rest differ', () => {
  assert.deepEqual(compareKeys({ l: [1, 2, 3] }, { l: [1, 9, 2, 3] }, never), [
    { field: 'l[1]', path: ['l', 1], before: undefined, after: 9 },
  ]);
  assert.deepEqual(fields([1, 2, 3, 4], [1, 4]), ['[1]', '[2]']);
  assert.deepEqual(fields([1, 1], [1]), ['[1]']);
});

test('trees are told apart by their files, if they can be read', () => {
  const file = (n: number): IpldMap => ({ cid: Cid.ofBlob(Uint8Array.of(n)), size: n, executable: false });
  const trees = new Map<string, IpldMap>();
  const tree = (entries: IpldMap): Cid.CID => {
    const cid = Cid.ofTree(Uint8Array.of(trees.size));
    trees.set(cid.toString(), entries);
    return cid;
  };
  const [one, other] = [tree({ 'a.md': file(1), 'b.md': file(2) }), tree({ 'a.md': file(3), 'b.md': file(2) })];
  const read = (cid: Cid.CID): IpldMap | undefined => trees.get(cid.toString());
  assert.deepEqual(
    compareKeys({ files: one }, { files: other }, read).map(({ field }) => field),
    ['files["a.md"]'],
    'a file is one field',
  );
  assert.deepEqual(fields({ files: one }, { files: other }), ['files']);
});

test('equal values have no differences, others at least one', () => {
  const value = fc.letrec<{ node: Ipld }>((tie) => ({
    node: fc.oneof(
      { depthSize: 'small' },
      fc.integer(),
      fc.string(),
      fc.constant(null),
      fc.array(tie('node'), { maxLength: 4 }),
      fc.dictionary(fc.string(), tie('node'), { maxKeys: 4 }),
    ),
  })).node;
  fc.assert(fc.property(value, (a) => compareKeys(a, structuredClone(a), never).length === 0));
  fc.assert(
    fc.property(value, value, (a, b) => {
      const isSame = compareKeys(a, b, never).length === 0;
      assert.equal(isSame, compareKeys(b, a, never).length === 0);
      if (isSame) assert.deepEqual(a, b);
    }),
  );
});
