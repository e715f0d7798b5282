import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deferred } from '../../src/base/deferred.ts';
import * as Cid from '../../src/ipld/cid.ts';
import { StoreSize } from '../../src/agent/store-size.ts';
import { HandClock } from '../hand-clock.ts';

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const cid = Cid.ofBlob(Buffer.from('x'));

test('a store is counted beside who asks, and not again for a while', async () => {
  const clock = new HandClock();
  let counts = 0;
  const go = deferred<void>();
  const list = async function* () {
    counts++;
    await go.promise;
    yield { cid, size: 3 };
    clock.advance(2_000);
    yield { cid, size: 4 };
  };
  await using size = new StoreSize({ list }, clock);
  assert.deepEqual([size.read(), size.read()], [undefined, undefined]);
  go.resolve();
  await settled();
  assert.deepEqual([size.read(), counts], [{ blobs: 2, bytes: 7 }, 1]);
  clock.advance(199_999);
  assert.deepEqual([size.read(), counts], [{ blobs: 2, bytes: 7 }, 1], 'a count of two seconds is good for two hundred');
  clock.advance(1);
  assert.deepEqual([size.read(), counts], [{ blobs: 2, bytes: 7 }, 2], 'the old number is told meanwhile');
});

test('a store that cannot be listed has no size; stopping ends a count', async () => {
  const clock = new HandClock();
  const broken = new StoreSize(
    {
      list() {
        throw new Error('no');
      },
    },
    clock,
  );
  broken.read();
  await settled();
  assert.equal(broken.read(), undefined);
  let given = 0;
  const endless = new StoreSize(
    {
      list: async function* () {
        for (;;) {
          given++;
          yield { cid, size: 1 };
        }
      },
    },
    clock,
  );
  endless.read();
  await settled();
  await endless[Symbol.asyncDispose]();
  assert.equal(endless.read(), undefined);
  assert.ok(given > 0);
});
