import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isDocketError } from '../../src/errors.ts';
import { CALM, ROUGH } from './faulty-delivery.ts';
import { isLinearizable, type RecordCall } from './linearizable.ts';
import { Simulation, type SimMember } from './simulation.ts';

/** What must hold of records, results and journals, however late, lossy and parted the mesh. */

const KEYS = ['run.a', 'run.b'];
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();
const nextTime = ({ clock }: SimMember, ms: number): Promise<void> => new Promise((resolve) => void clock.after(ms, resolve));

async function underSeeds(runs: number, body: (sim: Simulation, members: readonly SimMember[]) => Promise<void>): Promise<void> {
  await fc.assert(
    fc.asyncProperty(fc.integer(), async (seed) => {
      const sim = new Simulation({ seed, faults: ROUGH });
      const members = ['a', 'b', 'c', 'd'].map((name) => sim.start(`did:key:${name}`));
      await body(sim, members);
    }),
    { numRuns: runs },
  );
}

/** Cuts, partitions and freezes some of them now and then, until the work is done; then all is well. */
async function disturb(sim: Simulation, members: readonly SimMember[], work: readonly Promise<void>[]): Promise<void> {
  const running = new Set(work);
  for (const each of work) void each.finally(() => running.delete(each)).catch(() => undefined);
  while (running.size > 0) {
    const member = sim.random.pick(members);
    const kind = sim.random.index(6);
    if (kind === 0) member.cut();
    if (kind === 1) sim.partition(members.filter(() => sim.random.chance(0.4)));
    if (kind === 2) member.freeze();
    if (kind === 3) member.thaw();
    if (kind >= 4) sim.healAll();
    await sim.run(sim.random.between(10, 3_000));
    assert.ok(sim.timeline.moment < 3_000_000, 'the work never ends');
  }
  await Promise.all(work);
  for (const each of members) each.thaw();
  sim.healAll();
  sim.setFaults(CALM);
  await sim.run(20_000);
}

/** What came of a call; undefined if that is not known. */
async function tried<Result>(call: Promise<Result>): Promise<{ readonly came: Result } | undefined> {
  try {
    return { came: await call };
  } catch (error) {
    assert.ok(isDocketError(error, 'MESH_UNREACHABLE'), String(error));
    return undefined;
  }
}

test('records are linearizable by key', async () => {
  await underSeeds(60, async (sim, members) => {
    const histories = new Map(KEYS.map((key) => [key, [] as RecordCall[]]));
    let values = 0;
    const work = members.map(async (member) => {
      const known = new Map<string, number>();
      for (let step = 0; step < 7; step++) {
        const key = sim.random.pick(KEYS);
        const { records } = member.mesh;
        const begun = sim.timeline.moment;
        const note = (asked: RecordCall['asked'], came: RecordCall['came']): void => {
          const ended = came === 'unknown' ? Infinity : sim.timeline.moment;
          histories.get(key)!.push({ begun, ended, asked, came });
        };
        const expected = known.get(key) ?? 0;
        const verb = sim.random.pick(['get', 'put', 'put', 'delete'] as const);
        if (verb === 'get') {
          const got = await tried(records.get(key));
          if (got !== undefined) known.set(key, got.came?.revision ?? 0);
          const came = got?.came && { value: text(got.came.value), revision: got.came.revision };
          note({ verb }, got === undefined ? 'unknown' : (came ?? 'nothing'));
        } else if (verb === 'put') {
          const value = `${values++}`;
          const put = await tried(records.put(key, Buffer.from(value), expected));
          if (put?.came !== undefined) known.set(key, put.came);
          note({ verb, expected, value }, put === undefined ? 'unknown' : put.came === undefined ? 'refused' : { revision: put.came });
        } else {
          const gone = await tried(records.delete(key, expected));
          if (gone?.came === true) known.set(key, 0);
          note({ verb, expected }, gone === undefined ? 'unknown' : gone.came ? { revision: 0 } : 'refused');
        }
        await nextTime(member, sim.random.between(0, 50));
      }
    });
    await disturb(sim, members, work);
    for (const [key, calls] of histories) assert.ok(isLinearizable(calls), `${key}: ${JSON.stringify(calls)}`);
  });
});

test('watches come to how things stand, and never go back', async () => {
  await underSeeds(40, async (sim, members) => {
    const stop = new AbortController();
    const views = members.map(({ mesh }) => {
      const view = new Map<string, number>();
      const newest = new Map<string, number>();
      let isCurrent = false;
      const watch = async (): Promise<void> => {
        for await (const change of mesh.records.watch('run', stop.signal)) {
          if (change.kind === 'current') {
            assert.ok(!isCurrent, 'once');
            isCurrent = true;
            continue;
          }
          assert.ok(change.revision >= (newest.get(change.key) ?? 0), 'an older one after a newer one');
          newest.set(change.key, change.revision);
          if (change.kind === 'put') view.set(change.key, change.revision);
          else view.delete(change.key);
        }
      };
      return { view, watching: watch(), isCurrent: () => isCurrent };
    });
    const work = members.map(async (member) => {
      const { records } = member.mesh;
      for (let step = 0; step < 10; step++) {
        const key = sim.random.pick([...KEYS, 'run.c', 'runs.x']);
        const got = await tried(records.get(key));
        const revision = got?.came?.revision ?? 0;
        if (sim.random.chance(0.3)) await tried(records.delete(key, revision));
        else await tried(records.put(key, Buffer.from('x'), revision));
      }
    });
    await disturb(sim, members, work);
    const stands = await sim.settle(members[0]!.mesh.records.list('run'));
    const wanted = stands.map(({ key, revision }) => `${key} ${revision}`).toSorted();
    for (const { view, isCurrent } of views) {
      assert.ok(isCurrent());
      assert.deepEqual([...view].map(([key, revision]) => `${key} ${revision}`).toSorted(), wanted);
    }
    stop.abort();
    await sim.settle(Promise.all(views.map(({ watching }) => watching)));
  });
});

test('journals lose nothing that was acknowledged, and every reader reads the same', async () => {
  await underSeeds(40, async (sim, members) => {
    const stop = new AbortController();
    const readers = members.map(({ mesh }) => {
      const read: string[] = [];
      const follow = async (): Promise<void> => {
        for await (const { seq, entry } of mesh.journals.read('j', 0, stop.signal)) read.push(`${seq} ${text(entry)}`);
      };
      return { read, following: follow() };
    });
    const acknowledged: string[][] = [];
    const sent = new Set<string>();
    const work = members.map(async (member) => {
      for (let batch = 0; batch < 10; batch++) {
        const entries = [0, 1, 2].map((entry) => `${member.did} ${batch} ${entry}`);
        for (const entry of entries) sent.add(entry);
        if (
          (await tried(
            member.mesh.journals.append(
              'j',
              entries.map((entry) => Buffer.from(entry)),
            ),
          )) !== undefined
        )
          acknowledged.push(entries);
      }
    });
    await disturb(sim, members, work);
    const [first] = readers;
    const entries = first!.read.map((line) => line.slice(line.indexOf(' ') + 1));
    assert.equal(new Set(entries).size, entries.length, 'each once');
    assert.deepEqual(
      entries.filter((entry) => !sent.has(entry)),
      [],
    );
    for (const batch of acknowledged) {
      const at = entries.indexOf(batch[0]!);
      assert.deepEqual(entries.slice(at, at + batch.length), batch);
    }
    for (const { did } of members) {
      const order = acknowledged.flat().filter((entry) => entry.startsWith(did));
      const mine = new Set(order);
      assert.deepEqual(
        entries.filter((entry) => mine.has(entry)),
        order,
        'what was appended after an acknowledgement comes after',
      );
    }
    for (const { read } of readers) assert.deepEqual(read, first!.read);
    stop.abort();
    await sim.settle(Promise.all(readers.map(({ following }) => following)));
  });
});

test('results that were acknowledged are found, or newer ones of the same issuer', async () => {
  await underSeeds(40, async (sim, members) => {
    const key = (number: number): Uint8Array => new Uint8Array(32).fill(number);
    const acknowledged = new Map<string, number>();
    const work = members.map(async (member) => {
      for (let count = 1; count <= 15; count++) {
        const number = sim.random.index(3);
        const filed = await tried(member.mesh.results.file([{ key: key(number), issuer: member.did, value: Buffer.from(`${count}`) }]));
        if (filed !== undefined) acknowledged.set(`${number} ${member.did}`, count);
      }
    });
    await disturb(sim, members, work);
    const { results } = members[0]!.mesh;
    for (const number of [0, 1, 2]) {
      const all = await sim.settle(results.all(key(number)));
      const [latest] = await sim.settle(results.latest([key(number)]));
      assert.equal(
        all.some(({ issuer, value }) => issuer === latest?.issuer && text(value) === text(latest.value)),
        all.length > 0,
      );
      for (const { did } of members) {
        const last = acknowledged.get(`${number} ${did}`);
        if (last === undefined) continue;
        const found = all.filter(({ issuer }) => issuer === did);
        assert.ok(found.length === 1 && Number(text(found[0]!.value)) >= last);
      }
    }
  });
});

test('questions end with their own answer, or with the right refusal', async () => {
  await underSeeds(30, async (sim, members) => {
    for (const { mesh, did } of members)
      mesh.messages.onQuestion(async (from, question) => Buffer.from(`${did} to ${from}: ${text(question)}`));
    const work = members.map(async (member) => {
      for (let count = 0; count < 15; count++) {
        const to = sim.random.pick(members);
        const begun = member.clock.monotonic();
        try {
          const answer = await member.mesh.messages.ask(to.did, Buffer.from(`${count}`), { patience: 500 });
          assert.equal(text(answer), `${to.did} to ${member.did}: ${count}`);
        } catch (error) {
          assert.ok(isDocketError(error, 'MESH_NO_ANSWER') || isDocketError(error, 'MESH_UNREACHABLE'), String(error));
          assert.ok(member.clock.monotonic() - begun >= 500, 'who has a handler is given time');
        }
      }
    });
    await disturb(sim, members, work);
  });
});
