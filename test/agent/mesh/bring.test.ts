import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { takePieces } from '../../../src/agent/mesh/pieces.ts';
import { MemberDoor } from '../../../src/agent/mesh/door.ts';
import * as Modules from '../../../src/agent/named-modules.ts';
import { aliasRecords } from '../../../src/agent/resources/aliases.ts';
import { route } from '../../../src/api/route.ts';
import { systemClock } from '../../../src/base/clock.ts';
import { isDocketError } from '../../../src/errors.ts';
import * as Cid from '../../../src/ipld/cid.ts';
import { parse } from '../../../src/manifest/parse.ts';
import { parseReference } from '../../../src/manifest/reference.ts';
import { LocalMesh } from '../../../src/mesh/local/local-mesh.ts';
import { encodeAliasAnswer, encodeHas, encodeHeld, encodePiece, decodePieceQuestion } from '../../../src/protocol/mesh/holdings.ts';
import { encodeQuestion } from '../../../src/protocol/mesh/question.ts';
import { HandClock } from '../../hand-clock.ts';
import { GUESTS } from '../helpers.ts';
import { Member, Town } from './members.ts';

const BYTES = randomBytes(3_000_000);
const CID = Cid.ofBlob(BYTES);
const never = new AbortController().signal;

type Options = NonNullable<Parameters<typeof Member.open>[1]>;

async function members(
  options: readonly Options[],
  mesh = new LocalMesh(),
): Promise<AsyncDisposable & { readonly town: Town; readonly all: readonly Member[] }> {
  await using stack = new AsyncDisposableStack();
  const town = new Town(mesh);
  const all: Member[] = [];
  for (const one of options) all.push(stack.use(await Member.open(town, one)));
  const owned = stack.move();
  return { town, all, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** Says that it has the blob, and at its door does with who fetches it what the test says. */
async function liar(member: Member, body: () => AsyncIterable<Uint8Array>, { length = BYTES.length } = {}): Promise<{ fetched: number }> {
  const seen = { fetched: 0 };
  const routes = [
    route({
      ...{ method: 'GET', path: '/v1/blobs/:cid', summary: '', tag: '', scope: 'read', replies: {} },
      handle: () => {
        seen.fetched++;
        return { status: 200, headers: { 'content-length': String(length) }, body };
      },
    }),
  ];
  await member.door?.[Symbol.asyncDispose]();
  member.door = await MemberDoor.open({ routes, key: member.engine.key, name: 'local', clock: systemClock, host: '127.0.0.1' });
  member.answers['has'] = async () => encodeHeld(new Map([[0, length]]));
  return seen;
}

async function* whole(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

test('a blob comes from who is hinted, from whom all are asked for, and is here then', async () => {
  await using mesh = await members([{}, {}, {}]);
  const [a, b, c] = mesh.all as [Member, Member, Member];
  await a.engine.store.put(BYTES);
  await b.bring(CID, [a.did, 'did:key:nobody'], never);
  assert.ok(BYTES.equals(await b.engine.store.read(CID)));
  await b.bring(CID, [], never);
  // The one that is hinted has it not; all are asked.
  await a.engine.store.delete(CID);
  await c.bring(CID, [a.did], never);
  assert.equal(await c.counted('docket_mesh_fetched_bytes_total', 'way="door"'), BYTES.length);
  assert.equal(await b.counted('docket_mesh_blobs_total', 'found="here"'), 1);
  assert.equal(await b.counted('docket_mesh_blobs_total', 'found="fetched"'), 1);
  assert.deepEqual(await a.peers.store(0).stat(CID), { size: BYTES.length });
  const other = Cid.ofBlob(randomBytes(9));
  assert.deepEqual(await a.peers.store(0).missing([CID, other]), [other]);
  assert.equal(await a.engine.store.stat(CID), undefined, 'asking does not fetch');
});

test('what nobody has is missing; what only somebody silent may have is not known to be', async () => {
  await using mesh = await members([{}, {}, {}]);
  const [a, b, c] = mesh.all as [Member, Member, Member];
  await assert.rejects(c.bring(CID, [a.did], never), { code: 'BLOB_MISSING' });
  b.answers['has'] = async () => await new Promise(() => {});
  await assert.rejects(
    c.bring(CID, [], never),
    (error) => isDocketError(error, 'BLOB_UNREACHABLE') && error.message.includes(b.did) && !error.message.includes(a.did),
  );
  assert.equal(await c.counted('docket_mesh_blobs_total', 'found="nowhere"'), 2);
});

test('holders that lie, give too much or too little, or close in the middle are named, and the next is asked', async () => {
  await using mesh = await members([{}, {}, {}]);
  const [bad, good, asker] = mesh.all as [Member, Member, Member];
  const other = randomBytes(BYTES.length);
  const twice = (): AsyncIterable<Uint8Array> => whole(Buffer.concat([BYTES, BYTES]));
  const lies: readonly (() => AsyncIterable<Uint8Array>)[] = [
    () => whole(other),
    async function* () {
      yield BYTES.subarray(0, 1_000_000);
      throw new Error('cut');
    },
  ];
  for (const body of [...lies, twice]) {
    const seen = await liar(bad, body, { length: body === twice ? 2 * BYTES.length : BYTES.length });
    await assert.rejects(
      asker.bring(CID, [bad.did], never),
      (error) => isDocketError(error, 'BLOB_UNREACHABLE') && error.message.includes(bad.did),
      String(body),
    );
    assert.equal(await asker.engine.store.stat(CID), undefined);
    await good.engine.store.put(BYTES);
    await asker.bring(CID, [bad.did], never);
    assert.ok(BYTES.equals(await asker.engine.store.read(CID)));
    assert.equal(seen.fetched, body === lies[1] ? 4 : 2, 'who was cut off is asked once more');
    for (const member of [good, asker]) await member.engine.store.delete(CID);
  }
});

test('where one breaks off the next goes on, and nothing comes twice', async () => {
  await using mesh = await members([{}, {}, {}]);
  const [bad, good, asker] = mesh.all as [Member, Member, Member];
  await liar(bad, async function* () {
    yield BYTES.subarray(0, 2_000_000);
    throw new Error('cut');
  });
  await good.engine.store.put(BYTES);
  await asker.bring(CID, [bad.did], never);
  assert.ok(BYTES.equals(await asker.engine.store.read(CID)));
  const came = await asker.counted('docket_mesh_fetched_bytes_total', 'way="door"');
  assert.ok(came <= BYTES.length, `${came} bytes came of ${BYTES.length}`);
});

test('one that says it has a blob of any size, and gives nothing of it, keeps nobody waiting', async () => {
  const clock = new HandClock();
  await using mesh = await members([{}, {}, { clock }]);
  const [bad, good, asker] = mesh.all as [Member, Member, Member];
  const begun = Promise.withResolvers<void>();
  const over = Promise.withResolvers<void>();
  await liar(
    bad,
    async function* () {
      begun.resolve();
      await over.promise;
      yield BYTES;
    },
    { length: 2 ** 50 },
  );
  await good.engine.store.put(BYTES);
  const brought = { isDone: false };
  const bringing = asker.bring(CID, [bad.did], never).finally(() => (brought.isDone = true));
  await begun.promise;
  const before = clock.monotonic();
  for (let looks = 0; !brought.isDone; looks++, await new Promise((resolve) => setTimeout(resolve, 5)))
    clock.advance(looks < 3 ? 2_000 : 20);
  await bringing;
  assert.ok(clock.monotonic() - before < 60_000, `it took ${clock.monotonic() - before} ms`);
  over.resolve();
});

test('pieces are taken from any byte on', async () => {
  await using mesh = await members([{}, {}]);
  const [holder, asker] = mesh.all as [Member, Member];
  await holder.engine.store.put(BYTES);
  for (const start of [0, 1, 2_500_000, BYTES.length]) {
    const taking = { messages: asker.mesh.messages, from: holder.did, start, patience: 5_000, signal: never };
    const got = Buffer.concat(await Array.fromAsync(takePieces(CID, taking)));
    assert.ok(BYTES.subarray(start).equals(got), `from ${start}`);
  }
});

for (const how of ['stands still', 'is not heard any more'])
  test(`a holder that ${how} in the middle is left for the next`, async () => {
    const clock = new HandClock();
    await using mesh = await members([{}, {}, { clock }]);
    const [bad, good, asker] = mesh.all as [Member, Member, Member];
    const begun = Promise.withResolvers<void>();
    const over = Promise.withResolvers<void>();
    await liar(bad, async function* () {
      yield BYTES.subarray(0, 1_000_000);
      begun.resolve();
      await over.promise;
    });
    await good.engine.store.put(BYTES);
    const brought = { isDone: false };
    const bringing = asker.bring(CID, [bad.did], never).finally(() => (brought.isDone = true));
    await begun.promise;
    if (how !== 'stands still') mesh.town.present.delete(bad.did);
    // Patience of seconds is over soon; after that no faster than a busy machine serves, or the good one would be left as well.
    for (let looks = 0; !brought.isDone; looks++, await new Promise((resolve) => setTimeout(resolve, 5)))
      clock.advance(looks < 4 ? 2_000 : 20);
    await bringing;
    assert.ok(BYTES.equals(await asker.engine.store.read(CID)));
    over.resolve();
  });

test('a thousand who want one blob share one fetch; who aborts leaves the others', async () => {
  await using mesh = await members([{}, {}]);
  const [a, b] = mesh.all as [Member, Member];
  const seen = await liar(a, () => whole(BYTES));
  const leaving = new AbortController();
  const wanted = Array.from({ length: 1_000 }, (_, i) => b.bring(CID, i % 2 === 0 ? [a.did] : [], i % 10 === 0 ? leaving.signal : never));
  const left = Promise.allSettled(wanted.filter((_, i) => i % 10 === 0));
  leaving.abort(new Error('left'));
  assert.ok((await left).every(({ status }) => status === 'rejected'));
  await Promise.all(wanted.filter((_, i) => i % 10 !== 0));
  assert.equal(seen.fetched, 1);
});

test('many blobs are asked for in one question', async () => {
  await using mesh = await members([{}, {}]);
  const [a, b] = mesh.all as [Member, Member];
  const blobs = Array.from({ length: 300 }, (_, i) => Buffer.from(`blob ${i}`));
  for (const blob of blobs) await a.engine.store.put(blob);
  let asked = 0;
  const { has } = a.answers;
  a.answers['has'] = async (from, question) => (asked++, await has!(from, question));
  await Promise.all(blobs.map((blob) => b.bring(Cid.ofBlob(blob), [], never)));
  assert.equal(asked, 2);
  assert.deepEqual(await b.engine.store.missing(blobs.map((blob) => Cid.ofBlob(blob))), []);
});

for (const door of ['none', 'closed'] as const)
  test(`where no door can be reached (${door}) a blob comes in pieces, verified all the same`, async () => {
    await using mesh = await members([{ door }, {}]);
    const [a, b] = mesh.all as [Member, Member];
    await a.engine.store.put(BYTES);
    await b.bring(CID, [], never);
    assert.ok(BYTES.equals(await b.engine.store.read(CID)));
    assert.equal(await b.counted('docket_mesh_fetched_bytes_total', 'way="pieces"'), BYTES.length);
    for (const small of [Buffer.alloc(0), Buffer.from('x')]) {
      await a.engine.store.put(small);
      await b.bring(Cid.ofBlob(small), [a.did], never);
    }
  });

test('pieces that are wrong, of another size, or do not come are no blob', async () => {
  await using mesh = await members([{ door: 'none' }, {}], new LocalMesh({ limits: { message: 100_000 } }));
  const [a, b] = mesh.all as [Member, Member];
  await a.engine.store.put(BYTES);
  const honest = a.answers['piece']!;
  const size = BYTES.length;
  const lies: Record<string, (offset: number, length: number) => Uint8Array | undefined> = {
    'other bytes': (_, length) => encodePiece({ size, bytes: new Uint8Array(length) }),
    'another size later': (offset, length) => encodePiece({ size: size + offset, bytes: BYTES.subarray(offset, offset + length) }),
    'too little': (_, length) => encodePiece({ size, bytes: new Uint8Array(length - 1) }),
    'too much': (_, length) => encodePiece({ size, bytes: new Uint8Array(length + 1) }),
    'no end': (_, length) => encodePiece({ size: Number.MAX_SAFE_INTEGER, bytes: new Uint8Array(length - 1) }),
    garbage: () => randomBytes(100),
  };
  for (const [name, lie] of Object.entries(lies)) {
    a.answers['piece'] = async (from, question) => {
      const asked = decodePieceQuestion(question);
      assert.ok(!('refused' in asked));
      return asked.offset + asked.length < size ? lie(asked.offset, asked.length) : await honest(from, question);
    };
    await assert.rejects(b.bring(CID, [], never), { code: 'BLOB_UNREACHABLE' }, name);
  }
  a.answers['piece'] = honest;
  await b.bring(CID, [], never);
});

test('questions that are garbage are refused by name, and what is not here is not told of', async () => {
  await using mesh = await members([{}, {}]);
  const [a, b] = mesh.all as [Member, Member];
  const before = Cid.ofBlob(randomBytes(3));
  await assert.rejects(b.mesh.messages.ask(a.did, encodeHas({ cids: [before], everybody: false }), { patience: 100 }), {
    code: 'MESH_NO_ANSWER',
  });
  const many = encodeQuestion('has', { cids: Array.from({ length: 257 }, () => before), everybody: true });
  const other = encodeQuestion('has', { cids: [Cid.ofValue(1)], everybody: true });
  const huge = encodeQuestion('piece', { cid: before, offset: 0, length: 2 ** 40 });
  const beyond = encodeQuestion('piece', { cid: CID, offset: 2 ** 40, length: 1 });
  await a.engine.store.put(BYTES);
  for (const question of [
    randomBytes(50),
    many,
    other,
    huge,
    beyond,
    encodeQuestion('module', { reference: 'no module!' }),
    encodeQuestion('alias', { name: CID }),
  ])
    await assert.rejects(b.mesh.messages.ask(a.did, question, { patience: 50 }), { code: 'MESH_NO_ANSWER' });
  assert.deepEqual(a.refused, ['garbage', 'has shape', 'has shape', 'piece shape', 'piece shape', 'module shape', 'alias shape']);
});

const MANIFEST = (version: string, more = ''): string =>
  `namespace = "org.example"\nname = "greet"\nversion = "${version}"\nbinary = "x.wasm"\ndescription = ""\n${more}`;

test('a module that one member knows by name is known to all whose policy accepts it, and its newest version is taken', async () => {
  const trusted = new Set<string>();
  await using mesh = await members([{ door: 'none' }, {}, { accepts: (did) => trusted.has(did) }, {}]);
  const [a, b, c, d] = mesh.all as [Member, Member, Member, Member];
  const wasm = readFileSync(join(GUESTS, 'echo.wasm'));
  const { cid: module } = await a.engine.store.put(wasm);
  await b.engine.store.put(wasm);
  await Modules.push(a.engine, parse(MANIFEST('1.2.0'), ''), module);
  await Modules.push(b.engine, parse(MANIFEST('1.1.0'), ''), module);
  const asked = { hops: 0, signal: never };
  trusted.add(b.did);
  await c.peers.bringModule('org.example.greet', asked);
  assert.equal(Modules.find(c.engine, parseReference('org.example.greet')).version, '1.1.0', 'only from whom it accepts');
  await d.peers.bringModule('org.example.greet', asked);
  assert.equal(Modules.find(d.engine, parseReference('org.example.greet')).version, '1.2.0');
  await d.peers.bringModule('org.example.other', asked);
  assert.throws(() => Modules.find(d.engine, parseReference('org.example.other')), { code: 'MANIFEST_UNKNOWN' });
});

test('what IPFS calls a file is asked of members, and computed here', async () => {
  await using mesh = await members([{}, { door: 'none' }, {}]);
  const [liarOfNames, b, c] = mesh.all as [Member, Member, Member];
  await b.engine.store.put(BYTES);
  const name = await aliasRecords(b.engine).name(CID);
  const { cid: wrong } = await liarOfNames.engine.store.put(randomBytes(5_000));
  liarOfNames.answers['alias'] = async () => encodeAliasAnswer(wrong);
  assert.ok((await c.peers.alias(name, { hops: 0, signal: never }))?.equals(CID));
  assert.ok(c.engine.ledger.alias(name)?.equals(CID));
});

test('what all members lost comes from the objects of the mesh', async () => {
  await using mesh = await members([{}, {}]);
  const [a, b] = mesh.all as [Member, Member];
  await a.mesh.objects.put(Cid.ofBlob(BYTES), BYTES.length, whole(BYTES));
  assert.deepEqual(await b.peers.store(0).stat(CID), { size: BYTES.length });
  await a.bring(CID, [b.did], never);
  await b.engine.store.delete(CID);
  await a.engine.store.delete(CID);
  await b.bring(CID, [], never);
  assert.equal(await b.counted('docket_mesh_fetched_bytes_total', 'way="objects"'), 2 * BYTES.length);
});

test('a port for members that is taken is told with the option that names it', async () => {
  await using mesh = await members([{}]);
  const [member] = mesh.all as [Member];
  await assert.rejects(Member.open(mesh.town, { listen: { port: member.door!.port } }), {
    code: 'LISTEN_FAILED',
    message: /EADDRINUSE/,
    next: /--mesh-listen/,
  });
});
