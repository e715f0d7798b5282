import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Mesh } from '../../src/mesh/mesh.ts';
import { meshContract, type MeshUnderTest } from '../contract/mesh.ts';
import { ROUGH } from './faulty-delivery.ts';
import { Simulation, type SimMember } from './simulation.ts';

const READER = 'did:key:z6MkReader';

/** Time passes by itself, as long as something is to happen: what the suite awaits comes without its knowing of simulated time. */
async function make(): Promise<MeshUnderTest> {
  const faults = { delay: [0.25, 40], twice: 0.1 } as const;
  const [sim, other] = [new Simulation({ faults, mayWrite: (did) => did !== READER }), new Simulation({ faults })];
  const stop = new AbortController();
  const passing = [sim, other].map(async ({ timeline }) => {
    while (!stop.signal.aborted) if (!(await timeline.step(Infinity))) await new Promise((resolve) => setTimeout(resolve, 1));
  });
  const members = new Map<Mesh, SimMember>();
  const open = async (mesh: Simulation, did: string): Promise<Mesh> => {
    const member = mesh.start(did);
    members.set(member.mesh, member);
    return member.mesh;
  };
  return {
    open: (did) => open(sim, did),
    openElsewhere: (did) => open(other, did),
    openReader: () => open(sim, READER),
    loseRecords: async () => sim.loseRecords(),
    cut: async (mesh) => members.get(mesh)!.cut(),
    heal: async (mesh) => members.get(mesh)!.heal(),
    async [Symbol.asyncDispose]() {
      for (const mesh of members.keys()) await mesh[Symbol.asyncDispose]();
      stop.abort();
      await Promise.all(passing);
    },
  };
}

meshContract('simulated, late and doubled', make, { isCuttable: true, hasReaders: true });

const bytes = (number: number): Uint8Array => Uint8Array.of(number);

/** Some members that talk, change records and are disturbed; what they heard, in order. */
async function history(seed: number): Promise<{ readonly hash: string; readonly heard: readonly string[] }> {
  const sim = new Simulation({ seed, faults: ROUGH });
  const heard: string[] = [];
  const members = ['a', 'b', 'c'].map((name) => sim.start(`did:key:${name}`));
  for (const { mesh, clock, did } of members) {
    mesh.presence.onBeat((from) => heard.push(`${did} ${clock.now()} beat of ${from}`));
    mesh.messages.onMessage((from, message) => heard.push(`${did} ${clock.now()} ${message[0]} of ${from}`));
    mesh.onLink(({ tag }) => heard.push(`${did} ${tag}`));
    const beat = (count: number): void => {
      mesh.presence.beat(bytes(count));
      mesh.messages.send(sim.random.pick(members).did, bytes(count));
      void mesh.records.put('key', bytes(count), count).then(
        (revision) => heard.push(`${did} put ${revision}`),
        (error: unknown) => heard.push(`${did} ${(error as Error).message}`),
      );
      if (count < 50) clock.after(500, () => beat(count + 1));
    };
    beat(0);
  }
  await sim.run(3_000);
  sim.partition([members[0]!, members[1]!]);
  await sim.run(5_000);
  sim.healAll();
  members[2]!.kill();
  await sim.run(20_000);
  return { hash: sim.timeline.history, heard };
}

test('the same seed gives the same history, another gives another', async () => {
  const [one, same, other] = [await history(7), await history(7), await history(8)];
  assert.deepEqual(one, same);
  assert.ok(one.heard.length > 100);
  assert.notEqual(one.hash, other.hash);
  assert.notDeepEqual(one.heard, other.heard);
});

test('messages are lost, doubled and overtake each other as often as was asked for, and by default never', async () => {
  const heardOf = async (sim: Simulation): Promise<number[]> => {
    const [a, b] = [sim.start('did:key:a'), sim.start('did:key:b')];
    const heard: number[] = [];
    b.mesh.messages.onMessage((_from, message) => heard.push(Buffer.from(message).readUInt16BE()));
    for (let count = 0; count < 2_000; count++) a.mesh.messages.send(b.did, Uint8Array.of(count >> 8, count & 255));
    await sim.run(10_000);
    return heard;
  };
  const calm = await heardOf(new Simulation());
  assert.equal(new Set(calm).size, 2_000);
  assert.equal(calm.length, 2_000);
  assert.notDeepEqual(
    calm,
    calm.toSorted((one, other) => one - other),
  );
  const rough = await heardOf(new Simulation({ faults: { drop: 0.1, twice: 0.2 } }));
  const different = new Set(rough).size;
  assert.ok(different > 1_700 && different < 1_900, `${different} of 2000 are not nine in ten`);
  assert.ok(rough.length - different > 250 && rough.length - different < 450, `${rough.length - different} doubles are not one in five`);
});

test('who is killed runs no line any more, and may come back', async () => {
  const sim = new Simulation();
  const [a, b] = [sim.start('did:key:a'), sim.start('did:key:b')];
  const lines: string[] = [];
  a.mesh.messages.onMessage(() => lines.push('heard'));
  a.mesh.messages.onQuestion(async () => bytes(1));
  a.mesh.onLink(() => lines.push('link'));
  a.clock.after(1_000, () => lines.push('timer'));
  const waiting = [a.mesh.records.put('key', bytes(1), 0), a.mesh.messages.ask('did:key:b', bytes(1), { patience: 100 })];
  for (const call of waiting) void call.finally(() => lines.push('call')).catch(() => undefined);
  void Array.fromAsync(a.mesh.records.watch('', new AbortController().signal)).finally(() => lines.push('watch'));
  b.mesh.messages.send(a.did, bytes(1));
  a.kill();
  b.mesh.messages.send(a.did, bytes(1));
  const refused = assert.rejects(b.mesh.messages.ask(a.did, bytes(1), { patience: 60_000 }), { code: 'MESH_NO_ANSWER' });
  await sim.settle(refused, 'the engine knows at once', 1_000);
  await sim.run(10_000);
  a.cut();
  await sim.run(10_000);
  assert.deepEqual(lines, []);
  assert.equal((await sim.settle(b.mesh.records.get('key')))?.value[0], 1, 'what it had sent is done all the same');

  const again = sim.start('did:key:a');
  const heard: number[] = [];
  again.mesh.messages.onMessage((_from, message) => heard.push(message[0]!));
  b.mesh.messages.send(a.did, bytes(2));
  a.mesh.messages.send(b.did, bytes(3));
  await sim.run(100);
  assert.deepEqual([heard, lines], [[2], []]);
});

test('what happens to who is frozen happens when it thaws', async () => {
  const sim = new Simulation();
  const [a, b] = [sim.start('did:key:a'), sim.start('did:key:b')];
  const lines: string[] = [];
  a.mesh.messages.onMessage((_from, message) => lines.push(`heard ${message[0]}`));
  const begun = a.clock.monotonic();
  a.clock.after(1_000, () => lines.push(`timer at ${a.clock.monotonic() - begun}`));
  a.clock.after(5_000, () => lines.push(`later at ${a.clock.monotonic() - begun}`));
  const cancel = a.clock.after(1_000, () => lines.push('cancelled'));
  a.freeze();
  b.mesh.messages.send(a.did, bytes(1));
  await sim.run(3_000);
  assert.deepEqual(lines, []);
  cancel();
  a.thaw();
  await sim.run(10_000);
  assert.deepEqual(lines, ['heard 1', 'timer at 3000', 'later at 5000']);
});

test('of a parted mesh the side without the engine hears itself, and knows', async () => {
  const sim = new Simulation();
  const members = ['a', 'b', 'c', 'd'].map((name) => sim.start(`did:key:${name}`));
  const [a, b, c, d] = members as [SimMember, SimMember, SimMember, SimMember];
  const heard: string[] = [];
  for (const { mesh, did } of members) mesh.messages.onMessage((from) => heard.push(`${did.at(-1)} of ${from.at(-1)}`));
  const sendAll = async (): Promise<string[]> => {
    heard.length = 0;
    for (const from of members) for (const to of members) if (from !== to) from.mesh.messages.send(to.did, bytes(1));
    await sim.run(100);
    return heard.toSorted();
  };
  sim.partition([a, b]);
  assert.deepEqual(await sendAll(), ['a of b', 'b of a', 'c of d', 'd of c']);
  await sim.run(2_000);
  assert.deepEqual(
    members.map(({ mesh }) => mesh.link.tag),
    ['down', 'down', 'up', 'up'],
  );
  a.cut();
  assert.deepEqual(await sendAll(), ['c of d', 'd of c']);
  await assert.rejects(sim.settle(a.mesh.records.get('key')), { code: 'MESH_UNREACHABLE' });
  assert.equal(await sim.settle(d.mesh.records.get('key')), undefined);
  sim.healAll();
  await sim.run(2_000);
  assert.ok(members.every(({ mesh }) => mesh.link.tag === 'up'));
  assert.equal((await sendAll()).length, 12);

  const links: string[] = [];
  c.mesh.onLink(({ tag }) => links.push(tag));
  c.cut();
  await sim.run(500);
  c.heal();
  await sim.run(5_000);
  assert.deepEqual(links, [], 'a cut that is shorter than it takes to notice is not told');
  assert.notEqual(a.clock.now(), b.clock.now(), 'clocks differ');
});

test('what is on its way when its ends are parted is lost', async () => {
  const sim = new Simulation({ faults: { delay: [10, 20] } });
  const [a, b] = [sim.start('did:key:a'), sim.start('did:key:b')];
  const heard: number[] = [];
  b.mesh.messages.onMessage((_from, message) => heard.push(message[0]!));
  const refused = assert.rejects(a.mesh.records.put('key', bytes(1), 0), { code: 'MESH_UNREACHABLE' });
  a.mesh.messages.send(b.did, bytes(1));
  await sim.run(5);
  a.cut();
  await sim.run(50);
  a.heal();
  a.mesh.messages.send(b.did, bytes(2));
  await sim.settle(refused);
  assert.deepEqual(heard, [2]);
  assert.equal(await sim.settle(b.mesh.records.get('key')), undefined);
});

test('who is cut off reads nothing new of journals and records', async () => {
  const sim = new Simulation();
  const [a, b] = [sim.start('did:key:a'), sim.start('did:key:b')];
  const { signal } = new AbortController();
  const entries = a.mesh.journals.read('j', 0, signal)[Symbol.asyncIterator]();
  const changes = a.mesh.records.watch('', signal)[Symbol.asyncIterator]();
  await sim.settle(b.mesh.journals.append('j', [bytes(1), bytes(2)]));
  const first = entries.next();
  await sim.settle(changes.next());
  await sim.settle(first);
  a.cut();
  await sim.settle(b.mesh.journals.append('j', [bytes(3)]));
  await sim.settle(b.mesh.records.put('key', bytes(1), 0));
  await sim.settle(entries.next(), 'an entry that had come before');
  let seen = 0;
  const note = (): number => seen++;
  const late = [entries.next().then(note), changes.next().then(note)];
  await sim.run(10_000);
  assert.equal(seen, 0);
  a.heal();
  await sim.settle(Promise.all(late));
});

test('what never comes about is said to, with the seed', async () => {
  const sim = new Simulation({ seed: 42 });
  await assert.rejects(
    sim.until(() => false, 'the end of time'),
    /seed 42: the end of time/,
  );
});
