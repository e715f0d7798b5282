import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { CommitResult } from '../../src/ledger/ledger.ts';
import type { Filed } from '../../src/scheduler/filed.ts';
import { BlobView, hexOf } from '../../src/scheduler/blob-view.ts';
import { Outbox } from '../../src/scheduler/outbox.ts';
import * as Cid from '../../src/ipld/cid.ts';
import { HandClock } from '../hand-clock.ts';

const CHANGE: Filed = { kind: 'run-delete', run: 'r' };
const BYTES = Buffer.from('small');
const BLOB = Cid.ofBlob(BYTES);
const FULL = 8_192;

/** An outbox whose commits fail, on a shelf where nothing is. `goesOn`: what was lost is forgotten. */
function failing(goesOn: boolean): { readonly outbox: Outbox; readonly blobs: BlobView; readonly failures: unknown[] } {
  const failures: unknown[] = [];
  const blobs = new BlobView({ small: () => undefined, has: () => false, read: () => BYTES, alias: () => undefined });
  const outbox = new Outbox({
    commit: (): Promise<CommitResult> => Promise.reject(new Error('the disk is full')),
    blobs,
    onCommit: () => assert.fail('nothing can be committed'),
    onFailure: (cause, forget) => {
      failures.push(cause);
      if (goesOn) forget();
    },
    onDue: () => {},
    clock: new HandClock(),
  });
  return { outbox, blobs, failures };
}

suite('an outbox whose commits fail', () => {
  test('has room again for whoever goes on, and keeps no blobs', async () => {
    const { outbox, blobs, failures } = failing(true);
    for (let task = 0; task < FULL; task++) {
      outbox.addBlobs(new Map([[hexOf(BLOB), BYTES]]), []);
      outbox.file(task, [CHANGE]);
    }
    assert.equal(outbox.isFull, true);
    assert.equal(blobs.has(BLOB), true);
    outbox.flush(true);
    await new Promise(setImmediate);
    assert.deepEqual([failures.length, outbox.pending, outbox.isFull, outbox.isPending(0)], [1, 0, false, false]);
    assert.equal(blobs.has(BLOB), false);
  });

  test('lets nothing rest on what was lost for whoever does not', async () => {
    const { outbox, blobs } = failing(false);
    outbox.addBlobs(new Map([[hexOf(BLOB), BYTES]]), []);
    outbox.file(0, [CHANGE]);
    outbox.flush(true);
    await new Promise(setImmediate);
    assert.deepEqual([outbox.pending, outbox.isPending(0), blobs.has(BLOB)], [0, true, true]);
  });
});
