import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as Cid from '../../src/ipld/cid.ts';
import { LocalMesh, type LocalOptions } from '../../src/mesh/local/local-mesh.ts';
import { meshContract, type MeshUnderTest } from '../contract/mesh.ts';

const READER = 'did:key:z6MkReader';

async function make(): Promise<MeshUnderTest> {
  const [mesh, other] = [new LocalMesh({ name: 'one', mayWrite: (did) => did !== READER }), new LocalMesh({ name: 'two' })];
  const members = new AsyncDisposableStack();
  return {
    open: async (did) => members.use(mesh.join(did)),
    openElsewhere: async (did) => members.use(other.join(did)),
    openReader: async () => members.use(mesh.join(READER)),
    loseRecords: async () => mesh.loseRecords(),
    [Symbol.asyncDispose]: async () => await members.disposeAsync(),
  };
}

meshContract('in one process', make, { isCuttable: false, hasReaders: true });

async function* stream(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

function joined(options: LocalOptions): ReturnType<LocalMesh['join']> {
  return new LocalMesh(options).join('did:key:a');
}

test('records and objects have an end', async () => {
  const { records, objects } = joined({ limits: { records: 10, objects: 10 } });
  const revision = await records.put('a', new Uint8Array(6), 0);
  await assert.rejects(records.put('b', new Uint8Array(5), 0), { code: 'MESH_FULL' });
  assert.ok(await records.put('a', new Uint8Array(10), revision!), 'what it replaces does not count');
  await assert.rejects(records.put('b', new Uint8Array(1), 0), { code: 'MESH_FULL' });
  assert.equal(await records.delete('a', revision! + 1), true);
  assert.ok(await records.put('b', new Uint8Array(10), 0), 'what was deleted neither');

  const [small, large] = [new Uint8Array(6), new Uint8Array(7)];
  await objects.put(Cid.ofBlob(small), 6, stream(small));
  await assert.rejects(objects.put(Cid.ofBlob(large), 7, stream(large)), { code: 'MESH_FULL' });
  await objects.delete(Cid.ofBlob(small));
  await Promise.all([1, 2].map(() => objects.put(Cid.ofBlob(large), 7, stream(large))));
  await objects.delete(Cid.ofBlob(large));
  const most = new Uint8Array(10);
  await objects.put(Cid.ofBlob(most), 10, stream(most));
});

test('a watch that is read as fast as things change gives each change once', async () => {
  const { records } = joined({});
  const seen: string[] = [];
  for await (const change of records.watch('', new AbortController().signal)) {
    seen.push(change.kind === 'put' ? change.key : change.kind);
    if (seen.length === 4) break;
    await records.put(`k${seen.length}`, new Uint8Array(), 0);
  }
  assert.deepEqual(seen, ['current', 'k1', 'k2', 'k3']);
});

test('of results and entries the newest are kept', async () => {
  const { results, journals } = joined({ limits: { results: 3, journal: 10 } });
  const file = (key: number, issuer: string) => results.file([{ key: new Uint8Array(32).fill(key), issuer, value: Uint8Array.of(key) }]);
  for (const key of [1, 2, 3]) await file(key, 'a');
  await file(1, 'a');
  await file(4, 'a');
  const found = await results.latest([1, 2, 3, 4].map((key) => new Uint8Array(32).fill(key)));
  assert.deepEqual(
    found.map((result) => result?.value[0]),
    [1, undefined, 3, 4],
    'what was filed again is young again',
  );

  for (let entry = 0; entry < 100; entry++) await journals.append('j', [Uint8Array.of(entry)]);
  const read: number[] = [];
  for await (const { entry } of journals.read('j', 0, new AbortController().signal)) {
    read.push(entry[0]!);
    if (entry[0] === 99) break;
  }
  assert.ok(read.length >= 10 && read.length <= 20 && read.every((entry, index) => entry === 100 - read.length + index));
});

test('names that are no words are refused', () => {
  for (const name of ['', 'a.b', '*', 'a b']) {
    assert.throws(() => new LocalMesh({ name }), { code: 'MESH_NAME_INVALID' });
    assert.throws(() => new LocalMesh().join(name), { code: 'MESH_NAME_INVALID' });
  }
});
