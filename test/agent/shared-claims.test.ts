import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SharedClaims } from '../../src/agent/shared-claims.ts';
import { Claims } from '../../src/ledger/claims.ts';
import { Folder, key } from '../ledger/helpers.ts';

const [a, b, c] = ['a', 'b', 'c'].map(key) as [Uint8Array, Uint8Array, Uint8Array];

test('of the runs of a process one has a piece of work, and the others hear when it lets go', () => {
  using folder = new Folder();
  using shared = new SharedClaims(() => new Claims(folder.path));
  using first = shared.forRun();
  using second = shared.forRun();
  const since = second.now();
  assert.deepEqual(first.take([a, b]), [true, true]);
  assert.deepEqual(second.take([a, c]), [false, true]);
  assert.deepEqual(
    [second.areTaken([a, b, c]), first.areTaken([a, b, c])],
    [
      [true, true, false],
      [false, false, true],
    ],
  );
  assert.equal(second.hasChanged(a, since), false);
  second.drop([a]);
  assert.deepEqual(second.take([a]), [false], 'only who has it lets go of it');
  first.drop([a]);
  assert.deepEqual([second.hasChanged(a, since), second.hasChanged(b, since)], [true, false]);
  assert.deepEqual(second.take([a]), [true]);
  assert.equal(second.hasChanged(a, second.now()), false);
});

test('other processes see the runs of one as one, until they let go', () => {
  using folder = new Folder();
  using shared = new SharedClaims(() => new Claims(folder.path));
  using other = new Claims(folder.path);
  const since = other.now();
  {
    using first = shared.forRun();
    using second = shared.forRun();
    assert.deepEqual([first.take([a]), second.take([b]), other.take([a, b, c])], [[true], [true], [false, false, true]]);
    assert.deepEqual(first.take([c]), [false]);
    assert.deepEqual(first.areTaken([c]), [true]);
  }
  assert.deepEqual([other.take([a, b]), other.hasChanged(a, since)], [[true, true], true], 'a run that is over has nothing');
});

test('very many releases are not all remembered, and none is missed', () => {
  using folder = new Folder();
  using shared = new SharedClaims(() => new Claims(folder.path));
  using first = shared.forRun();
  using second = shared.forRun();
  const since = second.now();
  const many = Array.from({ length: 5000 }, (_, i) => key(`work ${i}`));
  first.take(many);
  first.drop(many);
  for (const work of many) assert.equal(second.hasChanged(work, since), true);
  assert.equal(second.hasChanged(many[4999]!, second.now()), false);
});
