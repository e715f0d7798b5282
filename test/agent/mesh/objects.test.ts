import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { MeshObjects } from '../../../src/agent/mesh/objects.ts';
import { pin, pinned } from '../../../src/agent/mesh/pins.ts';
import type { Refused } from '../../../src/agent/mesh/refusals.ts';
import { encodeSweep, SWEEP } from '../../../src/agent/mesh/sweep-record.ts';
import { Sweeper, type SweepOptions } from '../../../src/agent/mesh/sweep.ts';
import { systemClock } from '../../../src/base/clock.ts';
import * as Cid from '../../../src/ipld/cid.ts';
import { decode, encode } from '../../../src/ipld/dag-cbor.ts';
import { LocalMesh } from '../../../src/mesh/local/local-mesh.ts';
import type { Mesh } from '../../../src/mesh/mesh.ts';
import { MemoryStore } from '../../../src/store/memory-store.ts';
import * as Tree from '../../../src/store/tree.ts';
import { HandClock } from '../../hand-clock.ts';

const never = new AbortController().signal;
const AGE = 1_000;

interface Place extends AsyncDisposable {
  readonly mesh: Mesh;
  readonly store: MemoryStore;
  readonly objects: MeshObjects;
  readonly clock: HandClock;
  readonly sweeper: (options?: Partial<SweepOptions>) => Sweeper;
  /** Digests of what is kept, without the lists of pins. */
  readonly kept: () => Promise<string[]>;
}

function open(own = new LocalMesh(), did = 'did:key:a'): Place {
  const mesh = own.join(did);
  const store = new MemoryStore();
  const clock = new HandClock();
  return {
    ...{ mesh, store, clock },
    objects: new MeshObjects({ mesh, store, clock: systemClock }),
    sweeper: (options = {}) =>
      new Sweeper({
        ...{ mesh, clock, age: AGE, isPresent: () => true },
        onFailure: (error) => {
          throw error;
        },
        ...options,
      }),
    kept: async () => (await Array.fromAsync(mesh.objects.list())).map(({ cid }) => cid.toString()).toSorted(),
    [Symbol.asyncDispose]: () => mesh[Symbol.asyncDispose](),
  };
}

const put = async ({ store }: Place, bytes: Uint8Array = randomBytes(5_000)): Promise<Cid.CID> => (await store.put(bytes)).cid;

test('what a run needs is kept with all that it names, and swept some time after the run is forgotten', async () => {
  await using place = open();
  const { mesh, store, objects, clock, kept } = place;
  const [file, deep, other] = [await put(place), await put(place), await put(place)];
  const tree = await Tree.write(store, {
    'a/b': { cid: file, size: 5_000, executable: false },
    gone: { cid: Cid.ofBlob(randomBytes(3)), size: 3, executable: false },
  });
  const large = encode([deep, 'x'.repeat(5_000)]);
  await store.put(large);
  const [kept1] = await objects.keep('r1', [{ out: [tree, Cid.ofLargeValue(large), other] }], never);
  const { cids, missing } = kept1!;
  assert.deepEqual(cids.map(String).toSorted(), [tree, Cid.ofLargeValue(large), file, deep, other].map(String).toSorted());
  assert.equal(missing.length, 1);
  await objects.keep('r2', [other], never);
  const loose = await put(place);
  assert.equal(await objects.put(loose, never), true);
  assert.equal(await objects.put(Cid.ofBlob(randomBytes(4)), never), false);
  const revision = (await mesh.records.put('run.r1', new Uint8Array(1), 0))!;
  await mesh.records.put('run.r2', new Uint8Array(1), 0);
  const all = await kept();
  await using sweeper = place.sweeper();
  assert.deepEqual(await sweeper.sweep(), { objects: 0, bytes: 0, pins: 0, unreadable: 0 }, 'nothing that is seen for the first time');
  clock.advance(AGE);
  assert.deepEqual(await sweeper.sweep(), { objects: 1, bytes: 5_000, pins: 0, unreadable: 0 });
  assert.deepEqual(
    await kept(),
    all.filter((cid) => cid !== loose.toString()),
  );
  await mesh.records.delete('run.r1', revision);
  const before = (await kept()).length;
  for (let i = 0; i < 3; i++, clock.advance(AGE)) await sweeper.sweep();
  assert.deepEqual(
    (await mesh.records.list('kept')).map(({ key }) => key),
    ['kept.r2'],
  );
  assert.equal((await kept()).length, 2, `of ${before} the one that the other run needs, and its list`);
  assert.equal(await mesh.objects.has(other), true);
});

test('a run is given more to keep, never less, also by two at the same time', async () => {
  await using place = open();
  const { objects, mesh, clock } = place;
  const cids = await Promise.all(Array.from({ length: 12 }, () => put(place)));
  await Promise.all(cids.map((cid) => objects.keep('r', [cid], never)));
  await mesh.records.put('run.r', new Uint8Array(1), 0);
  await using sweeper = place.sweeper();
  for (let i = 0; i < 3; i++, clock.advance(AGE)) await sweeper.sweep();
  for (const cid of cids) assert.equal(await mesh.objects.has(cid), true);
});

test('what is pinned a little at a time costs in proportion to what it is', async () => {
  await using place = open();
  const { mesh } = place;
  const all: Cid.CID[] = [];
  const digests = (): Buffer[] => all.map(({ multihash }) => Buffer.from(multihash.digest));
  for (let index = 0; index < 1_000; index++) {
    const cid = Cid.ofBlob(Buffer.from(String(index)));
    all.push(cid);
    // As one that is tried again.
    for (const _ of [1, 2]) await pin('r', [cid], { records: mesh.records, objects: mesh.objects, clock: timeless, signal: never });
  }
  const record = (await mesh.records.get('kept.r'))!;
  const expected = digests().map((digest) => digest.toString('base64url'));
  assert.deepEqual(new Set(await pinned(record, mesh.objects, never)), new Set(expected));
  assert.ok(record.value.length < 3_000, `a record of ${record.value.length} bytes`);
  const listed = await Array.fromAsync(mesh.objects.list());
  const bytes = listed.reduce((sum, { size }) => sum + size, 0);
  assert.ok(bytes < 8 * 34 * all.length, `${bytes} bytes of lists`);
});

test('pins that cannot be read keep all objects and no other pins; they go with their run', async () => {
  await using place = open();
  const { objects, mesh, clock } = place;
  const [needed, loose] = [await put(place), await put(place)];
  await objects.keep('bad', [needed], never);
  await objects.keep('over', [loose], never);
  const revision = (await mesh.records.put('run.bad', new Uint8Array(1), 0))!;
  const { value } = (await mesh.records.get('kept.bad'))!;
  // A list that is gone, a record that is none, and a list larger than any can be.
  const huge = new Uint8Array(2 ** 20);
  const size = 40 * huge.length;
  async function* chunks(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < size; at += huge.length) yield huge;
  }
  const large = Cid.ofBlob(Buffer.from('large'));
  await mesh.objects.put(large, size, chunks());
  const { lists } = decode(value) as { lists: { list: Cid.CID }[] };
  await mesh.objects.delete(lists[0]!.list);
  await mesh.records.put('run.large', new Uint8Array(1), 0);
  await mesh.records.put('kept.large', encode({ v: 1, lists: [{ list: large, count: 1 }] }), 0);
  await mesh.records.put('kept.none', new Uint8Array([0xff]), 0);
  const told: string[] = [];
  await using sweeper = place.sweeper({ onUnreadable: (key, { code }) => told.push(`${key} ${code}`) });
  await sweeper.sweep();
  clock.advance(AGE);
  assert.deepEqual(await sweeper.sweep(), { objects: 0, bytes: 0, pins: 1, unreadable: 3 });
  assert.deepEqual(new Set(told), new Set(['kept.bad BLOB_MISSING', 'kept.large IPLD_INVALID', 'kept.none IPLD_INVALID']));
  for (const cid of [needed, loose]) assert.equal(await mesh.objects.has(cid), true);
  await mesh.records.delete('run.bad', revision);
  await mesh.records.delete('run.large', (await mesh.records.get('run.large'))!.revision);
  await mesh.records.delete('kept.none', (await mesh.records.get('kept.none'))!.revision);
  await sweeper.sweep();
  clock.advance(AGE);
  const last = (await sweeper.sweep())!;
  assert.deepEqual([last.pins, last.unreadable], [2, 0]);
  assert.equal(await mesh.objects.has(needed), false);
});

test('who swept has the engine tidy up its records', async () => {
  await using place = open();
  const { promise, resolve } = Promise.withResolvers<void>();
  place.mesh.records.tidy = async () => resolve();
  await using _sweeper = place.sweeper({ every: 100 });
  place.clock.advance(100);
  await promise;
});

test('one member sweeps, and who lost the lease deletes nothing', async () => {
  const own = new LocalMesh();
  await using a = open(own, 'did:key:a');
  await using b = open(own, 'did:key:b');
  const present = new Set(['did:key:a', 'did:key:b']);
  const isPresent = (did: string): boolean => present.has(did);
  await using first = a.sweeper({ isPresent });
  await using second = b.sweeper({ isPresent });
  const loose = await put(a);
  await a.objects.put(loose, never);
  await first.sweep();
  assert.equal(await second.sweep(), undefined);
  present.delete('did:key:a');
  assert.notEqual(await second.sweep(), undefined);
  present.add('did:key:a');
  a.clock.advance(AGE);
  assert.equal(await first.sweep(), undefined, 'somebody else has it');
  // Taken in the middle: while what is pinned is read.
  present.delete('did:key:b');
  await first.sweep();
  a.clock.advance(AGE);
  const list = a.mesh.objects.list.bind(a.mesh.objects);
  a.mesh.objects.list = async function* () {
    const { revision } = (await b.mesh.records.get(SWEEP))!;
    await b.mesh.records.put(SWEEP, encodeSweep({ holder: 'did:key:b', isDeleting: true, seen: 0 }), revision);
    yield* list();
  };
  assert.deepEqual(await first.sweep(), { objects: 0, bytes: 0, pins: 0, unreadable: 0 });
  assert.equal(await a.mesh.objects.has(loose), true);
});

test('who pins in the middle of a sweep waits for it, and puts again what it deleted', async () => {
  await using place = open();
  const { mesh, objects, clock, kept } = place;
  const cid = await put(place);
  await objects.put(cid, never);
  await using sweeper = place.sweeper();
  await sweeper.sweep();
  clock.advance(AGE);
  let keeping: Promise<unknown> | undefined;
  const remove = mesh.objects.delete.bind(mesh.objects);
  mesh.objects.delete = async (object) => {
    // It read what is pinned before.
    keeping ??= objects.keep('r', [cid], never);
    // Long enough for it to find the object there, if it did not wait.
    for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setImmediate(resolve));
    await remove(object);
  };
  assert.equal((await sweeper.sweep())?.objects, 1);
  await keeping;
  assert.ok((await kept()).includes(cid.toString()));
});

/** What awaits it goes on at once, and nothing takes any time by it. */
const timeless = {
  now: () => 0,
  monotonic: () => 0,
  after: (_ms: number, callback: () => void) => clearImmediate.bind(undefined, setImmediate(callback)),
};

/** Time passes by what waits for it. */
const passing = (clock: HandClock) => ({
  ...timeless,
  monotonic: () => clock.monotonic(),
  after: (ms: number, callback: () => void) => (clock.advance(ms), timeless.after(ms, callback)),
});

/** In the mesh. */
async function putMany(place: Place): Promise<Cid.CID[]> {
  const cids = await Promise.all(Array.from({ length: 20 }, () => put(place)));
  for (const cid of cids) await place.objects.put(cid, never);
  return cids;
}

/** The same, that nobody has pinned, and that are to be deleted by now. */
async function putDue(place: Place, sweeper: Pick<Sweeper, 'sweep'>): Promise<Cid.CID[]> {
  const cids = await putMany(place);
  await sweeper.sweep();
  place.clock.advance(AGE);
  return cids;
}

test('who pins in the middle of a long sweep waits for a portion of it, and what it pins is spared', async () => {
  await using place = open();
  const { mesh, clock } = place;
  await using sweeper = place.sweeper();
  await putDue(place, sweeper);
  const last = (await Array.fromAsync(mesh.objects.list())).at(-1)!.cid;
  let deleted = 0;
  let deletedBefore: number | undefined;
  let pinning: Promise<void> | undefined;
  const remove = mesh.objects.delete.bind(mesh.objects);
  mesh.objects.delete = async (object) => {
    deleted++;
    pinning ??= pin('r', [last], { records: mesh.records, objects: mesh.objects, clock: timeless, signal: never }).then(() => {
      deletedBefore = deleted;
    });
    clock.advance(1_000);
    for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setImmediate(resolve));
    await remove(object);
  };
  assert.equal((await sweeper.sweep())?.objects, 19);
  await pinning;
  assert.ok(deletedBefore! < 19, `after ${deletedBefore}`);
  assert.equal(await mesh.objects.has(last), true);
});

test('a sweep that stands still loses its turn to who pins, and deletes no more', async () => {
  await using place = open();
  const { mesh, clock } = place;
  await using sweeper = place.sweeper();
  const cids = await putDue(place, sweeper);
  const remove = mesh.objects.delete.bind(mesh.objects);
  mesh.objects.delete = async (object) => {
    const others = cids.filter((cid) => !cid.equals(object));
    await pin('r', others, { records: mesh.records, objects: mesh.objects, clock: passing(clock), signal: never });
    await remove(object);
  };
  assert.equal((await sweeper.sweep())?.objects, 1, 'what it was at');
  const has = await Promise.all(cids.map((cid) => mesh.objects.has(cid)));
  assert.equal(has.filter(Boolean).length, 19);
});

test('a record of the sweep that cannot be read is waited for once, for two seconds, told and made a free turn', async () => {
  await using place = open();
  const { mesh, clock } = place;
  const told: string[] = [];
  const onRefused = ({ reason, message }: Refused): void => void told.push(`${reason}: ${message}`);
  const began = clock.monotonic();
  const pins = { records: mesh.records, objects: mesh.objects, clock: passing(clock), signal: never, onRefused };
  await mesh.records.put(SWEEP, new Uint8Array([0xff, 1, 2]), 0);
  await Promise.all(['a', 'b'].map((run) => pin(run, [Cid.ofBlob(Buffer.from(run))], pins)));
  await pin('c', [Cid.ofBlob(Buffer.from('c'))], pins);
  assert.equal(await mesh.records.get(SWEEP), undefined);
  assert.ok(clock.monotonic() - began < 10_000, `${clock.monotonic() - began} ms`);
  assert.equal(told.length, 1);
  assert.match(told[0]!, /^record garbage: the record lease\.sweep of the mesh cannot be read/);

  // A newer Docket may sweep under what only it can read.
  const revision = (await mesh.records.put(SWEEP, encode({ v: 2 }), 0))!;
  const newer = clock.monotonic();
  await pin('d', [Cid.ofBlob(Buffer.from('d'))], pins);
  assert.ok(clock.monotonic() - newer >= 60_000);
  assert.equal(await mesh.records.delete(SWEEP, revision), false);
  assert.match(told[1]!, /^record newer: /);

  await mesh.records.put(SWEEP, randomBytes(20), 0);
  await using sweeper = place.sweeper({ onRefused });
  assert.notEqual(await sweeper.sweep(), undefined, 'nobody has it');
  assert.equal(told.length, 3);
});

test('a sweep whose record was overwritten by garbage deletes no more, and who pins waits for what it was at', async () => {
  await using place = open();
  const { mesh } = place;
  await using sweeper = place.sweeper();
  const cids = await putDue(place, sweeper);
  const remove = mesh.objects.delete.bind(mesh.objects);
  let pinning: Promise<void> | undefined;
  let wasPinned = false;
  mesh.objects.delete = async (object) => {
    const { revision } = (await mesh.records.get(SWEEP))!;
    await mesh.records.put(SWEEP, new Uint8Array([0xff]), revision);
    pinning = pin('r', cids, { records: mesh.records, objects: mesh.objects, clock: systemClock, signal: never }).then(() => {
      wasPinned = true;
    });
    for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(wasPinned, false);
    await remove(object);
  };
  assert.equal((await sweeper.sweep())?.objects, 1, 'what it was at');
  await pinning;
  const has = await Promise.all(cids.map((cid) => mesh.objects.has(cid)));
  assert.equal(has.filter(Boolean).length, 19);
});

test('nothing is swept while it is not known what a run needs', async () => {
  await using place = open();
  const { mesh, objects, clock } = place;
  const loose = await put(place);
  await objects.put(loose, never);
  await objects.keep('r', [await put(place)], never);
  await mesh.records.put('run.r', new Uint8Array(1), 0);
  await using sweeper = place.sweeper();
  await sweeper.sweep();
  clock.advance(AGE);
  const pins = (await mesh.records.get('kept.r'))!;
  for (const value of [
    randomBytes(20),
    encode({ v: 2, lists: [{ list: loose, count: 1 }] }),
    encode({ v: 1, lists: [{ list: Cid.ofBlob(randomBytes(2)), count: 1 }] }),
    encode({ v: 1, lists: [{ list: loose, count: 1 }] }),
  ]) {
    const { revision } = (await mesh.records.get('kept.r'))!;
    await mesh.records.put('kept.r', value, revision);
    assert.deepEqual(await sweeper.sweep(), { objects: 0, bytes: 0, pins: 0, unreadable: 1 });
    assert.equal(await mesh.objects.has(loose), true);
    assert.match(Buffer.from((await mesh.records.get(SWEEP))!.value).toString('latin1'), /did:key:a/);
  }
  await mesh.records.put('kept.r', pins.value, (await mesh.records.get('kept.r'))!.revision);
  assert.equal((await sweeper.sweep())?.objects, 1);
});

test('what is to be there for a time stays that long after its run is forgotten, by what sweepers saw pass', async () => {
  const own = new LocalMesh();
  await using a = open(own, 'did:key:a');
  await using b = open(own, 'did:key:b');
  const every = 100;
  const cid = await put(a);
  const present = new Set(['did:key:a']);
  const isPresent = (did: string): boolean => present.has(did);
  // Turns are the test's.
  const still = ({ clock }: Place) => ({ now: () => clock.now(), monotonic: () => clock.monotonic(), after: () => () => {} });
  await using first = a.sweeper({ isPresent, every, age: every * 2, clock: still(a) });
  await using second = b.sweeper({ isPresent, every, age: every * 2, clock: still(b) });
  const turns = async ({ clock }: Place, sweeper: Sweeper, count: number): Promise<void> => {
    for (let i = 0; i < count; i++) {
      assert.notEqual(await sweeper.sweep(), undefined);
      clock.advance(every);
    }
  };
  await turns(a, first, 3);
  await a.objects.keep('r', [cid], never, 1_000);
  await turns(a, first, 5);
  // Nobody sweeps for very long, which counts for two turns, and another goes on.
  a.clock.advance(1_000_000);
  await turns(a, first, 1);
  present.clear();
  present.add('did:key:b');
  await turns(b, second, 4);
  assert.equal(await a.mesh.objects.has(cid), true);
  await b.objects.keep('r', [await put(b)], never, 1_000);
  await turns(b, second, 8);
  assert.equal(await a.mesh.objects.has(cid), true, 'asked for again, it stays from then on');
  await turns(b, second, 8);
  assert.equal(await a.mesh.objects.has(cid), false);
  assert.deepEqual(await a.mesh.records.list('kept'), []);
});
