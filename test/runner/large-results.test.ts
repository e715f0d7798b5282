import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import * as Cid from '../../src/ipld/cid.ts';
import { encode } from '../../src/ipld/dag-cbor.ts';
import type { Ipld } from '../../src/ipld/value.ts';
import { isLink } from '../../src/ipld/value.ts';
import type { DiskStore } from '../../src/store/disk-store.ts';
import { maker } from '../large-results.ts';
import { call, never, slotOver, summary, temporaryStore } from './helpers.ts';

const { component } = await maker();

interface Bench {
  readonly store: DiskStore;
  readonly ended: (...args: Parameters<typeof call>) => Promise<Ipld[]>;
}

async function bench(t: TestContext): Promise<Bench> {
  const store = await temporaryStore(t);
  const slot = slotOver(t, store);
  return { store, ended: async (...args) => summary(await slot.submit(call(...args), { signal: never })) };
}

async function given({ ended }: Bench, func: string, n: number): Promise<Ipld> {
  const [tag, value] = await ended(component, func, [n]);
  assert.equal(tag, 'ok');
  return value!;
}

test('bytes above 4 KiB are a blob', async (t) => {
  const at = await bench(t);
  assert.deepEqual(await given(at, 'bytes', 4096), new Uint8Array(4096).fill(97));
  const bytes = Buffer.alloc(4097, 'a');
  assert.deepEqual(await given(at, 'bytes', 4097), Cid.ofBlob(bytes));
  assert.deepEqual(Buffer.from(await at.store.read(Cid.ofBlob(bytes))), bytes);
});

test('other values above 4 KiB are a blob of their DAG-CBOR', async (t) => {
  const at = await bench(t);
  assert.equal(await given(at, 'text', 4093), 'a'.repeat(4093));
  for (const [func, n, value] of [
    ['text', 4094, 'a'.repeat(4094)],
    ['numbers', 1000, Array.from({ length: 1000 }, () => 0x61616161)],
    ['album', 9000, { name: 'aaa', image: Buffer.alloc(9000, 'a') }],
  ] as const) {
    const link = await given(at, func, n);
    assert.ok(isLink(link) && Cid.isLargeValue(link), func);
    const bytes = await at.store.read(link);
    assert.deepEqual(Buffer.from(bytes), Buffer.from(encode(value)));
  }
});

test('what is large and what is small go into the next call alike', async (t) => {
  const at = await bench(t);
  for (const n of [100, 5000]) {
    const bytes = await given(at, 'bytes', n);
    assert.deepEqual(await at.ended(component, 'size', [bytes]), ['ok', n]);
    assert.deepEqual(await at.ended(component, 'length', [bytes]), ['ok', Math.ceil((n * 8) / 6)]);
    assert.deepEqual(await at.ended(component, 'length', [await given(at, 'text', n)]), ['ok', n]);
  }
  assert.deepEqual(await at.ended(component, 'count', [await given(at, 'numbers', 2000)]), ['ok', 2000]);
  const album = await given(at, 'album', 9000);
  assert.deepEqual(await at.ended(component, 'size', [{ 'await/ok': album, at: '/image' }]), ['ok', 9000]);
  const [tag, code, message] = await at.ended(component, 'size', [{ 'await/ok': album, at: '/images' }]);
  assert.deepEqual([tag, code], ['error', 'invalid']);
  assert.match(String(message), /\/images of bafir\w+: there is no "images" \(there are: name, image\)/);
});

test('names that stand for more values than a task may be given are refused', async (t) => {
  const at = await bench(t);
  const bombs = Array.from({ length: 990_000 }, () => 0);
  const { cid } = await at.store.put(encode(bombs));
  const bomb = Cid.ofLargeValue(await at.store.read(cid));
  const limits = { memory: 64 << 20 };
  const [tag, code, message] = await at.ended(component, 'count', [Array.from({ length: 1000 }, () => bomb)], { limits });
  assert.deepEqual([tag, code], ['error', 'limit/memory']);
  assert.match(String(message), /more than 4000000 values/);
});

test('what stands under the name of a value and is none is refused', async (t) => {
  const at = await bench(t);
  const { cid } = await at.store.put(Buffer.from([0xff, 0xff]));
  const link = Cid.ofLargeValue(await at.store.read(cid));
  const [tag, code, message] = await at.ended(component, 'count', [link]);
  assert.deepEqual([tag, code], ['error', 'invalid']);
  assert.match(String(message), /is no value/);
  // A value in a value is a link, whatever it is called: else a few bytes could stand for millions.
  const inner = await given(at, 'numbers', 2000);
  const outer = encode([inner]);
  await at.store.put(outer);
  const [, second, why] = await at.ended(component, 'count', [Cid.ofLargeValue(outer)]);
  assert.equal(second, 'invalid');
  assert.match(String(why), /at \[0\] is the link bafir/);
});
