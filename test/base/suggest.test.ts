import assert from 'node:assert/strict';
import { test } from 'node:test';
import { didYouMean, listNames } from '../../src/base/suggest.ts';

test('the nearest name is suggested, none that is far', () => {
  const known = ['module', 'memo', 'args', 'files'];
  assert.equal(didYouMean('modul', known), ' (did you mean "module"?)');
  assert.equal(didYouMean('Args', known), ' (did you mean "args"?)');
  assert.equal(didYouMean('memory', known), ' (did you mean "memo"?)');
  assert.equal(didYouMean('x', known), '');
  assert.equal(didYouMean('completely', known), '');
  assert.equal(didYouMean('', known), '');
  assert.equal(didYouMean('a', []), '');
});

test('lists of names', () => {
  assert.equal(listNames([]), 'none');
  assert.equal(listNames(['a', 'b']), 'a, b');
  assert.match(listNames(Array.from({ length: 20 }, (_, i) => `n${i}`)), /^n0, .*n11, … \(20 in all\)$/);
});
