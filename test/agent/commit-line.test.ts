import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CommitLine } from '../../src/agent/commit-line.ts';
import { deferred } from '../../src/base/deferred.ts';
import { type CID, ofBlob } from '../../src/ipld/cid.ts';
import type { Change, CommitResult } from '../../src/ledger/ledger.ts';
import type { Filed } from '../../src/scheduler/filed.ts';

const change = (name: string): Change[] => [{ kind: 'small-delete', digests: [name] }];
const nameOf = ([only]: readonly Change[]): string => (only?.kind === 'small-delete' ? [...only.digests].join() : '');
const cids = (...names: string[]): CID[] => names.map((name) => ofBlob(Buffer.from(name)));
const turns = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Blobs become durable when the test says so; receipts are signed at once, unless the test says when. */
class Sinks {
  sign = async (changes: readonly Filed[]): Promise<readonly Change[]> => changes as readonly Change[];
  readonly settling: ReturnType<typeof deferred<void>>[] = [];
  readonly committed: string[] = [];
  readonly line = new CommitLine({
    settle: () => {
      const settled = deferred<void>();
      this.settling.push(settled);
      return settled.promise;
    },
    sign: (changes) => this.sign(changes),
    commit: async (changes): Promise<CommitResult> => {
      this.committed.push(nameOf(changes));
      return { conflicts: [] };
    },
  });
}

test('a commit that waits for its blobs holds up those behind it, and blobs are made durable at once', async () => {
  const { line, settling, committed } = new Sinks();
  const all = [
    line.commit(change('a'), []),
    line.commit(change('b'), cids('x')),
    line.commit(change('c'), []),
    line.commit(change('d'), cids('y')),
    line.commit(change('e'), []),
  ];
  await turns();
  assert.deepEqual(committed, ['a']);
  assert.equal(settling.length, 2);
  settling[1]!.resolve();
  await turns();
  assert.deepEqual(committed, ['a']);
  settling[0]!.resolve();
  await Promise.all(all);
  assert.deepEqual(committed, ['a', 'b', 'c', 'd', 'e']);
  await line.commit(change('f'), []);
  assert.deepEqual(committed.at(-1), 'f');
});

test('a commit whose receipts take long to sign holds up those behind it, which are signed meanwhile', async () => {
  const sinks = new Sinks();
  const signed = deferred<readonly Change[]>();
  let count = 0;
  const { sign } = sinks;
  sinks.sign = (changes) => (count++ === 0 ? signed.promise : sign(changes));
  const all = [sinks.line.commit(change('a'), []), sinks.line.commit(change('b'), [])];
  await turns();
  assert.deepEqual(sinks.committed, []);
  assert.equal(count, 2);
  signed.resolve(change('a'));
  await Promise.all(all);
  assert.deepEqual(sinks.committed, ['a', 'b']);
});

test('when blobs cannot be made durable, nothing that came later is committed either', async () => {
  const { line, settling, committed } = new Sinks();
  const full = new Error('the disk is full');
  const all = [line.commit(change('a'), cids('x')), line.commit(change('b'), [])];
  settling[0]!.reject(full);
  for (const result of await Promise.allSettled(all)) assert.equal(result.status === 'rejected' && result.reason, full);
  await assert.rejects(line.commit(change('c'), []), full);
  await turns();
  assert.deepEqual(committed, []);
});
