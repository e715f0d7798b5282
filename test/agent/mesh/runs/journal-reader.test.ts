import assert from 'node:assert/strict';
import { test } from 'node:test';
import { beginPart, readJournal } from '../../../../src/agent/mesh/runs/journal-reader.ts';
import { reachedBy } from '../../../../src/agent/mesh/runs/reached.ts';
import { DocketError } from '../../../../src/errors.ts';
import { PromptDelivery } from '../../../../src/mesh/local/delivery.ts';
import { LocalMesh } from '../../../../src/mesh/local/local-mesh.ts';
import type { Records } from '../../../../src/mesh/mesh.ts';
import { encodeEntry, journalOf } from '../../../../src/protocol/mesh/run-entry.ts';
import { keyOfRun } from '../../../../src/protocol/mesh/run-record.ts';
import { HandClock } from '../../../hand-clock.ts';

const RUN = 'r1';

test('what a new coordinator told is given also to who cannot read the record at that moment', async () => {
  const clock = new HandClock();
  await using mesh = new LocalMesh({ clock, delivery: new PromptDelivery() }).join('did:key:a');
  const epoch = await mesh.records.put(keyOfRun(RUN), new Uint8Array([1]), 0);
  assert.ok(epoch !== undefined);
  await mesh.journals.append(journalOf(RUN), [encodeEntry({ epoch, first: 1, events: [{ kind: 'planned', data: '{}' }] })]);
  let failures = 0;
  const records: Pick<Records, 'get'> = {
    async get(key) {
      if (++failures > 2) return await mesh.records.get(key);
      // As it is for a moment after the process stood still.
      setImmediate(() => clock.advance(10_000));
      throw new DocketError('MESH_UNREACHABLE', 'the link is down');
    },
  };
  const refused: string[] = [];
  const stop = new AbortController();
  const reader = readJournal({
    journals: mesh.journals,
    run: RUN,
    after: 0,
    revision: (signal) => reachedBy(RUN, { records, clock }, signal),
    onRefused: (problem) => refused.push(problem),
    signal: stop.signal,
  });
  assert.deepEqual(await reader.next(), { done: false, value: { seq: 1, kind: 'planned', data: '{}' } });
  assert.deepEqual(refused, []);
  stop.abort();
});

test('who cannot read the record is not waited for by a reader that ends', async () => {
  const clock = new HandClock();
  const stop = new AbortController();
  const records: Pick<Records, 'get'> = {
    get: () => {
      stop.abort();
      return Promise.reject(new DocketError('MESH_UNREACHABLE', 'the link is down'));
    },
  };
  assert.equal(await reachedBy(RUN, { records, clock }, stop.signal), undefined);
});

test('who begins a part is told of the drives before, the last first, the first as 0', async () => {
  await using mesh = new LocalMesh({ clock: new HandClock(), delivery: new PromptDelivery() }).join('did:key:a');
  const { journals } = mesh;
  const begin = async (epoch: number): Promise<readonly number[]> => {
    const { epochs } = await beginPart(journals, { run: RUN, onRefused: assert.fail, signal: new AbortController().signal }, epoch);
    return epochs;
  };
  await journals.append(journalOf(RUN), [encodeEntry({ epoch: 3, first: 1, events: [{ kind: 'begun', data: '{}' }] })]);
  assert.deepEqual(await begin(5), [0]);
  await journals.append(journalOf(RUN), [encodeEntry({ epoch: 5, first: 2, events: [{ kind: 'begun', data: '{}' }] })]);
  assert.deepEqual(await begin(9), [5, 0]);
  // One that wrote nothing but that it begins.
  assert.deepEqual(await begin(10), [9, 5, 0]);
});
