import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import * as Cid from '../../src/ipld/cid.ts';
import { DocketError, isDocketError } from '../../src/errors.ts';
import { fetchHeldTo } from '../../src/store/held-to.ts';
import { askEach, type Finder, type Holder, holderOf } from '../../src/store/holders.ts';
import { LayeredStore } from '../../src/store/layered-store.ts';
import { MemoryStore } from '../../src/store/memory-store.ts';
import { HandClock } from '../hand-clock.ts';
import { collect, rejects } from '../contract/store.ts';

const BYTES = randomBytes(200_000);
const CID = Cid.ofBlob(BYTES);

/** A holder that has the blob, and says how often it was asked for it. */
function having(bytes: Uint8Array = BYTES): Holder & { fetched: number } {
  const holder = {
    name: 'good',
    fetched: 0,
    async *fetch(): AsyncGenerator<Uint8Array> {
      holder.fetched++;
      yield bytes.subarray(0, 1000);
      yield bytes.subarray(1000);
    },
    stat: async () => ({ size: bytes.length }),
    missing: async () => [],
  };
  return holder;
}

/** A holder that says it has it, and fails in the middle. */
function failing(error: unknown): Holder {
  return {
    ...having(),
    name: 'bad',
    async *fetch() {
      yield BYTES.subarray(0, 1000);
      throw error;
    },
  };
}

function silent(): Holder {
  const gone = async (): Promise<never> => Promise.reject(new DocketError('AGENT_TIMEOUT', 'it did not answer in time'));
  return { name: 'silent', fetch: () => ({ [Symbol.asyncIterator]: () => ({ next: gone }) }), stat: gone, missing: gone };
}

const empty = (): Holder => holderOf('empty', new MemoryStore());

test('what was fetched is kept, and not fetched again', async () => {
  const [fast, good] = [new MemoryStore(), having()];
  const store = new LayeredStore(fast, () => [empty(), good]);
  assert.deepEqual(await store.stat(CID), { size: BYTES.length });
  assert.deepEqual(await store.missing([CID]), []);
  assert.equal(await fast.stat(CID), undefined, 'asking does not fetch');
  assert.ok(BYTES.equals(await store.read(CID)));
  assert.ok(BYTES.subarray(5, 1005).equals(await collect(store.get(CID, { start: 5, end: 1005 }))));
  assert.ok(BYTES.equals(await fast.read(CID)));
  assert.equal(good.fetched, 1);
});

test('the next holder is asked on a miss, an error, a mismatch and a body that breaks off', async () => {
  const bad = [
    empty(),
    silent(),
    failing(new DocketError('AGENT_UNREACHABLE', 'cut')),
    failing(new DocketError('BLOB_MISSING', 'gone meanwhile')),
    failing(new DocketError('STORE_FULL', 'its disk is full')),
    failing(new TypeError('anything')),
    having(randomBytes(200_000)),
    having(BYTES.subarray(1)),
  ];
  for (const one of bad) {
    const fast = new MemoryStore();
    assert.ok(BYTES.equals(await new LayeredStore(fast, () => [one, having()]).read(CID)));
    const alone = new LayeredStore(new MemoryStore(), () => [one]);
    await assert.rejects(alone.read(CID), (error) => isDocketError(error, 'BLOB_UNREACHABLE') || isDocketError(error, 'BLOB_MISSING'));
    assert.deepEqual(await Array.fromAsync(alone.list()), [], 'nothing wrong is kept');
  }
});

/** One that gives and gives, until nobody reads on; `took` is how much. */
function endlessly(chunk: number, onChunk: () => void = () => {}): Holder & { took: number } {
  const holder = {
    ...having(),
    name: 'endless',
    took: 0,
    async *fetch() {
      for (; holder.took < 500 * chunk; holder.took += chunk) {
        onChunk();
        yield new Uint8Array(chunk);
      }
    },
  };
  return holder;
}

test('who gives more than the bytes it said it has is left, and the next is asked', async () => {
  const endless = endlessly(BYTES.length);
  const alone = new LayeredStore(new MemoryStore(), () => [empty(), endless]);
  await assert.rejects(alone.bring(CID), (error) => isDocketError(error, 'BLOB_UNREACHABLE') && /endless: .*more of/.test(error.message));
  assert.ok(endless.took <= 2 * BYTES.length, `${endless.took} bytes were taken`);
  assert.ok(BYTES.equals(await new LayeredStore(new MemoryStore(), () => [endlessly(BYTES.length), having()]).read(CID)));
});

test('who gives hardly anything is left, and the next is asked; not one whose reader is slow', async () => {
  const clock = new HandClock();
  const slow = endlessly(1, () => clock.advance(4_000));
  const alone = new LayeredStore(new MemoryStore(), () => [slow], clock);
  await assert.rejects(alone.bring(CID), (error) => isDocketError(error, 'BLOB_UNREACHABLE') && /endless gave 8 bytes/.test(error.message));
  const others = new LayeredStore(new MemoryStore(), () => [endlessly(1, () => clock.advance(4_000)), having()], clock);
  assert.ok(BYTES.equals(await others.read(CID)));
  const good = having();
  const chunks: Uint8Array[] = [];
  for await (const chunk of fetchHeldTo(good, CID, { signal: AbortSignal.timeout(60_000), clock })) {
    clock.advance(100_000);
    chunks.push(chunk);
  }
  assert.ok(BYTES.equals(Buffer.concat(chunks)));
});

test('a time-out is not a miss', async () => {
  for (const holders of [[silent()], [empty(), silent()], [silent(), empty()]]) {
    const store = new LayeredStore(new MemoryStore(), () => holders);
    for (const ask of [store.read(CID), collect(store.get(CID)), store.stat(CID), store.bring(CID)])
      await assert.rejects(ask, (error) => isDocketError(error, 'BLOB_UNREACHABLE') && error.message.includes('silent: it did not answer'));
    assert.deepEqual(await store.missing([CID]), [CID], 'what cannot be had has to be sent');
  }
  const all = new LayeredStore(new MemoryStore(), () => [empty(), empty()]);
  await rejects(all.read(CID), 'BLOB_MISSING');
  assert.equal(await all.stat(CID), undefined);
});

test('a holder that is slow to say whether it has it keeps nobody waiting', async () => {
  const stopped = Promise.withResolvers<void>();
  const never: Holder = {
    ...silent(),
    stat: (_, { signal }) =>
      new Promise((_resolve, reject) =>
        signal!.addEventListener('abort', () => {
          stopped.resolve();
          reject(signal!.reason as Error);
        }),
      ),
  };
  const store = new LayeredStore(new MemoryStore(), () => [never, having()]);
  assert.deepEqual(await store.stat(CID), { size: BYTES.length });
  await stopped.promise;
  assert.ok(BYTES.equals(await store.read(CID)));
});

/** A holder whose bytes come when the test lets them. */
function held(): Holder & { readonly go: () => void; readonly asked: Promise<void>; readonly left: Promise<void>; fetched: number } {
  const [gate, asked, left] = [Promise.withResolvers<void>(), Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const holder = {
    ...having(),
    go: gate.resolve,
    asked: asked.promise,
    left: left.promise,
    async *fetch(_: unknown, { signal }: { readonly signal: AbortSignal }): AsyncGenerator<Uint8Array> {
      holder.fetched++;
      signal.addEventListener('abort', () => left.resolve());
      asked.resolve();
      await gate.promise;
      yield BYTES;
    },
  };
  return holder;
}

test('who wants the same blob at the same time shares one fetch', async () => {
  const slow = held();
  const store = new LayeredStore(new MemoryStore(), () => [slow]);
  const all = [store.read(CID), store.read(CID), collect(store.get(CID)), collect(store.get(CID, { start: 3 }))];
  await slow.asked;
  slow.go();
  const got = await Promise.all(all);
  assert.deepEqual(
    got.map(({ length }) => length),
    [200_000, 200_000, 200_000, 199_997],
  );
  assert.equal(slow.fetched, 1);
});

test('a fetch goes on as long as somebody waits for it, and no longer', async () => {
  const slow = held();
  const store = new LayeredStore(new MemoryStore(), () => [slow]);
  const [one, two] = [new AbortController(), new AbortController()];
  const first = collect(store.get(CID, { signal: one.signal }));
  const second = collect(store.get(CID, { signal: two.signal }));
  await slow.asked;
  one.abort(new Error('one left'));
  await assert.rejects(first, /one left/);
  const third = store.read(CID);
  two.abort(new Error('two left'));
  await assert.rejects(second, /two left/);
  slow.go();
  assert.equal((await third).length, 200_000);

  const other = held();
  const lonely = new LayeredStore(new MemoryStore(), () => [other]);
  const left = new AbortController();
  const alone = collect(lonely.get(CID, { signal: left.signal }));
  await other.asked;
  left.abort(new Error('left'));
  await assert.rejects(alone, /left/);
  await other.left;
  const again = lonely.read(CID);
  other.go();
  assert.equal((await again).length, 200_000, 'who comes later starts anew');
  assert.equal(other.fetched, 2);
});

test('a damaged copy is fetched anew, and told of if nobody has another', async () => {
  const blobs = new Map<string, Uint8Array>();
  const fast = new MemoryStore(blobs);
  const damage = async (): Promise<void> => {
    await fast.put(BYTES);
    for (const bytes of blobs.values()) bytes[7]! ^= 1;
  };
  await damage();
  assert.ok(BYTES.equals(await new LayeredStore(fast, () => [having()]).read(CID)));
  await damage();
  await rejects(new LayeredStore(fast, () => [empty()]).read(CID), 'BLOB_DAMAGED');
});

test('where nothing can be kept nobody else is asked', async () => {
  class Full extends MemoryStore {
    override put(): Promise<never> {
      return Promise.reject(new DocketError('STORE_FULL', 'full'));
    }
  }
  const second = having();
  await rejects(new LayeredStore(new Full(), () => [having(), second]).read(CID), 'STORE_FULL');
  assert.equal(second.fetched, 0);
});

/** A holder that gives what it is asked for, and breaks off after so many bytes; says which bytes those were. */
function ranged(name: string, bytes: Uint8Array, most = Number.POSITIVE_INFINITY): Holder & { readonly gave: [number, number][] } {
  const gave: [number, number][] = [];
  return {
    ...having(bytes),
    name,
    gave,
    async *fetch(_cid, { start = 0 }) {
      const end = Math.min(bytes.length, start + most);
      gave.push([start, end]);
      yield bytes.subarray(start, end);
      if (end < bytes.length) throw new DocketError('AGENT_UNREACHABLE', 'cut');
    },
  };
}

/** In this order, whoever answers first. */
function finding(...holders: readonly Holder[]): Finder {
  return { ...askEach(() => holders), find: () => Readable.from(holders) };
}

test('where one breaks off it is asked once more, then the next, from there on', async () => {
  const [first, second, third] = [ranged('first', BYTES, 60_000), ranged('second', BYTES, 50_000), ranged('third', BYTES)];
  const store = new LayeredStore(new MemoryStore(), finding(first, second, third));
  assert.ok(BYTES.equals(await store.read(CID)));
  assert.deepEqual(
    [first.gave, second.gave, third.gave],
    [
      [
        [0, 60_000],
        [60_000, 120_000],
      ],
      [
        [120_000, 170_000],
        [170_000, 200_000],
      ],
      [],
    ],
  );
});

test('if one of several gave a wrong byte each is asked for all of it, and whoever is left', async () => {
  const wrong = Buffer.from(BYTES);
  wrong[10]! ^= 1;
  wrong[199_999]! ^= 1;
  const orders = [
    [ranged('wrong', wrong, 60_000), ranged('good', BYTES)],
    [ranged('good', BYTES, 120_000), ranged('wrong', wrong)],
    [ranged('cut', BYTES, 1_000), ranged('wrong', wrong), ranged('good', BYTES)],
  ];
  for (const holders of orders) assert.ok(BYTES.equals(await new LayeredStore(new MemoryStore(), finding(...holders)).read(CID)));
  const alone = new LayeredStore(new MemoryStore(), finding(ranged('cut', BYTES, 1_000), ranged('wrong', wrong)));
  await assert.rejects(alone.read(CID), (error) => isDocketError(error, 'BLOB_UNREACHABLE') && /wrong/.test(error.message));
});

test('while one has not begun the next is asked too, and who begins first is read', async () => {
  const clock = new HandClock();
  const asked = Promise.withResolvers<AbortSignal>();
  const slow: Holder = {
    ...having(),
    name: 'slow',
    async *fetch(_cid, { signal }) {
      asked.resolve(signal);
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
      yield BYTES;
    },
  };
  const store = new LayeredStore(new MemoryStore(), finding(slow, ranged('good', BYTES)), clock);
  const reading = store.read(CID);
  const signal = await asked.promise;
  clock.advance(4_999);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(signal.aborted, false);
  clock.advance(1);
  assert.ok(BYTES.equals(await reading));
  assert.equal(signal.aborted, true, 'it is not read any more');
  assert.equal(clock.timers.size, 0);
});
