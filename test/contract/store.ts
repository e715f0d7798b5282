import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import * as Cid from '../../src/ipld/cid.ts';
import { isDocketError, type ErrorCode } from '../../src/errors.ts';
import type { Store } from '../../src/store/store.ts';

/** One implementation under test. Disposing it removes what it made. */
export interface StoreUnderTest extends AsyncDisposable {
  readonly store: Store;
  /** Changes the stored bytes of a blob behind the store's back. */
  damage(cid: Cid.CID): Promise<void>;
}

/** What every Store must do. Sizes on both sides of each place where an implementation changes its ways. */
const SIZES = [0, 1, 4095, 4096, 4097, 65_537, 262_144, 1_048_576, 1_048_577, 5_000_000];

export function storeContract(name: string, make: () => Promise<StoreUnderTest>): void {
  suite(`store contract: ${name}`, () => {
    const check = (what: string, body: (under: StoreUnderTest) => Promise<void>): void => {
      test(what, async () => {
        await using under = await make();
        await body(under);
      });
    };

    check('gives back what was put, whole and as a stream, under its CID', async ({ store }) => {
      for (const size of SIZES) {
        const bytes = randomBytes(size);
        const put = await store.put(bytes);
        assert.deepEqual({ cid: put.cid.toString(), size: put.size }, { cid: Cid.ofBlob(bytes).toString(), size });
        assert.ok(bytes.equals(await store.read(put.cid)));
        assert.ok(bytes.equals(await collect(store.get(put.cid))));
        assert.deepEqual(await store.stat(put.cid), { size });
      }
    });

    check('takes streams of any chunking and ranges of any kind', async ({ store }) => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.uint8Array({ maxLength: 3000 }), { maxLength: 6 }),
          fc.nat(20_000),
          fc.nat(20_000),
          async (chunks, a, b) => {
            const bytes = Buffer.concat(chunks);
            const { cid } = await store.put(stream(chunks));
            assert.equal(cid.toString(), Cid.ofBlob(bytes).toString());
            const [start, end] = [Math.min(a, b), Math.max(a, b)];
            assert.ok(bytes.subarray(start, end).equals(await collect(store.get(cid, { start, end }))));
            assert.ok(bytes.subarray(start).equals(await collect(store.get(cid, { start }))));
          },
        ),
        { numRuns: 25 },
      );
    });

    check('ranges of a large blob', async ({ store }) => {
      const bytes = randomBytes(3_000_001);
      const { cid } = await store.put(bytes);
      for (const [start, end] of [
        [0, 1],
        [1_048_575, 1_048_577],
        [524_288, 2_999_999],
        [3_000_000, 3_000_001],
        [3_000_001, 3_000_001],
        [5, 2],
      ] as const) {
        assert.ok(bytes.subarray(start, Math.max(start, end)).equals(await collect(store.get(cid, { start, end }))), `${start}-${end}`);
      }
    });

    check('a source may use its buffer again, and what is read belongs to the reader', async ({ store }) => {
      for (const size of [100, 300_000]) {
        const reused = Buffer.alloc(size);
        const source = async function* (): AsyncGenerator<Uint8Array> {
          for (const fill of [1, 2, 3]) yield reused.fill(fill);
        };
        const { cid } = await store.put(source());
        const expected = Buffer.concat([1, 2, 3].map((fill) => Buffer.alloc(size, fill)));
        const read = await store.read(cid);
        assert.ok(expected.equals(read));
        read.fill(9);
        for await (const chunk of store.get(cid)) chunk.fill(9);
        assert.ok(expected.equals(await store.read(cid)));
      }
    });

    check('a put that was given other bytes than announced keeps nothing', async ({ store }) => {
      for (const size of [10, 100_000]) {
        const [bytes, other] = [randomBytes(size), randomBytes(size)];
        await rejects(store.put(bytes, { expect: Cid.ofBlob(other) }), 'BLOB_MISMATCH');
        await rejects(store.put(stream([bytes]), { expect: Cid.ofBlob(other) }), 'BLOB_MISMATCH');
        await store.put(other, { expect: Cid.ofBlob(other) });
        assert.equal((await store.missing([Cid.ofBlob(bytes), Cid.ofBlob(other)])).join(), Cid.ofBlob(bytes).toString());
      }
    });

    check('says what is absent', async ({ store }) => {
      const absent = Cid.ofBlob(randomBytes(8));
      await rejects(store.read(absent), 'BLOB_MISSING');
      await rejects(collect(store.get(absent)), 'BLOB_MISSING');
      assert.equal(await store.stat(absent), undefined);
      await store.delete(absent);
    });

    check('refuses CIDs that address nothing here', async ({ store }) => {
      const foreign = Cid.ofValue({ a: 1 });
      await rejects(store.read(foreign), 'CID_INVALID');
      await rejects(collect(store.get(foreign)), 'CID_INVALID');
      await rejects(store.stat(foreign), 'CID_INVALID');
    });

    check('reads tree bytes under either codec', async ({ store }) => {
      const bytes = randomBytes(5000);
      await store.put(bytes);
      assert.ok(bytes.equals(await store.read(Cid.ofTree(bytes))));
      assert.deepEqual(await store.missing([Cid.ofTree(bytes)]), []);
    });

    check('never gives damaged bytes, says so once, and is healed by a put', async (under) => {
      const { store } = under;
      for (const size of [1, 4000, 5000, 2_000_000]) {
        const bytes = randomBytes(size);
        const { cid } = await store.put(bytes);
        assert.ok(bytes.equals(await store.read(cid)));
        for (const read of [
          (): Promise<unknown> => store.read(cid),
          (): Promise<unknown> => first(store.get(cid)),
          (): Promise<unknown> => first(store.get(cid, { start: size - 1 })),
        ]) {
          await under.damage(cid);
          await rejects(read(), 'BLOB_DAMAGED');
          await rejects(read(), 'BLOB_MISSING');
          assert.equal(await store.stat(cid), undefined);
          assert.equal((await store.missing([cid])).length, 1);
          await store.put(bytes);
          assert.ok(bytes.equals(await store.read(cid)));
        }
        await under.damage(cid);
        await store.put(stream([bytes]));
        assert.ok(bytes.equals(await store.read(cid)), 'healed without having been read');
      }
    });

    check('verify reports each blob, and sets damaged ones aside', async (under) => {
      const { store } = under;
      const bytes = [10, 4097, 1_500_000].map((size) => randomBytes(size));
      for (const one of bytes) await store.put(one);
      const bad = Cid.ofBlob(bytes[1] as Uint8Array);
      await under.damage(bad);
      const verdicts = async (): Promise<Map<string, boolean>> => {
        const found = new Map<string, boolean>();
        for await (const { cid, ok } of store.verify()) found.set(cid.toString(), ok);
        return found;
      };
      const expected = new Map(bytes.map((one) => [Cid.ofBlob(one).toString(), true]));
      assert.deepEqual(sorted(await verdicts()), sorted(new Map([...expected, [bad.toString(), false]])));
      expected.delete(bad.toString());
      assert.deepEqual(sorted(await verdicts()), sorted(expected));
    });

    check('lists and deletes', async ({ store }) => {
      const bytes = [0, 3, 4097].map((size) => randomBytes(size));
      for (const one of bytes) await store.put(one);
      await store.put(bytes[2] as Uint8Array);
      const listed = new Map<string, number>();
      for await (const { cid, size } of store.list()) listed.set(cid.toString(), size);
      assert.deepEqual(sorted(listed), sorted(new Map(bytes.map((one) => [Cid.ofBlob(one).toString(), one.length]))));
      for (const one of bytes) await store.delete(Cid.ofBlob(one));
      for await (const { cid } of store.list()) assert.fail(`${cid} is still listed`);
      assert.equal((await store.missing(bytes.map((one) => Cid.ofBlob(one)))).length, bytes.length);
    });

    check('guards memory', async ({ store }) => {
      for (const size of [100, 5000]) {
        const { cid } = await store.put(randomBytes(size));
        await rejects(store.read(cid, { limit: size - 1 }), 'BLOB_TOO_LARGE');
        assert.equal((await store.read(cid, { limit: size })).length, size);
      }
    });

    check('the same and other blobs at once', async ({ store }) => {
      const blobs = Array.from({ length: 24 }, (_, i) => randomBytes(i % 3 === 0 ? 20_000 : 100));
      const all = [...blobs, ...blobs, ...blobs];
      const put = await Promise.all(all.map((bytes, i) => store.put(i % 2 === 0 ? bytes : stream([bytes]))));
      for (const [i, { cid }] of put.entries()) assert.ok((all[i] as Buffer).equals(await store.read(cid)));
    });

    check('a put stops at an abort, also when its source hangs, and keeps nothing', async ({ store }) => {
      for (const size of [10, 500_000]) {
        const abort = new AbortController();
        const reason = new Error('enough');
        const bytes = randomBytes(size);
        const hanging = async function* (): AsyncGenerator<Uint8Array> {
          yield bytes;
          setImmediate(() => abort.abort(reason));
          await new Promise(() => undefined);
        };
        await assert.rejects(store.put(hanging(), { signal: abort.signal }), reason);
        await assert.rejects(store.put(bytes, { signal: abort.signal }), reason);
        assert.equal(await store.stat(Cid.ofBlob(bytes)), undefined);
      }
    });

    check('a put whose source fails passes the failure on and keeps nothing', async ({ store }) => {
      const failure = new Error('source failed');
      const failing = async function* (): AsyncGenerator<Uint8Array> {
        yield randomBytes(300_000);
        throw failure;
      };
      await assert.rejects(store.put(failing()), failure);
      for await (const { cid } of store.list()) assert.fail(`${cid} was kept`);
    });

    check('a get stops at an abort', async ({ store }) => {
      const { cid } = await store.put(randomBytes(3_000_000));
      const abort = new AbortController();
      const reason = new Error('enough');
      await assert.rejects(async () => {
        for await (const _ of store.get(cid, { signal: abort.signal })) abort.abort(reason);
      }, reason);
    });
  });
}

export async function* stream(chunks: Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* chunks;
}

export async function collect(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) chunks.push(chunk);
  return Buffer.concat(chunks);
}

export async function rejects(promise: Promise<unknown>, code: ErrorCode): Promise<void> {
  await assert.rejects(promise, (error) => isDocketError(error, code) || assert.fail(`expected ${code}, got ${error}`));
}

async function first(source: AsyncIterable<Uint8Array>): Promise<Uint8Array | undefined> {
  for await (const chunk of source) return chunk;
  return undefined;
}

function sorted<V>(map: Map<string, V>): [string, V][] {
  return [...map].sort(([a], [b]) => (a < b ? -1 : 1));
}
