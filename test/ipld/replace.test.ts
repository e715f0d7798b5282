import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import * as Cid from '../../src/ipld/cid.ts';
import { replaceIn } from '../../src/ipld/replace.ts';
import { type Ipld, isLink } from '../../src/ipld/value.ts';

const link = Cid.ofBlob(Uint8Array.of(1));
const toZero = (part: Ipld): Ipld | undefined => (isLink(part) ? [0, link] : undefined);

test('parts are replaced at every depth, what was given is not looked into, and keys stay keys', () => {
  const value = { a: [link, { ['__proto__']: link, b: 1 }], c: null };
  const replaced = replaceIn(value, toZero) as typeof value;
  assert.deepEqual(replaced.a[0], [0, link]);
  assert.deepEqual(Object.getOwnPropertyDescriptor(replaced.a[1], '__proto__')?.value, [0, link]);
  assert.equal(
    replaceIn(link, () => null),
    null,
  );
});

test('of what nothing was replaced in, the same object', () => {
  fc.assert(fc.property(fc.jsonValue({ depthSize: 'medium' }), (json) => replaceIn(json as Ipld, () => undefined) === json));
  const value = { same: { x: [1] }, other: link };
  assert.equal((replaceIn(value, toZero) as typeof value).same, value.same);
});
