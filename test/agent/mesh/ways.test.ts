import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { doorAt } from '../../../src/agent/mesh/member-fetch.ts';
import { Seal } from '../../../src/agent/mesh/door-seal.ts';
import { Ways } from '../../../src/agent/mesh/ways.ts';
import { ofBlob } from '../../../src/ipld/cid.ts';
import { generateSeed, keyOf } from '../../../src/ipld/identity.ts';
import { LocalMesh } from '../../../src/mesh/local/local-mesh.ts';
import type { Mesh } from '../../../src/mesh/mesh.ts';
import { decodeDoorQuestion, encodeDoor, encodeSealedDoor, signedPart } from '../../../src/protocol/mesh/door.ts';
import { decodeQuestion } from '../../../src/protocol/mesh/question.ts';
import { RemoteStore } from '../../../src/store/remote-store.ts';
import { HandClock } from '../../hand-clock.ts';
import { Member, Town } from './members.ts';

const BYTES = randomBytes(300_000);
const DOOR = { hosts: ['127.0.0.1'], port: 1, identity: 'i', psk: new Uint8Array(randomBytes(32)), token: 'token' };

test('an agent that was started again is found behind its new door, also in the middle of requests', async () => {
  await using stack = new AsyncDisposableStack();
  const town = new Town(new LocalMesh());
  const a = stack.use(await Member.open(town));
  const b = stack.use(await Member.open(town));
  const { cid } = await a.engine.store.put(BYTES);
  const store = new RemoteStore(doorAt(b.ways, a.did));
  assert.ok(BYTES.equals(await store.read(cid)));
  const { door: old } = await b.ways.to(a.did);
  await a.reopenDoor();
  const all = await Promise.all(Array.from({ length: 20 }, () => store.read(cid)));
  assert.ok(all.every((bytes) => BYTES.equals(bytes)));
  const { door } = await b.ways.to(a.did);
  assert.notEqual(door.identity, old.identity);
  assert.notDeepEqual(door.psk, old.psk);
  // One that streams takes no byte of its body before it is let in.
  await a.reopenDoor();
  let taken = 0;
  const body = {
    async *[Symbol.asyncIterator]() {
      taken++;
      yield new TextEncoder().encode(JSON.stringify({ cids: [cid.toString()] }));
    },
  };
  const door2 = doorAt(b.ways, a.did);
  const reply = await door2.fetch!(`${door2.url}/v1/blobs/missing`, {
    method: 'POST',
    body: ReadableStream.from(body),
    ...{ duplex: 'half' },
  });
  assert.deepEqual(await reply.json(), { missing: [] });
  assert.equal(taken, 1);
});

interface Answering extends AsyncDisposable {
  readonly key: ReturnType<typeof keyOf>;
  readonly mesh: Mesh;
}

/** A member that is a key and a handler. */
function member(mesh: LocalMesh, answer: (question: Uint8Array, from: string) => Promise<Uint8Array | undefined>): Answering {
  const key = keyOf(generateSeed());
  const own = mesh.join(key.did);
  own.messages.onQuestion((from, question) => answer(question, from));
  return { key, mesh: own, [Symbol.asyncDispose]: () => own[Symbol.asyncDispose]() };
}

/** As an honest member answers, but for `parts`. */
async function answered(
  question: Uint8Array,
  from: string,
  key: ReturnType<typeof keyOf>,
  parts: { mesh?: string; of?: string; for?: string; door?: Uint8Array } = {},
): Promise<Uint8Array> {
  const read = decodeDoorQuestion(question);
  assert.ok(!('refused' in read));
  const seal = new Seal();
  const sealed = seal.close(read.seal, parts.door ?? encodeDoor(DOOR));
  const signed = signedPart({
    mesh: parts.mesh ?? 'local',
    of: parts.of ?? key.did,
    for: parts.for ?? from,
    asked: read.seal,
    seal: seal.shown,
    sealed,
  });
  return encodeSealedDoor({ seal: seal.shown, sealed, signature: await key.sign(signed) });
}

test('only what a member signed for this very question leads to it', async () => {
  const other = keyOf(generateSeed());
  const first: { answer?: Uint8Array } = {};
  type Say = (question: Uint8Array, from: string, key: Answering['key']) => Promise<Uint8Array | undefined>;
  const said: Record<string, Say> = {
    honest: (question, from, key) => answered(question, from, key),
    'signed by another': (question, from) => answered(question, from, other),
    'of another, who signed it': (question, from) => answered(question, from, other, { of: other.did }),
    'for another mesh': (question, from, key) => answered(question, from, key, { mesh: 'other' }),
    'for another asker': (question, from, key) => answered(question, from, key, { for: other.did }),
    replayed: async (question, from, key) => (first.answer ??= await answered(question, from, key)),
    'of no shape': async () => randomBytes(40),
    'of another shape': async () => encodeDoor(DOOR),
    'a host with a line in it': (question, from, key) =>
      answered(question, from, key, { door: encodeDoor({ ...DOOR, hosts: ['a\r\nb: c'] }) }),
    'no hosts': (question, from, key) => answered(question, from, key, { door: encodeDoor({ ...DOOR, hosts: [] }) }),
    'a short key': (question, from, key) => answered(question, from, key, { door: encodeDoor({ ...DOOR, psk: DOOR.psk.subarray(1) }) }),
    'a token with a line in it': (question, from, key) => answered(question, from, key, { door: encodeDoor({ ...DOOR, token: 'a\nb' }) }),
    'nothing sealed': async (_question, _from, key) =>
      encodeSealedDoor({ seal: new Uint8Array(32), sealed: new Uint8Array(3), signature: await key.sign(new Uint8Array(1)) }),
  };
  for (const [name, say] of Object.entries(said)) {
    const mesh = new LocalMesh();
    await using teller: Answering = member(mesh, (question, from) => say(question, from, teller.key));
    await using asker = mesh.join(other.did === teller.key.did ? 'x' : keyOf(generateSeed()).did);
    using ways = new Ways({ mesh: asker, clock: new HandClock() });
    const failure = async (from: Ways): Promise<string> =>
      await from.to(teller.key.did).then(
        () => '',
        ({ message }: Error) => message,
      );
    if (name === 'replayed') {
      using before = new Ways({ mesh: asker, clock: new HandClock() });
      assert.match(await failure(before), /127\.0\.0\.1:1: /);
    }
    // Nobody listens there: what is believed is gone to.
    if (name === 'honest') assert.match(await failure(ways), /127\.0\.0\.1:1: connect ECONNREFUSED/);
    else assert.doesNotMatch(await failure(ways), /127\.0\.0\.1/, name);
  }
});

test('a door that is shut is left alone for a while, and whoever asks at the same time asks once', async () => {
  const mesh = new LocalMesh();
  const asked: string[] = [];
  await using teller: Answering = member(mesh, async (question, from) => {
    const read = decodeQuestion(question);
    asked.push('refused' in read ? '' : read.ask);
    return await answered(question, from, teller.key);
  });
  await using asker = mesh.join(keyOf(generateSeed()).did);
  const clock = new HandClock();
  using ways = new Ways({ mesh: asker, clock });
  const store = new RemoteStore(doorAt(ways, teller.key.did));
  const cid = ofBlob(BYTES);
  const all = await Promise.allSettled(Array.from({ length: 50 }, () => store.stat(cid)));
  assert.ok(all.every((one) => one.status === 'rejected' && one.reason.code === 'AGENT_UNREACHABLE'));
  assert.deepEqual(asked, ['door']);
  await assert.rejects(store.stat(cid), { code: 'AGENT_UNREACHABLE' });
  assert.equal(asked.length, 1);
  clock.advance(1_000);
  await assert.rejects(store.stat(cid), { code: 'AGENT_UNREACHABLE' });
  assert.equal(asked.length, 2);
  clock.advance(1_000);
  await assert.rejects(store.stat(cid), { code: 'AGENT_UNREACHABLE' });
  assert.equal(asked.length, 2, 'the pause is longer each time');
});
