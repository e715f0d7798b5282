import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ofValue } from '../../src/ipld/cid.ts';
import type { Ipld } from '../../src/ipld/value.ts';
import type { Awaited } from '../../src/workflow/model.ts';
import { asPromise, substitute, toIpld, visitPromises } from '../../src/workflow/promise.ts';

const A = ofValue('a');
const B = ofValue('b');

function promisesIn(value: Ipld): Awaited[] {
  const found: Awaited[] = [];
  visitPromises(value, (awaited) => found.push(awaited));
  return found;
}

test('the three branches, with and without a pointer', () => {
  for (const branch of ['await/ok', 'await/error', 'await/*'] as const) {
    assert.deepEqual(asPromise({ [branch]: A }), { branch, instruction: A, at: '' });
    assert.deepEqual(asPromise({ [branch]: A, at: '/x' }), { branch, instruction: A, at: '/x' });
  }
});

test('an empty pointer is not written', () => {
  assert.deepEqual(toIpld({ branch: 'await/ok', instruction: A, at: '' }), { 'await/ok': A });
  assert.deepEqual(toIpld({ branch: 'await/*', instruction: A, at: '/x' }), { 'await/*': A, at: '/x' });
});

test('data that only looks like a promise stays data', () => {
  for (const value of [
    A,
    { other: A },
    { 'await/ok': 'text' },
    { 'await/ok': null },
    { 'await/ok': A, at: 1 },
    { 'await/ok': A, x: 1 },
    { 'await/ok': A, at: '', x: 1 },
    ['await/ok', A],
  ]) {
    assert.equal(asPromise(value), undefined);
  }
});

test('promises are found at any depth, in order', () => {
  const value = { a: [1, { b: { 'await/ok': A, at: '/1' } }], c: { 'await/error': B } };
  assert.deepEqual(promisesIn(value), [
    { branch: 'await/ok', instruction: A, at: '/1' },
    { branch: 'await/error', instruction: B, at: '' },
  ]);
});

test('substitute replaces them, and only copies what holds one', () => {
  const untouched = { x: [1, 2] };
  const value = { a: [untouched, { 'await/ok': A }], untouched };
  const given = substitute(value, () => 7) as { a: Ipld[]; untouched: Ipld };
  assert.deepEqual(given, { a: [untouched, 7], untouched });
  assert.equal(given.untouched, untouched);
  assert.equal(
    substitute(untouched, () => 7),
    untouched,
  );
});

test('what is given is data: a promise in a result is not followed', () => {
  const evil = { 'await/ok': B };
  assert.deepEqual(
    substitute([{ 'await/ok': A }], () => evil),
    [evil],
  );
});

test('a key "__proto__" stays a key', () => {
  const value = Object.fromEntries([['__proto__', { 'await/ok': A }]]) as Ipld;
  const given = substitute(value, () => ({ admin: true }));
  assert.deepEqual(Object.keys(given as object), ['__proto__']);
  assert.equal((given as { admin?: unknown }).admin, undefined);
});

test('substituting nothing in leaves any value as it is', () => {
  fc.assert(fc.property(fc.jsonValue(), (value) => substitute(value as Ipld, () => 0) === value));
});
