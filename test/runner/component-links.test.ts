import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as Cid from '../../src/ipld/cid.ts';
import { make, REALLOC } from '../components.ts';
import { call, never, slotOver, summary, temporaryStore } from './helpers.ts';

/** Links among the arguments of a component: large values travel by them, and so do files. */

const made = await make(
  `(module (memory (export "memory") 2) ${REALLOC}
    (func (export "size") (param i32 i32) (result i32) local.get 1)
    (func (export "sizes") (param i32 i32) (result i32) local.get 1)
    (func (export "length") (param i32 i32) (result i32) local.get 1))`,
  'world guest { export size: func(a: list<u8>) -> u32; export sizes: func(a: list<list<u8>>) -> u32; export length: func(a: string) -> u32; }',
);

test('a link stands for the bytes of its blob, as they are or, for a string, in base64', async (t) => {
  const store = await temporaryStore(t);
  const slot = slotOver(t, store);
  const small = Buffer.alloc(100);
  const large = await store.put(Buffer.alloc(100_000));
  for (const module of [made.component, made.core]) {
    const ended = async (...args: Parameters<typeof call>): Promise<unknown> =>
      summary(await slot.submit(call(...args), { signal: never }));
    assert.deepEqual(await ended(module, 'size', [large.cid]), ['ok', 100_000]);
    assert.deepEqual(await ended(module, 'size', [Cid.ofBlob(small)], { blobs: [small] }), ['ok', 100]);
    assert.deepEqual(await ended(module, 'length', [large.cid]), [
      'ok',
      Buffer.alloc(100_000).toString('base64').replace(/=+$/, '').length,
    ]);
    const task = Cid.ofValue('no blob');
    assert.deepEqual(await ended(module, 'length', [task]), ['ok', task.toString().length]);
  }
});

test('a link that names no blob, or more than fits, is refused', async (t) => {
  const store = await temporaryStore(t);
  const slot = slotOver(t, store);
  const ended = async (...args: Parameters<typeof call>): Promise<string> =>
    summary(await slot.submit(call(...args), { signal: never })).join(' ');
  const instruction = Cid.ofValue(1);
  assert.match(
    await ended(made.component, 'size', [instruction]),
    /^error invalid parameter "a" is the link \S+, not list<u8>: it names no blob/,
  );
  const { cid } = await store.put(Buffer.alloc(3 << 20));
  assert.match(
    await ended(made.component, 'size', [cid], { limits: { memory: 2 << 20 } }),
    /^error limit\/memory the arguments do not fit/,
  );
  const { cid: half } = await store.put(Buffer.alloc(1 << 20, 1));
  assert.match(
    await ended(made.component, 'sizes', [[half, half, half]], { limits: { memory: 2 << 20 } }),
    /^error limit\/memory the arguments do not fit/,
  );
});
