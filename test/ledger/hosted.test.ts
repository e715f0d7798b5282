import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import * as Cid from '../../src/ipld/cid.ts';
import { type HostedAttempt, HostedJournal } from '../../src/ledger/hosted.ts';
import { Folder } from './helpers.ts';
import { isDocketError } from '../../src/errors.ts';

const module = Cid.ofBlob(Buffer.from('module'));
const about = (attempt: number): Omit<HostedAttempt, 'id'> => ({ work: Buffer.from('work'), module, label: 'l', attempt, started: 5 });
const receipt = (id: number): Cid.CID => Cid.ofValue(['receipt', id]);

suite('the journal of what is run for others', () => {
  test('at every moment it has what is in flight, and no more than that is left over', () => {
    using folder = new Folder();
    const step = fc.record({ kind: fc.constantFrom('begin', 'return', 'ending', 'filed', 'ended'), which: fc.nat() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.constantFrom(100, 4_000_000), (steps, large) => {
        const path = folder.at('hosted');
        HostedJournal.discard(path);
        const journal = new HostedJournal(path, large);
        /** What each attempt has come to. */
        const flying = new Map<number, 'begun' | 'ending' | 'filed'>();
        const of = (state: string, which: number): number | undefined => {
          const ids = [...flying].filter(([, each]) => each === state).map(([id]) => id);
          return ids[which % Math.max(1, ids.length)];
        };
        steps.forEach(({ kind, which }, n) => {
          const id = {
            begin: n,
            return: of('begun', which),
            ending: of('begun', which),
            filed: of('ending', which),
            ended: of('filed', which),
          }[kind]!;
          if (kind === 'begin') for (const begun of journal.begun([about(n + 1)])) flying.set(begun, 'begun');
          else if (id === undefined) return;
          else if (kind === 'return') {
            journal.returned(id);
            flying.delete(id);
          } else if (kind === 'ending') {
            journal.ending([{ id, receipt: receipt(id) }]);
            flying.set(id, 'ending');
          } else if (kind === 'filed') flying.set(id, 'filed');
          else {
            journal.ended([id]);
            flying.delete(id);
          }
          // As if it were killed now: what the ledger has is filed, and what was told as ended.
          const filed = new Set([...flying].filter(([, state]) => state === 'filed').map(([each]) => receipt(each).toString()));
          const isFiled = (cid: Cid.CID): boolean =>
            filed.has(cid.toString()) || ![...flying.keys()].some((each) => receipt(each).equals(cid));
          assert.deepEqual(
            HostedJournal.read(path, isFiled).map((attempt) => attempt.id),
            [...flying].filter(([, state]) => state !== 'filed').map(([each]) => each),
          );
          if (flying.size === 0 && existsSync(path)) assert.equal(statSync(path).size, 0);
        });
        journal[Symbol.dispose]();
        assert.equal(existsSync(path), flying.size > 0);
      }),
      { numRuns: 100 },
    );
  });

  test('wherever it was cut off, or whatever byte of it is another, reading it throws nothing', () => {
    using folder = new Folder();
    const path = folder.at('hosted');
    const journal = new HostedJournal(path);
    journal.begun([about(1), about(2), about(3)]);
    journal.ending([{ id: 2, receipt: receipt(2) }]);
    const whole = readFileSync(path);
    assert.deepEqual(
      HostedJournal.read(path, () => true).map(({ attempt }) => attempt),
      [1, 3],
    );
    for (let at = 0; at < whole.length; at++) {
      writeFileSync(path, whole.subarray(0, at));
      HostedJournal.read(path, () => true);
      const other = Buffer.from(whole);
      other[at] = other[at]! ^ 0xff;
      writeFileSync(path, other);
      HostedJournal.read(path, () => true);
    }
    journal[Symbol.dispose]();
  });

  test('what a full disk took in part does not hide what is written after it', (t) => {
    using folder = new Folder();
    const disk = folder.at('disk');
    mkdirSync(disk);
    if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'docket-test', disk]).status !== 0) return t.skip('only root may mount');
    try {
      using journal = new HostedJournal(`${disk}/hosted`);
      const [first] = journal.begun([about(1)]);
      // Not a multiple of a page: the disk takes a part of the next.
      writeFileSync(`${disk}/filler`, Buffer.alloc(48 * 1024));
      const large = { ...about(2), work: Buffer.alloc(40_000) };
      assert.throws(
        () => journal.begun([large]),
        (error) => isDocketError(error, 'STORE_FULL'),
      );
      writeFileSync(`${disk}/filler`, '');
      const [third] = journal.begun([about(3)]);
      assert.deepEqual(
        HostedJournal.read(`${disk}/hosted`, () => false).map(({ id, attempt }) => [id, attempt]),
        [
          [first, 1],
          [third, 3],
        ],
      );
    } finally {
      spawnSync('umount', ['-l', disk]);
    }
  });
});
