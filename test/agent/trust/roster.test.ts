import assert from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { suite, test } from 'node:test';
import { Roster } from '../../../src/agent/trust/roster.ts';
import { systemClock } from '../../../src/base/clock.ts';
import { generateSeed, type Key, keyOf } from '../../../src/ipld/identity.ts';
import { LocalMesh } from '../../../src/mesh/local/local-mesh.ts';
import type { Mesh } from '../../../src/mesh/mesh.ts';
import { encodeMembership } from '../../../src/protocol/mesh/membership.ts';
import { HandClock } from '../../hand-clock.ts';
import { join, until } from '../../mesh/nats-members.ts';
import { NatsServer } from '../../mesh/nats-server.ts';

const newKey = (): Key => keyOf(generateSeed());
const recordOf = ({ did }: Key): string => `member.${did}`;

interface Place extends AsyncDisposable {
  readonly mesh: Mesh;
  readonly key: Key;
  readonly clock: HandClock;
  readonly roster: Roster;
  /** Revisions the own record had. */
  readonly revisions: readonly number[];
}

/** An agent of a mesh in one process as far as its roster goes; what it draws is one half. */
async function open(local: LocalMesh): Promise<Place> {
  const [key, clock, over] = [newKey(), new HandClock(), new AbortController()];
  const mesh = local.join(key.did);
  const revisions: number[] = [];
  const watching = (async () => {
    for await (const change of mesh.records.watch('member', over.signal))
      if (change.kind === 'put' && change.key === recordOf(key)) revisions.push(change.revision);
  })();
  const roster = new Roster({ mesh, key, clock, random: () => 0.5, onRefused: () => {} });
  // It was signed, written and shown.
  await becomes(() => clock.timers.size > 0 && roster.isMember(key.did));
  return {
    ...{ mesh, key, clock, roster, revisions },
    async [Symbol.asyncDispose]() {
      await roster[Symbol.asyncDispose]();
      over.abort();
      await watching;
      await mesh[Symbol.asyncDispose]();
    },
  };
}

/** All that needs neither timer nor thread is done then. */
async function settle(): Promise<void> {
  for (let turns = 0; turns < 20; turns++) await nextTurn();
}

async function becomes(isSo: () => boolean): Promise<void> {
  for (let turns = 0; !isSo(); turns++) {
    assert(turns < 1_000_000, 'it never became so');
    await nextTurn();
  }
}

async function later(clock: HandClock, ms: number): Promise<void> {
  clock.advance(ms);
  await settle();
}

async function take({ mesh, key }: Place, value?: Uint8Array): Promise<void> {
  const there = await mesh.records.get(recordOf(key));
  if (value === undefined) await mesh.records.delete(recordOf(key), there!.revision);
  else await mesh.records.put(recordOf(key), value, there!.revision);
  await settle();
}

suite('The record of a member that is up', () => {
  test('is written once while it stands there', async () => {
    await using place = await open(new LocalMesh());
    assert(place.roster.isMember(place.key.did));
    for (let looks = 0; looks < 100; looks++) await later(place.clock, 1_000);
    assert.equal(place.revisions.length, 1);
  });

  for (const [what, value] of [
    ['lost', undefined],
    ['overwritten', new Uint8Array(3)],
  ] as const)
    test(`is written again when it was ${what}, to be believed by whoever comes later`, async () => {
      const local = new LocalMesh();
      await using place = await open(local);
      await later(place.clock, 2_000);
      await take(place, value);
      await later(place.clock, 1_000);
      await using other = await open(local);
      assert(other.roster.isMember(place.key.did));
      await take(place, value);
      await later(place.clock, 2_000);
      await later(place.clock, 1_000);
      await using third = await open(local);
      assert(third.roster.isMember(place.key.did), 'and so again');
    });

  test('is written no more often than every two seconds, however often it is taken away', async () => {
    await using place = await open(new LocalMesh());
    await later(place.clock, 2_000);
    for (let times = 0; times < 200; times++) {
      if (place.revisions.length > 0 && (await place.mesh.records.get(recordOf(place.key))) !== undefined) await take(place);
      await later(place.clock, 100);
    }
    assert(place.revisions.length > 5 && place.revisions.length <= 11, String(place.revisions.length));
  });

  test('is written after a random time, the longer the more members there are', async () => {
    const local = new LocalMesh();
    await using place = await open(local);
    for (let members = 1; members < 1_000; members++) {
      const key = newKey();
      await place.mesh.records.put(recordOf(key), await encodeMembership(place.mesh.name, key), 0);
    }
    await becomes(() => place.roster.size === 1_000);
    await later(place.clock, 2_000);
    await take(place);
    await later(place.clock, 4_999);
    assert.equal(place.revisions.length, 1);
    await later(place.clock, 1);
    assert.equal(place.revisions.length, 2);
  });

  test('leaves no listener behind while the engine is not reached', async ({ mock }) => {
    const [key, clock] = [newKey(), new HandClock()];
    const local = new LocalMesh();
    await using mesh = local.join(key.did);
    await mesh[Symbol.asyncDispose]();
    await using _roster = new Roster({ mesh, key, clock, random: () => 0, onRefused: () => {} });
    await becomes(() => clock.timers.size > 0);
    const added = mock.method(AbortSignal.prototype, 'addEventListener');
    const removed = mock.method(AbortSignal.prototype, 'removeEventListener');
    for (let tries = 0; tries < 50; tries++) await later(clock, 2_000);
    assert(added.mock.callCount() >= 50);
    assert(added.mock.callCount() - removed.mock.callCount() <= 1);
  });

  test('is there again for newcomers after nats-server lost its data', async () => {
    await using server = await NatsServer.start();
    const [a, c] = [newKey(), newKey()];
    const options = { clock: systemClock, random: () => 0, onRefused: () => {} };
    await using ann = await join(server.url, a.did);
    await using ofA = new Roster({ mesh: ann.mesh, key: a, ...options });
    await until(() => ofA.isMember(a.did));
    await server.stop('SIGKILL');
    await server.loseData();
    await server.start();
    await using cat = await join(server.url, c.did);
    await using ofC = new Roster({ mesh: cat.mesh, key: c, ...options });
    await until(() => ofC.isMember(a.did) && ofA.isMember(c.did));
  });
});
