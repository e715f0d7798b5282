import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findClash, pathProblem } from '../../src/workflow/guest-path.ts';

test('paths', () => {
  for (const path of ['a', 'a/b', '.a', '...', 'a..b', 'a/..b', '*.json', 'ä ö', '-', '~'])
    assert.equal(pathProblem(path), undefined, path);
  for (const path of ['', '/', '/a', 'a/', '//', 'a//b', '.', '..', './a', '../a', 'a/..', 'a/./b', 'a\0', 'a'.repeat(5000)])
    assert.notEqual(pathProblem(path), undefined, path);
});

test('clashes', () => {
  const file = (path: string) => ({ path, isFile: true });
  const folder = (path: string) => ({ path, isFile: false });
  assert.equal(findClash([file('a'), file('b'), file('ab'), file('a-/b'), folder('d'), file('d/e')]), undefined);
  assert.deepEqual(findClash([file('a'), file('a')]), ['a', 'a']);
  assert.deepEqual(findClash([folder('a'), file('a')]), ['a', 'a']);
  assert.deepEqual(findClash([file('a'), file('a/b/c')]), ['a/b/c', 'a']);
  assert.deepEqual(findClash([file('a/b/c'), file('a')]), ['a/b/c', 'a']);
  assert.deepEqual(findClash([file('a/b'), folder('a')]), undefined);
});
