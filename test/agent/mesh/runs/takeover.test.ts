import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { buildGuests } from '../../../../scripts/build-guests.ts';
import { driverOf } from '../../../../src/agent/mesh/runs/reached.ts';
import type { Vault } from '../../../../src/agent/mesh/runs/vault.ts';
import { DocketError } from '../../../../src/errors.ts';
import { ofBlob } from '../../../../src/ipld/cid.ts';
import { decodeRunRecord, encodeRunRecord, keyOfRun, type RunRecord } from '../../../../src/protocol/mesh/run-record.ts';
import { chain, FAN, Lab, LOOP, type Member } from './member.ts';

/** Runs whose coordinator is killed, cut off, stopped or comes back. */

before(() => buildGuests());

test('a run of a killed coordinator is finished by another, which runs nothing again that was finished', async () => {
  await using lab = new Lab();
  const a = await lab.member('a');
  const b = await lab.member('b');
  const run = await a.submit(FAN(6));
  await lab.until(async () => (await a.record(run))!.isSecured, 'others have what it needs');
  assert.deepEqual((await a.record(run))!.coordinator, { did: 'did:key:a', incarnation: 'I1' });
  await lab.until(() => (a.engine.ledger.runTally(run).find(({ state }) => state === 'ok')?.count ?? 0) === 6, 'all but one are finished');
  const reader = b.follow(run);
  await lab.until(() => reader.events.filter(({ kind }) => kind === 'settled').length === 6, 'it is told');
  const around = { records: b.mesh.records, clock: lab.clock };
  const driver = async (): ReturnType<typeof driverOf> => await driverOf(run, around, new AbortController().signal);
  const first = await driver();
  assert.ok(typeof first === 'object' && first.did === 'did:key:a');
  await a.kill();
  await lab.until(() => b.active.size === 1, 'it is taken over');
  const after = await driver();
  assert.ok(typeof after === 'object' && after.did === 'did:key:b' && after.revision > first.revision);
  assert.equal(await driverOf('another', around, new AbortController().signal), 'nobody');
  assert.equal(await driverOf(run, around, AbortSignal.abort()), undefined);
  assert.deepEqual((await b.record(run))!.coordinator, { did: 'did:key:b', incarnation: 'I1' });
  await lab.until(() => reader.events.filter(({ kind }) => kind === 'settled').length === 12, 'they are found');
  await lab.until(() => [...b.engine.ledger.runTasks(run)].length >= 6, 'what was found is filed');
  const rows = [...b.engine.ledger.runTasks(run)];
  assert.deepEqual(
    rows.map(({ label, via, attempts }) => [label, via, attempts]).filter(([label]) => label !== 'slow'),
    Array.from({ length: 6 }, (_, i) => [`q${i}`, 'declared', 0]),
  );
  assert.equal(await lab.after(b.runs.cancel(run, new AbortController().signal)), 'cancelled');
  await lab.after(reader.done);
  assert.deepEqual(numbersOf(reader.events), count(reader.events.length), 'no number twice, none left out');
  assert.equal(reader.events.at(-1)!.kind, 'ended');
});

test('a chain that is cut in the middle is completed, and every member tells the same of it', async () => {
  await using lab = new Lab();
  const a = await lab.member('a');
  const b = await lab.member('b');
  const c = await lab.member('c');
  const run = await a.submit(chain(40));
  await lab.until(async () => (await a.record(run))!.isSecured);
  await lab.until(() => lab.results.filter(({ kind }) => kind === 'receipt').length >= 5, 'some of it is finished');
  await a.kill();
  await lab.until(async () => (await b.record(run))?.state === 'completed', 'it is completed');
  for (const member of [b, c]) {
    await lab.until(() => member.meshRuns.table.get(run)?.record.state === 'completed');
    const view = await lab.after(member.runs.find(run));
    assert.equal(view.state, 'completed');
    assert.equal(view.tasks!.total, 40);
    assert.equal(view.tasks!.ran + view.tasks!.cached, 40);
    assert.ok(view.tasks!.cached >= 5, 'what was finished is found');
    const { tasks } = await lab.after(member.runs.tasks(run, { from: 0, limit: 100 }));
    assert.ok(tasks.every(({ state }) => state === 'ok' || state === 'cached'));
    assert.deepEqual(
      (await lab.after(member.runs.list({ limit: 10 }))).map((one) => [one.run, one.state]),
      [[run, 'completed']],
    );
  }
});

test('who takes a run over gets inputs when a task needs them, and not before', async () => {
  await using lab = new Lab();
  const a = await lab.member('a');
  const b = await lab.member('b');
  const [known, unknown] = ['known', 'unknown'].map((word) => Buffer.from(`${word} `.repeat(20_000))) as [Buffer, Buffer];
  for (const bytes of [known, unknown]) await a.engine.store.put(bytes);
  const one = (bytes: Buffer): string => `{ module: org.example.count-words, stdin: { cid: ${ofBlob(bytes)} } }`;
  const earlier = await a.submit(`tasks: { known: ${one(known)} }`);
  await lab.until(async () => (await a.record(earlier))?.state === 'completed');
  const heard = lab.results.length;
  const run = await a.submit(
    `tasks:\n  known: ${one(known)}\n  unknown: ${one(unknown)}\n  slow: { module: org.example.loop, limits: { time: 10min } }\n`,
  );
  await lab.until(async () => (await a.record(run))!.isSecured, 'others have what it needs');
  await lab.until(() => finishedAt(a, run) === 2, 'all but one are finished');
  // Of the second nobody hears.
  lab.results.splice(heard);
  await a.kill();
  await lab.until(() => finishedAt(b, run) === 2, 'it goes on elsewhere');
  assert.deepEqual(
    [...b.engine.ledger.runTasks(run)].map(({ label, via }) => [label, via]).filter(([label]) => label !== 'slow'),
    [
      ['known', 'declared'],
      ['unknown', 'ran'],
    ],
  );
  assert.deepEqual(await b.engine.store.missing([ofBlob(known), ofBlob(unknown)]), [ofBlob(known)]);
  assert.equal((await b.record(run))!.isSecured, true, 'it can be taken over again');
  assert.equal(await lab.after(b.runs.cancel(run, new AbortController().signal)), 'cancelled');
});

function finishedAt({ engine }: Pick<Member, 'engine'>, run: string): number {
  return [...engine.ledger.runTasks(run)].filter(({ state }) => state === 'ok').length;
}

test('of two members that could go on with a run one does', async () => {
  await using lab = new Lab();
  const a = await lab.member('a');
  const others = [await lab.member('b'), await lab.member('c'), await lab.member('d')];
  const runs: string[] = [];
  for (let i = 0; i < 6; i++) runs.push(await a.submit(LOOP.replace('10min', `${10 + i}min`)));
  await a.kill();
  await lab.until(() => others.reduce((sum, { active }) => sum + active.size, 0) === 6, 'all are taken over');
  lab.clock.advance(3_000);
  await lab.until(async () =>
    (await Promise.all(runs.map((run) => others[0]!.record(run)))).every((record) => record?.coordinator?.did !== 'did:key:a'),
  );
  assert.equal(
    others.reduce((sum, { active }) => sum + active.size, 0),
    6,
  );
  for (const run of runs) {
    const driving = others.filter(({ meshRuns }) => meshRuns.drive(run)?.isHeld === true);
    assert.deepEqual(
      driving.map(({ mesh }) => mesh.self),
      [(await others[0]!.record(run))!.coordinator!.did],
    );
    for (const member of others) assert.equal((await lab.after(member.runs.find(run))).state, 'running');
  }
});

test('a coordinator that was cut off and lost its run stops, and says who has it', async () => {
  await using lab = new Lab();
  const a = await lab.member('a');
  const b = await lab.member('b');
  const run = await a.submit(FAN(2));
  await lab.until(() => (a.engine.ledger.runTally(run)[0]?.count ?? 0) === 2);
  lab.delivery.cut('did:key:a');
  await lab.until(() => b.active.size === 1, 'it is taken over');
  assert.equal(a.active.size, 1, 'who is cut off goes on');
  lab.delivery.mend('did:key:a');
  await lab.until(() => a.active.size === 0, 'it is stopped');
  const row = a.engine.ledger.run(run)!;
  assert.equal(row.state, 'interrupted');
  assert.equal((row.options as { readonly elsewhere?: boolean }).elsewhere, true);
  await lab.until(() => a.meshRuns.table.get(run)?.record.coordinator?.did === 'did:key:b');
  const view = await lab.after(a.runs.find(run));
  assert.deepEqual([view.state, view.coordinator], ['running', 'did:key:b']);
  assert.equal(await lab.after(a.runs.cancel(run, new AbortController().signal)), 'cancelled');
  await lab.until(() => a.engine.ledger.run(run)!.state === 'cancelled', 'its row says so too');
  assert.equal(b.engine.ledger.run(run)!.state, 'cancelled');
});

test('a run that was lost before it was secured goes on as soon as the one that has what it needs is there again', async () => {
  await using lab = new Lab();
  const a = await lab.member('a', { vault: (vault) => ({ ...vault, put: async () => false }) });
  const b = await lab.member('b');
  const run = await a.submit(LOOP);
  await lab.until(async () => (await a.record(run)) !== undefined);
  lab.delivery.cut('did:key:a');
  await lab.until(() => b.told.some(({ kind }) => kind === 'untaken'), 'nobody else has its plan');
  // It takes no run again itself.
  a.isDraining = true;
  lab.delivery.mend('did:key:a');
  await lab.until(() => b.active.size === 1, 'it is brought from there');
  assert.equal(await lab.after(b.runs.cancel(run, new AbortController().signal)), 'cancelled');
});

/** Time goes on, and everybody has their turn. */
async function pass(lab: Lab, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 30_000) {
    lab.clock.advance(30_000);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const never = { vault: (vault: Vault): Vault => ({ ...vault, put: async () => false }) };

test('it waits for that one, however often the others look, and says so', async () => {
  await using lab = new Lab();
  const a = await lab.member('a', never);
  const [b, c] = [await lab.member('b'), await lab.member('c')];
  const run = await a.submit(LOOP);
  await lab.until(async () => (await a.record(run)) !== undefined);
  lab.delivery.cut('did:key:a');
  await lab.until(async () => (await b.record(run))!.awaits === 'did:key:a' && (await b.record(run))!.coordinator === null, 'it waits');
  assert.equal((await b.runs.find(run)).awaits, 'did:key:a');
  const looks = b.told.length + c.told.length;
  await pass(lab, 60 * 60_000);
  assert.equal(b.told.length + c.told.length, looks, 'nobody tries in vain');
  const { state, tries } = (await b.record(run))!;
  assert.deepEqual([state, tries], ['running', 0]);
  await assert.rejects(lab.after(c.meshRuns.resume(run, { isTrusted: true })), /was not secured yet when did:key:a was lost/);
  assert.equal((await b.record(run))!.awaits, 'did:key:a', 'whoever asks for it in vain changes nothing');
  lab.delivery.mend('did:key:a');
  await lab.until(async () => (await b.record(run))!.coordinator?.did === 'did:key:a', 'it goes on there');
  await lab.until(async () => (await b.record(run))!.awaits === undefined);
  assert.equal(await lab.after(a.runs.cancel(run, new AbortController().signal)), 'cancelled');
});

test('it has failed when that one does not come back for a day', async () => {
  await using lab = new Lab();
  const a = await lab.member('a', never);
  const b = await lab.member('b');
  const run = await a.submit(LOOP);
  await lab.until(async () => (await a.record(run)) !== undefined);
  lab.delivery.cut('did:key:a');
  await lab.until(async () => (await b.record(run))!.awaits === 'did:key:a' && (await b.record(run))!.coordinator === null, 'it waits');
  await pass(lab, 23 * 60 * 60_000);
  assert.equal((await b.record(run))!.state, 'running');
  await pass(lab, 60 * 60_000);
  await lab.until(async () => (await b.record(run))!.state === 'failed', 'it has an end', 1_000);
  assert.equal((await b.record(run))!.failure?.code, 'BLOB_MISSING');
});

test('a run that ends while the mesh is away has its end when it is back', async () => {
  await using lab = new Lab();
  const a = await lab.member('a');
  const b = await lab.member('b');
  b.isDraining = true;
  const run = await a.submit(chain(30));
  lab.delivery.cut('did:key:a');
  const reader = a.follow(run);
  await lab.until(() => a.engine.ledger.run(run)!.state === 'completed', 'it goes on alone');
  await lab.after(reader.done, 'it is told here');
  assert.equal((await b.record(run))!.state, 'running');
  lab.delivery.mend('did:key:a');
  await lab.until(async () => (await b.record(run))!.state === 'completed', 'the mesh knows');
  const late = b.follow(run);
  await lab.after(late.done);
  assert.deepEqual(numbersOf(late.events), count(late.events.length));
  assert.equal(JSON.parse(late.events.at(-1)!.data).state, 'completed');
});

test('who stops hands its runs over in order, and no death is counted', async () => {
  await using lab = new Lab();
  const a = await lab.member('a');
  const b = await lab.member('b');
  const run = await a.submit(FAN(1));
  const reader = b.follow(run);
  await lab.until(() => (a.engine.ledger.runTally(run)[0]?.count ?? 0) === 1);
  a.isDraining = true;
  b.isDraining = true;
  await lab.after(a.meshRuns.drain('it is drained'));
  assert.equal(a.active.size, 1, 'nobody would go on with it');
  b.isDraining = false;
  const handed = reader.events.at(-1)!.seq;
  await lab.after(a.meshRuns.drain('it is drained'));
  assert.equal(a.active.size, 0);
  await lab.until(() => b.active.size === 1, 'it is taken over');
  const record = (await b.record(run))!;
  assert.deepEqual([record.deaths, record.tries, record.coordinator!.did], [0, 0, 'did:key:b']);
  await lab.until(() => reader.events.some(({ kind, seq }) => kind === 'planned' && seq > handed), 'what it told before was read');
  assert.deepEqual(
    reader.events.filter(({ kind, data }) => kind === 'settled' && JSON.parse(data).state !== 'ok'),
    [],
    'what it let go of has not ended',
  );
  assert.equal((await a.record(run))!.counts.cancelled, 0);
  assert.deepEqual(
    a.told.map(({ kind }) => kind),
    ['released'],
  );
  await lab.after(b.runs.cancel(run, new AbortController().signal));
  await lab.after(reader.done);
  assert.deepEqual(numbersOf(reader.events), count(reader.events.length));
  assert.equal(reader.events.filter(({ kind }) => kind === 'ended').length, 1);
});

test('who leaves while it takes a run over lets go of it, and another goes on at once', async () => {
  await using lab = new Lab();
  const a = await lab.member('a');
  const [asked, answered] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const vault = (same: Vault): Vault => ({
    ...same,
    bring: async (cid) => {
      asked.resolve();
      await answered.promise;
      await same.bring(cid, new AbortController().signal);
    },
  });
  const b = await lab.member('b', { vault });
  const c = await lab.member('c');
  c.isDraining = true;
  const run = await a.submit(LOOP);
  await lab.until(async () => (await a.record(run))!.isSecured);
  await a.kill();
  await lab.after(asked.promise, 'it is being taken');
  const leaving = b[Symbol.asyncDispose]();
  answered.resolve();
  await lab.until(async () => (await c.record(run))!.coordinator === null, 'nobody has it');
  const { deaths, tries } = (await c.record(run))!;
  assert.deepEqual([deaths, tries], [1, 0]);
  c.isDraining = false;
  await lab.until(() => c.active.size === 1, 'another goes on with it');
  await lab.after(leaving);
});

test('a run that nobody can take up while the engine is in trouble is no worse for that, and goes on when it is over', async () => {
  await using lab = new Lab();
  const a = await lab.member('a');
  const b = await lab.member('b');
  const run = await a.submit(LOOP);
  await lab.until(async () => (await a.record(run))!.isSecured);
  // Streams have leaders of their own: the records may be there while the journals are not, and the other way round.
  const append = b.mesh.journals.append.bind(b.mesh.journals);
  const put = b.mesh.records.put.bind(b.mesh.records);
  const away = async (): Promise<never> => await Promise.reject(new DocketError('MESH_UNREACHABLE', 'no leader'));
  let mayLetGo = true;
  b.mesh.journals.append = away;
  b.mesh.records.put = async (key, value, revision) => {
    const record = decodeRunRecord(key, value);
    if (!mayLetGo && !('refused' in record) && record.coordinator === null) await away();
    return await put(key, value, revision);
  };
  await a.kill();
  const untaken = (): number => b.told.filter(({ kind }) => kind === 'untaken').length;
  const began = lab.clock.monotonic();
  await lab.until(() => untaken() === 5, 'it could not five times', 250);
  assert.ok(lab.clock.monotonic() - began > 20_000, 'the more often, the longer it waits');
  mayLetGo = false;
  await lab.until(() => untaken() === 12, 'and seven more times in which it could not say that', 250);
  const { state, tries, deaths } = (await b.record(run))!;
  assert.deepEqual([state, tries, deaths], ['running', 0, 1]);
  mayLetGo = true;
  b.mesh.journals.append = append;
  await lab.until(() => b.active.size === 1, 'it goes on', 100);
});

test('a run that outlives no coordinator is given up', async () => {
  await using lab = new Lab();
  const onlooker = await lab.member('z');
  onlooker.isDraining = true;
  const members: Member[] = [];
  for (const name of 'abcde') members.push(await lab.member(name));
  const run = await members[0]!.submit(LOOP);
  const reader = onlooker.follow(run);
  for (let killed = 0; killed < members.length; killed++) {
    const victim = (): Member | undefined => members.find(({ active, isGone }) => active.size === 1 && !isGone);
    await lab.until(() => victim() !== undefined, 'it is driven');
    await victim()!.kill();
  }
  onlooker.isDraining = false;
  await lab.until(async () => (await onlooker.record(run))!.state === 'failed', 'it is given up');
  assert.equal((await lab.after(onlooker.runs.find(run))).failure!.code, 'RUN_GIVEN_UP');
  await lab.after(reader.done);
  assert.equal(JSON.parse(reader.events.at(-1)!.data).state, 'failed');
  const { counts } = (await onlooker.record(run))!;
  assert.deepEqual([counts.total, counts.cancelled], [1, 1], 'its counts add up to its tasks');
  assert.equal(onlooker.active.size, 0);
});

function numbersOf(events: readonly { readonly seq: number }[]): number[] {
  return events.map(({ seq }) => seq);
}

function count(length: number): number[] {
  return Array.from({ length }, (_, i) => i + 1);
}

test('what a run was asked for goes with it', async () => {
  await using lab = new Lab();
  const a = await lab.member('a');
  const b = await lab.member('b');
  const run = await a.submit(FAN(2), { options: { failFast: true, awaitTime: 1_000, weight: 2.5 } });
  await lab.until(async () => (await a.record(run))!.isSecured, 'others have what it needs');
  assert.deepEqual((await a.record(run))!.asked, { slots: null, force: null, failFast: true, awaitTime: 1_000, weight: 2.5 });
  await a.kill();
  await lab.until(() => b.active.size === 1, 'it is taken over');
  await lab.until(() => b.engine.ledger.run(run) !== undefined);
  const { agent, failFast, awaitTime, weight } = b.engine.ledger.run(run)!.options as Record<string, unknown>;
  assert.deepEqual({ agent, failFast, awaitTime, weight }, { agent: true, failFast: true, awaitTime: 1_000, weight: 2.5 });
  assert.equal(await lab.after(b.runs.cancel(run, new AbortController().signal)), 'cancelled');
});

test('a run that is asked for twice at one member, or while it takes it over, is taken once', async () => {
  await using lab = new Lab();
  const a = await lab.member('a');
  const b = await lab.member('b');
  b.isDraining = true;
  const run = await a.submit(LOOP);
  await lab.until(async () => (await a.record(run))!.isSecured);
  await a.kill();
  const ask = async (): Promise<string> =>
    await b.meshRuns.resume(run, { isTrusted: true }).then(
      () => 'goes on',
      (error: unknown) => (error as DocketError).code,
    );
  const first = ask();
  await lab.until(async () => (await b.record(run))!.coordinator?.did === 'did:key:b', 'its record names it');
  assert.deepEqual(await lab.after(Promise.all([first, ask()])), ['goes on', 'RUN_BUSY']);
  assert.equal(b.engine.ledger.failure, undefined);
  assert.equal(await lab.after(b.runs.cancel(run, new AbortController().signal)), 'cancelled');
});

for (const hadIt of [false, true]) {
  test(`a record gives the plan that it names no rights${hadIt ? ', also where the run was driven once with another' : ''}`, async () => {
    await using lab = new Lab();
    const a = await lab.member('a');
    const other = await lab.member('other');
    const granted = await other.submit('tasks: { t: { module: org.example.count-words, stdin: x, grant: [clock, random] } }\n');
    await lab.until(async () => (await a.record(granted))?.state === 'completed', 'its owner may have it run');
    const template = (await a.record(granted))!;
    await other.kill();
    const run = hadIt ? await a.submit(LOOP) : '01K00000000000000000000009';
    if (hadIt) {
      await lab.until(async () => (await a.record(run))?.isSecured === true);
      await lab.after(a.runs.cancel(run, new AbortController().signal));
      await lab.until(async () => (await a.record(run))?.state === 'cancelled');
    }
    const { records } = lab.mesh.join('did:key:stranger');
    const forged: RunRecord = { ...template, run, state: 'running', coordinator: null, epoch: undefined, finished: null, tries: 5 };
    assert.ok(await records.put(keyOfRun(run), encodeRunRecord(forged), (await records.get(keyOfRun(run)))?.revision ?? 0));
    await lab.until(async () => (await a.record(run))?.state !== 'running', 'it is tried until it is given up');
    const { state, failure } = (await a.record(run))!;
    assert.deepEqual([state, failure?.code], ['failed', 'PERMISSION_DENIED']);
  });
}

const GRANTED = LOOP.replace('limits:', 'grant: [clock], limits:');

test('a run with grants goes on elsewhere, since the agent that took it from somebody who may give them says so', async () => {
  await using lab = new Lab();
  const [a, b] = [await lab.member('a'), await lab.member('b')];
  const run = await a.submit(GRANTED);
  await lab.until(async () => (await a.record(run))!.isSecured);
  assert.equal((await a.record(run))!.voucher?.by, a.engine.key.did);
  await a.kill();
  await lab.until(async () => (await b.record(run))!.coordinator?.did === 'did:key:b' && b.active.log(run) !== undefined, 'b drives it');
  const record = (await b.record(run))!;
  assert.deepEqual([record.state, record.tries, record.voucher?.by], ['running', 0, a.engine.key.did]);
  assert.equal(await lab.after(b.runs.cancel(run, new AbortController().signal)), 'cancelled');
});

for (const kind of ['of an agent that is not believed', 'that was altered', 'of another plan', 'of another run'] as const) {
  test(`a word ${kind} gives a run no rights`, async () => {
    await using lab = new Lab();
    const [a, b] = [await lab.member('a'), await lab.member('b')];
    const [run, other] = [await a.submit(GRANTED), await a.submit(GRANTED.replace('grant: [clock]', 'grant: [random]'))];
    for (const one of [run, other]) await lab.until(async () => (await a.record(one))!.isSecured);
    const [record, another] = [(await a.record(run))!, (await a.record(other))!];
    await a.kill();
    a.isBelieved = kind !== 'of an agent that is not believed';
    const { voucher } = record;
    const signature = kind === 'that was altered' ? voucher!.signature.toReversed() : voucher!.signature;
    const forged: RunRecord = {
      ...record,
      coordinator: null,
      epoch: undefined,
      tries: 6,
      ...(kind === 'of another plan' ? { plan: another.plan } : {}),
      voucher: kind === 'of another run' ? another.voucher : { ...voucher!, signature },
    };
    const { records } = lab.mesh.join('did:key:stranger');
    const key = keyOfRun(run);
    assert.ok(await records.put(key, encodeRunRecord(forged), (await records.get(key))!.revision));
    await lab.until(async () => (await b.record(run))?.state !== 'running', 'it is given up');
    assert.equal((await b.record(run))!.failure?.code, 'PERMISSION_DENIED');
  });
}
