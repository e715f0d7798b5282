import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as Cid from '../../src/ipld/cid.ts';
import { ResidentAllowance } from '../../src/runner/resident-allowance.ts';
import { call, temporaryStore } from './helpers.ts';

const MIB = 1 << 20;

const job = (size: number, limits = {}) => call(new Uint8Array(size), 'f', [], { limits });

test('grows with the limits of the task and with the modules the process has seen, each once', async (t) => {
  const store = await temporaryStore(t);
  const allowance = new ResidentAllowance(store.root);
  const limits = { memory: 64 * MIB, output: 0 };
  const first = allowance.of(job(0, limits));
  assert.ok(first > 64 * MIB);
  assert.equal(allowance.of(job(0, { memory: 65 * MIB, output: 2 * MIB })), first + 3 * MIB);
  const second = allowance.of(job(MIB, limits));
  assert.ok(second >= first + 4 * MIB, 'a module is there several times while it is made ready');
  assert.equal(allowance.of(job(MIB, limits)), second);
  assert.equal(allowance.of(job(0, limits)), second, 'the first module may still be in the cache');

  const { cid } = await store.put(new Uint8Array(3 * MIB));
  assert.equal(allowance.of({ ...job(0, limits), module: cid }) - second, 3 * (second - first));
});

test('grows when metering is put in, and does not shrink when the next task has none', async (t) => {
  const allowance = new ResidentAllowance((await temporaryStore(t)).root);
  const limits = { memory: 64 * MIB, output: 0 };
  const plain = allowance.of(job(MIB, limits));
  const metered = allowance.of(job(MIB, { ...limits, fuel: 0 }));
  assert.ok(metered >= plain + 4 * MIB);
  assert.equal(allowance.of(job(MIB, limits)), metered);
});

test('has an end, whatever is run', async (t) => {
  const { root } = await temporaryStore(t);
  const allowance = new ResidentAllowance(root);
  const limits = { memory: 65_536, output: 2 ** 40 };
  const ends = [90, 91, 92, 93, 94].map((size) => allowance.of(job(size * MIB, limits)));
  assert.equal(ends[4], ends[3]);
  const missing = { ...job(0, limits), module: Cid.ofBlob(Buffer.from('missing')) };
  assert.equal(new ResidentAllowance(root).of(missing), new ResidentAllowance(root).of(job(0, limits)));
});
