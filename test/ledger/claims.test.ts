import assert from 'node:assert/strict';
import { appendFileSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { isDocketError } from '../../src/errors.ts';
import { sweepClaims } from '../../src/ledger/claim-files.ts';
import { Claims } from '../../src/ledger/claims.ts';
import { assertExclusive, Child, Folder, key } from './helpers.ts';

const [a, b, c] = [key('a'), key('b'), key('c')];
const hexOf = (work: Uint8Array): string => Buffer.from(work).toString('hex');

test('the first who claims work has it until it lets go, and others learn of that', () => {
  using folder = new Folder();
  using one = new Claims(folder.path);
  using other = new Claims(folder.path);
  const since = other.now();
  assert.deepEqual(one.take([a, b]), [true, true]);
  assert.deepEqual(other.take([b, c]), [false, true]);
  assert.deepEqual(other.areTaken([a, b, c]), [true, true, false]);
  assert.deepEqual(one.areTaken([a, b, c]), [false, false, true]);
  assert.equal(other.hasChanged(b, since), false);
  one.drop([b]);
  assert.deepEqual(other.areTaken([a, b]), [true, false]);
  assert.deepEqual([other.hasChanged(a, since), other.hasChanged(b, since)], [false, true]);
  assert.equal(other.hasChanged(b, other.now()), false);
  assert.deepEqual(other.take([b]), [true]);
  assert.deepEqual(one.take([b]), [false]);
});

test('a claim that is made twice is one, and what was never claimed can be dropped', () => {
  using folder = new Folder();
  using one = new Claims(folder.path);
  using other = new Claims(folder.path);
  assert.deepEqual([one.take([a]), one.take([a])], [[true], [true]]);
  one.drop([a, b]);
  assert.deepEqual(other.take([a, b]), [true, true]);
});

test('claims that were taken back, since another was first, are no news', () => {
  using folder = new Folder();
  using one = new Claims(folder.path);
  using other = new Claims(folder.path);
  using third = new Claims(folder.path);
  const since = third.now();
  assert.deepEqual([one.take([a]), other.take([a]), third.areTaken([a])], [[true], [false], [true]]);
  assert.equal(third.hasChanged(a, since), false);
});

test('work that was let go of before one came, or too long ago to be remembered, counts as changed', () => {
  using folder = new Folder();
  using one = new Claims(folder.path);
  one.take([a]);
  one.drop([a]);
  using late = new Claims(folder.path);
  const since = late.now();
  assert.deepEqual(late.take([a]), [true]);
  assert.equal(late.hasChanged(a, since), true);
  const many = Array.from({ length: 5_000 }, (_, i) => key(`work ${i}`));
  const before = late.now();
  one.take(many);
  one.drop(many);
  late.areTaken([]);
  assert.deepEqual(
    [late.hasChanged(many[0]!, before), late.hasChanged(many[4_999]!, before), late.hasChanged(b, late.now())],
    [true, true, false],
  );
});

test('the work of a killed process is free, and may have been finished', async () => {
  using folder = new Folder();
  using claims = new Claims(folder.path);
  await using holder = new Child('claim.ts', folder.path, hexOf(a));
  await holder.expect('ours');
  const since = claims.now();
  assert.deepEqual([claims.areTaken([a]), claims.take([a])], [[true], [false]]);
  await holder.kill();
  assert.deepEqual(claims.areTaken([a]), [false]);
  assert.equal(claims.hasChanged(a, since), true);
  assert.deepEqual(claims.take([a]), [true]);
});

test('the file goes with the last who uses it; what killed ones leave is swept', async () => {
  using folder = new Folder();
  {
    using one = new Claims(folder.path);
    assert.deepEqual(readdirSync(folder.path), [], 'nothing before it is used');
    one.take([a]);
    {
      using other = new Claims(folder.path);
      other.take([b]);
    }
    assert.equal(readdirSync(folder.path).length, 2, 'the file, and the lock of who uses it');
  }
  assert.deepEqual(readdirSync(folder.path), []);

  await using killed = new Child('claim.ts', folder.path, hexOf(a));
  await killed.expect('ours');
  await using other = new Child('claim.ts', folder.path, hexOf(b));
  await other.expect('ours');
  sweepClaims(folder.path);
  assert.equal(readdirSync(folder.path).length, 3);
  await killed.kill();
  writeFileSync(folder.at('claims-0123456789abcdef'), 'of one who was killed while it replaced the file');
  sweepClaims(folder.path);
  assert.equal(readdirSync(folder.path).length, 2);
  await other.kill();
  sweepClaims(folder.path);
  assert.deepEqual(readdirSync(folder.path), []);
});

test('the file is replaced when it is large, with the claims of all', () => {
  using folder = new Folder();
  const size = (): number => statSync(folder.at('claims')).size;
  using busy = new Claims(folder.path, { large: 4_096 });
  using idle = new Claims(folder.path, { large: 4_096 });
  busy.take([a]);
  idle.take([b]);
  let largest = 0;
  for (let i = 0; i < 2_000; i++) {
    const work = key(`work ${i}`);
    assert.deepEqual(busy.take([work]), [true]);
    busy.drop([work]);
    largest = Math.max(largest, size());
  }
  assert.ok(largest < 8_192, `${largest} bytes`);
  using late = new Claims(folder.path);
  assert.deepEqual(late.take([a, b, c]), [false, false, true]);
  const since = idle.now();
  assert.deepEqual(idle.take([a, b, c]), [false, true, false]);
  assert.equal(idle.hasChanged(key('work 7'), since), true, 'what came and went unseen');
  idle.drop([b]);
  assert.deepEqual(late.take([b]), [true]);
});

test('claims outlive the loss of the file, and a file that is damaged', () => {
  using folder = new Folder();
  using one = new Claims(folder.path);
  using other = new Claims(folder.path);
  one.take([a]);
  other.take([b]);
  rmSync(folder.at('claims'));
  assert.deepEqual([one.take([c]), other.take([a, b, c])], [[true], [false, true, false]]);
  appendFileSync(folder.at('claims'), 'cut of');
  const work = key('after a record that was cut off');
  assert.deepEqual([one.take([work]), other.take([work, a])], [[true], [false, false]]);
  assert.equal(statSync(folder.at('claims')).size % 32, 0);
  one.drop([work]);
  assert.deepEqual(other.take([work]), [true]);
  assert.equal(existsSync(folder.at('replacing-claims')), false);
});

test('a home that cannot hold claims is named', () => {
  using folder = new Folder();
  using claims = new Claims(folder.at('nowhere'));
  assert.throws(
    () => claims.take([a]),
    (error) => isDocketError(error, 'HOME_UNUSABLE'),
  );
});

test('processes that want the same work never have it together', async () => {
  using folder = new Folder();
  using journals = new Folder();
  const journal = journals.at('journal');
  {
    await using stack = new AsyncDisposableStack();
    const names = ['a', 'b', 'c'];
    const children = names.map((name) => stack.use(new Child('contend-for-work.ts', folder.path, journal, name, '300')));
    for (const child of children) assert.equal(await child.status(), 0);
  }
  assert.deepEqual([...assertExclusive(readFileSync(journal, 'utf8'))].toSorted(), ['a', 'b', 'c']);
  assert.deepEqual(readdirSync(folder.path), []);
});
