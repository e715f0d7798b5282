import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as Cid from '../../../src/ipld/cid.ts';
import { decodeRunRecord, encodeRunRecord, keyOfRun, type RunRecord } from '../../../src/protocol/mesh/run-record.ts';

const record: RunRecord = {
  run: 'r',
  name: 'test',
  workflow: Cid.ofValue('workflow'),
  plan: Cid.ofValue('plan'),
  asked: { slots: null, force: null, failFast: false, awaitTime: null },
  state: 'running',
  coordinator: null,
  created: 1,
  finished: null,
  isSecured: true,
  deaths: 0,
  tries: 0,
  counts: { total: 1, ran: 0, cached: 0, failed: 0, skipped: 0, cancelled: 0 },
  outputs: {},
  failure: null,
  submission: null,
};

function read(weight: number): RunRecord | string {
  const decoded = decodeRunRecord(keyOfRun('r'), encodeRunRecord({ ...record, asked: { ...record.asked, weight } }));
  return 'refused' in decoded ? decoded.refused : decoded;
}

test('a record says what was said', () => {
  assert.deepEqual(decodeRunRecord(keyOfRun('r'), encodeRunRecord(record)), record);
});

test('a run has a weight that shares can be divided by', () => {
  for (const weight of [0, -1, 1e-9, 1e9]) assert.equal(read(weight), 'shape', String(weight));
  for (const weight of [0.01, 1, 2.5, 100]) assert.deepEqual(read(weight), { ...record, asked: { ...record.asked, weight } });
});
