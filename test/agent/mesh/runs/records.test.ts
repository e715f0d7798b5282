import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { buildGuests } from '../../../../scripts/build-guests.ts';
import { DocketError } from '../../../../src/errors.ts';
import { encode } from '../../../../src/ipld/dag-cbor.ts';
import { withEpoch } from '../../../../src/agent/drive-epoch.ts';
import { encodeEntry, journalOf } from '../../../../src/protocol/mesh/run-entry.ts';
import { decodeRunRecord, encodeRunRecord, keyOfRun, type RunRecord } from '../../../../src/protocol/mesh/run-record.ts';
import type { EventView } from '../../../../src/protocol/records.ts';
import { chain, FAN, Lab, LOOP } from './member.ts';

/** Any member answers for any run; keys of submissions hold for all; what others write is not believed. */

before(() => buildGuests());

const never = new AbortController().signal;

test('a run is looked at, followed and cancelled from a member that has nothing to do with it', async () => {
  await using lab = new Lab();
  const a = await lab.member('a');
  const b = await lab.member('b');
  const run = await a.submit(FAN(2));
  const reader = b.follow(run);
  await lab.until(() => reader.events.filter(({ kind }) => kind === 'settled').length === 2);
  assert.equal((await lab.after(b.runs.find('last'))).run, run);
  const found = await lab.after(b.runs.find(run));
  assert.deepEqual([found.state, found.coordinator], ['running', 'did:key:a']);
  assert.equal(found.tasks?.ran, 2);
  const { tasks } = await lab.after(b.runs.tasks(run, { from: 0, limit: 10 }));
  assert.deepEqual(
    tasks.map(({ label, state }) => [label, state]),
    [
      ['q0', 'ok'],
      ['q1', 'ok'],
      ['slow', 'running'],
    ],
  );
  assert.equal((await lab.after(b.runs.graph(run))).tasks.length, 3);
  for (const { runs } of [a, b]) {
    const { label, why } = await lab.after(runs.why(run, 'q0'));
    assert.deepEqual([label, why.kind === 'ran' && why.issuer], ['q0', a.engine.key.did], 'who signed it, also if that is the coordinator');
  }
  const alone = (await a.local.why(run, 'q0')).why;
  assert.equal('issuer' in alone, false, 'what is of no mesh has no others');
  const logs = await lab.after(Array.fromAsync(b.runs.logs(run)));
  assert.deepEqual(logs.map(({ label }) => label).toSorted(), ['q0', 'q1']);
  assert.equal(await lab.after(b.runs.cancel(run, never)), 'cancelled');
  await lab.after(reader.done);
  assert.equal(a.engine.ledger.run(run)!.state, 'cancelled');
  await lab.until(async () => (await b.record(run))!.state === 'cancelled');
  await lab.after(b.runs.delete(run));
  await lab.until(() => a.engine.ledger.run(run) === undefined, 'it is forgotten everywhere');
  await assert.rejects(lab.after(a.runs.find(run)), { code: 'RUN_UNKNOWN' });
  await assert.rejects(lab.after(b.runs.find(run)), { code: 'RUN_UNKNOWN', message: /^the mesh \S+ knows no run .*in this home/ });
});

test('of a task that ran before its run was taken over that is said, though nothing wanted it any more', async () => {
  await using lab = new Lab();
  const a = await lab.member('a');
  const b = await lab.member('b');
  const run = await a.submit(chain(40));
  const reader = b.follow(run);
  await lab.until(async () => (await a.record(run))!.isSecured);
  await lab.until(() => reader.events.filter(({ kind }) => kind === 'settled').length >= 5, 'some of it is told');
  await lab.until(() => lab.results.filter(({ kind }) => kind === 'receipt').length >= 5, 'others can find it');
  await a.kill();
  await lab.until(async () => (await b.record(run))?.state === 'completed', 'it is completed');
  await lab.until(() => b.active.size === 0);
  const { why } = await lab.after(b.runs.why(run, 't0'));
  assert.deepEqual(why, { kind: 'unneeded', wantedBy: ['t1'], before: {} }, 'by who drove it then');
  // As the drive of a member that shares results has it.
  const options = withEpoch(b.engine.ledger.run(run)!.options as object, 1);
  await b.engine.ledger.commit([{ kind: 'run-update', run, state: 'completed', options }]);
  const { tasks } = await lab.after(b.runs.tasks(run, { from: 0, limit: 1 }));
  assert.deepEqual(
    tasks.map(({ label, state, via, agent, receipt }) => [label, state, via, agent, receipt]),
    [['t0', 'ok', 'ran', null, null]],
  );
  assert.deepEqual((await b.local.why(run, 't0')).why, { kind: 'unneeded', wantedBy: ['t1'] }, 'a home alone has no journal');
});

test('that a run is to be cancelled is not told as its end', async () => {
  await using lab = new Lab();
  const a = await lab.member('a');
  const run = await a.submit(FAN(2));
  await lab.until(() => (a.engine.ledger.runTally(run)[0]?.count ?? 0) === 2);
  // As `docket cancel` on its home does; the drive hears of it a moment later.
  await a.engine.ledger.commit([{ kind: 'run-update', run, state: 'cancelled', from: ['running'] }]);
  a.meshRuns.drive(run)!.lease.nudge('now');
  await lab.until(async () => (await a.record(run))!.state !== 'running');
  await lab.until(() => a.active.size === 0);
  assert.equal((await a.record(run))!.counts.ran, 2);
  assert.deepEqual(a.told, []);
});

test('of a run whose coordinator is away its plan, record and journal tell', async () => {
  await using lab = new Lab();
  const a = await lab.member('a');
  const b = await lab.member('b');
  b.isDraining = true;
  const run = await a.submit(FAN(2));
  await lab.until(async () => (await b.record(run))!.isSecured && (await b.record(run))!.counts.ran === 2);
  await a.kill();
  const { tasks, total } = await lab.after(b.runs.tasks(run, { from: 1, limit: 1 }));
  assert.deepEqual([tasks.map(({ label, state, via }) => [label, state, via]), total], [[['q1', 'ok', 'ran']], 3]);
  assert.equal((await lab.after(b.runs.graph(run))).tasks.length, 3);
  await assert.rejects(lab.after(b.runs.why(run, 'q0')), { code: 'RUN_UNREACHABLE' });
  await assert.rejects(lab.after(Array.fromAsync(b.runs.logs(run))), { code: 'RUN_UNREACHABLE' });
  assert.equal(await lab.after(b.runs.cancel(run, never)), 'cancelled');
  const late = b.follow(run);
  await lab.after(late.done);
  assert.equal(late.events.at(-1)!.kind, 'ended');
});

test('who is cut off before it had the plan of a run tells what it heard of it, and that it cannot ask', async () => {
  await using lab = new Lab();
  const a = await lab.member('a');
  const run = await a.submit(FAN(1));
  await lab.until(async () => (await a.record(run))!.isSecured);
  const b = await lab.member('b');
  await lab.until(() => b.meshRuns.table.get(run) !== undefined);
  lab.delivery.cut('did:key:b');
  const { state, coordinator } = await lab.after(b.runs.find(run));
  assert.deepEqual([state, coordinator], ['running', 'did:key:a']);
  const message = /^the coordinator of run \S+ cannot be asked: .*; nor can its plan be had: cut$/;
  await assert.rejects(lab.after(b.runs.tasks(run, { from: 0, limit: 10 })), { code: 'RUN_UNREACHABLE', message });
  await assert.rejects(lab.after(b.runs.graph(run)), { code: 'RUN_UNREACHABLE', message });
  const strange = '0'.repeat(26);
  for (const word of [strange, 'ZZ'])
    await assert.rejects(lab.after(b.runs.find(word)), {
      code: 'MESH_UNREACHABLE',
      message: /^there is no run \S+ in this home.* and the mesh \S+ cannot be asked: cut$/,
    });
  const reader = b.follow(run);
  assert.equal(await lab.after(a.runs.cancel(run, never)), 'cancelled');
  assert.equal(reader.events.length, 0);
  lab.delivery.mend('did:key:b');
  await lab.after(reader.done);
  assert.equal(reader.events.at(-1)!.kind, 'ended');
  assert.equal((await lab.after(b.runs.tasks(run, { from: 0, limit: 10 }))).total, 2);
  for (const word of [strange, 'ZZ']) await assert.rejects(lab.after(b.runs.find(word)), { code: 'RUN_UNKNOWN' });
});

test('a run that was cancelled and is resumed elsewhere is followed to its new end, by every member', async () => {
  await using lab = new Lab();
  const a = await lab.member('a');
  const b = await lab.member('b');
  const run = await a.submit(FAN(2));
  await lab.until(async () => (await b.record(run))!.isSecured && (await b.record(run))!.counts.ran === 2);
  const cancelled = b.follow(run);
  assert.equal(await lab.after(b.runs.cancel(run, never)), 'cancelled');
  await lab.after(cancelled.done);
  await lab.until(() => a.active.size === 0);
  await lab.after(b.meshRuns.resume(run, { isTrusted: true }));
  const readers = [a.follow(run), b.follow(run), a.follow(run, cancelled.events.length)];
  await lab.until(() => readers.every(({ events }) => events.length > 0));
  assert.equal((await lab.after(a.runs.find(run))).state, 'running');
  const { tasks } = await lab.after(a.runs.tasks(run, { from: 0, limit: 10 }));
  assert.equal(tasks.find(({ label }) => label === 'slow')!.state, 'running');
  assert.ok(readers.every(({ events }) => events.every(({ kind }) => kind !== 'ended')));
  assert.equal(await lab.after(a.runs.cancel(run, never)), 'cancelled');
  for (const { done, events } of readers) {
    await lab.after(done);
    assert.equal(events.filter(({ kind }) => kind === 'ended').length, 1);
    assert.equal(events.at(-1)!.kind, 'ended');
  }
});

test('who follows a run that was resumed is told of its last drive, and not of what failed before', async () => {
  await using lab = new Lab();
  const a = await lab.member('a');
  const b = await lab.member('b');
  const run = await a.submit(
    'tasks: { bad: { module: org.example.exit, args: ["3"] }, good: { module: org.example.count-words, stdin: x } }',
  );
  await lab.until(async () => (await b.record(run))!.state === 'failed' && a.active.size === 0);
  const first = b.follow(run);
  await lab.after(first.done);
  await lab.after(a.meshRuns.resume(run, { isTrusted: true }));
  const during = [a.follow(run), b.follow(run)];
  for (const { done } of during) await lab.after(done);
  const afterwards = [a.follow(run), b.follow(run)];
  for (const { done } of afterwards) await lab.after(done);
  const failed = ({ kind, data }: EventView): boolean => kind === 'settled' && (JSON.parse(data) as { state: string }).state === 'failed';
  for (const { events } of [first, ...during, ...afterwards]) {
    assert.equal(events.filter(failed).length, 1);
    assert.equal(events.filter(({ kind }) => kind === 'settled').length, 2, 'what it found of before is told');
    assert.equal(events.filter(({ kind }) => kind === 'gap').length, 0);
    assert.equal(events.at(-1)!.kind, 'ended');
  }
  const again = b.follow(run, first.events.at(-1)!.seq);
  await lab.after(again.done);
  assert.equal(again.events.filter(failed).length, 1, 'who had the earlier one goes on behind it');
});

test('outputs that are large stand behind a link, and are given all the same', async () => {
  await using lab = new Lab();
  const a = await lab.member('a');
  const b = await lab.member('b');
  const names = Array.from({ length: 60 }, (_, i) => `n${i}-${'x'.repeat(60)}`);
  const text = `tasks:\n${names.map((name) => `  ${name}: { module: org.example.count-words, stdin: ${name} }\n`).join('')}outputs:\n${names.map((name) => `  ${name}: { from: ${name}, at: /stdout }\n`).join('')}`;
  const run = await a.submit(text);
  await lab.until(async () => (await b.record(run))!.state === 'completed');
  const { value } = (await b.mesh.records.get(keyOfRun(run)))!;
  assert.ok(value.length < 4_096, `${value.length} bytes`);
  await a.kill();
  assert.deepEqual(Object.keys((await lab.after(b.runs.find(run))).outputs).toSorted(), names.toSorted());
});

/** A run whose outputs are more than its record holds. */
const LARGE = (() => {
  const names = Array.from({ length: 60 }, (_, i) => `n${i}-${'x'.repeat(60)}`);
  const outputs = names.map((name) => `  ${name}: { from: t, at: /stdout }\n`).join('');
  const text = `tasks: { t: { module: org.example.count-words, stdin: x } }\noutputs:\n${outputs}`;
  return { names: names.toSorted(), text };
})();

test('a run whose disk is full at its end is told as it ended, with what its home knows', async () => {
  await using lab = new Lab();
  const a = await lab.member('a');
  const b = await lab.member('b');
  const { store, ledger } = a.engine;
  const put = store.put.bind(store);
  store.put = async (source, options) => {
    if (ledger.runs({ state: 'completed', limit: 1 }).length > 0) throw new DocketError('STORE_FULL', 'no space left');
    return await put(source, options);
  };
  const run = await a.submit(LARGE.text);
  const readers = [a.follow(run), b.follow(run)];
  for (const { done, events } of readers) {
    await lab.after(done);
    assert.equal(events.at(-1)!.kind, 'ended');
    assert.deepEqual(
      events.map(({ seq }) => seq),
      events.map((_, i) => i + 1),
      'nothing of it is left out',
    );
  }
  await lab.until(() => b.meshRuns.table.get(run)?.record.state === 'completed', 'its record says so');
  for (const member of [a, b]) {
    const view = await lab.after(member.runs.find(run));
    assert.equal(view.state, 'completed');
    assert.deepEqual(Object.keys(view.outputs).toSorted(), LARGE.names);
  }
});

test('a run that was completed here while it was another’s has ended, also where its outputs find no room', async () => {
  await using lab = new Lab();
  const a = await lab.member('a');
  const run = await a.submit(LARGE.text);
  await lab.until(async () => (await a.record(run))!.state === 'completed');
  await lab.until(() => a.active.size === 0 && a.meshRuns.drive(run) === undefined);
  const { value, revision } = (await a.mesh.records.get(keyOfRun(run)))!;
  const ended = decodeRunRecord(keyOfRun(run), value);
  assert.ok(!('refused' in ended));
  const free = { ...ended, state: 'running', coordinator: null, outputs: {}, finished: null } as const;
  a.engine.store.put = async () => Promise.reject(new DocketError('STORE_FULL', 'no space left'));
  await a.mesh.records.put(keyOfRun(run), encodeRunRecord(free), revision);
  await lab.until(async () => (await a.record(run))!.state !== 'running', 'somebody says how it ended');
  assert.deepEqual([(await a.record(run))!.state, (await a.record(run))!.tries], ['completed', 0]);
  assert.deepEqual(Object.keys((await lab.after(a.runs.find(run))).outputs).toSorted(), LARGE.names);
});

test('the same key at two members is one run, also at once, and another workflow under it is refused', async () => {
  await using lab = new Lab();
  const a = await lab.member('a');
  const b = await lab.member('b');
  const [first, second] = await Promise.all([a.submit(chain(3), { key: 'k' }), b.submit(chain(3), { key: 'k' })]);
  assert.equal(first, second);
  assert.equal(a.engine.ledger.runs({ limit: 10 }).length + b.engine.ledger.runs({ limit: 10 }).length, 1);
  await assert.rejects(a.submit(LOOP, { key: 'k' }), { code: 'KEY_REUSED' });
  await assert.rejects(b.submit('tasks: { x: { module: org.example.unknown } }', { key: 'other' }), { code: 'MANIFEST_UNKNOWN' });
  await a.submit(chain(3), { key: 'other' });
});

test('who is cut off takes submissions by the keys of its home', async () => {
  await using lab = new Lab();
  const a = await lab.member('a');
  const b = await lab.member('b');
  lab.delivery.cut('did:key:a');
  const run = await a.submit(chain(3), { key: 'k' });
  assert.equal(await a.submit(chain(3), { key: 'k' }), run);
  lab.delivery.mend('did:key:a');
  await lab.until(async () => (await b.record(run))?.state === 'completed', 'the mesh hears of it');
});

test('a coordinator that starts again takes up its own run at once, and leaves one that is another’s', async () => {
  await using lab = new Lab();
  const a = await lab.member('a');
  const b = await lab.member('b');
  b.isDraining = true;
  const [kept, lost] = [await a.submit(LOOP), await a.submit(FAN(1))];
  await lab.until(async () => (await a.record(kept))!.isSecured && (await a.record(lost))!.isSecured);
  await a.kill();
  await lab.after(a.active[Symbol.asyncDispose]());
  for (const run of [kept, lost]) {
    const { options } = a.engine.ledger.run(run)!;
    await lab.after(a.engine.ledger.commit([{ kind: 'run-update', run, state: 'interrupted', options: options as object }]));
  }
  await lab.after(a[Symbol.asyncDispose]());
  const found = (await b.mesh.records.get(keyOfRun(lost)))!;
  const other: RunRecord = { ...(await b.record(lost))!, coordinator: { did: 'did:key:b', incarnation: 'I1' } };
  await b.mesh.records.put(keyOfRun(lost), encodeRunRecord(other), found.revision);
  const again = await lab.member('a', { incarnation: 'I2' });
  const told: string[] = [];
  await lab.after(
    again.active.resumeAll(
      { resumed: (run) => told.push(run), failed: (_, error) => told.push((error as { code: string }).code) },
      'killed',
    ),
  );
  assert.deepEqual(told, [kept, 'RUN_TAKEN']);
  assert.deepEqual([...[kept, lost].map((run) => again.meshRuns.drive(run)?.isHeld)], [true, undefined]);
  const record = (await b.record(kept))!;
  assert.deepEqual([record.coordinator, record.deaths], [{ did: 'did:key:a', incarnation: 'I2' }, 1]);
  assert.equal((again.engine.ledger.run(lost)!.options as { readonly elsewhere?: boolean }).elsewhere, true);
});

test('a run whose plan nobody has is let go, tried by others when a day is over, and fails by name', async () => {
  await using lab = new Lab();
  const a = await lab.member('a', { vault: (vault) => ({ ...vault, put: async () => false }) });
  const b = await lab.member('b');
  const c = await lab.member('c');
  const run = await a.submit(LOOP);
  assert.equal((await b.record(run))!.isSecured, false);
  await a.kill();
  await lab.until(async () => (await b.record(run))!.awaits !== undefined && (await b.record(run))!.coordinator === null, 'it waits');
  const day = lab.clock.now() + 24 * 60 * 60_000;
  await lab.until(() => lab.clock.now() > day - 60_000, 'the day is nearly over', 30_000);
  await lab.until(async () => (await b.record(run))!.state === 'failed', 'it has failed', 200);
  assert.equal((await b.record(run))!.failure!.code, 'BLOB_MISSING');
  for (const member of [b, c])
    assert.ok(
      member.told.some((told) => told.kind === 'untaken' && told.code === 'BLOB_MISSING'),
      member.name,
    );
});

test('records and journals that are garbage, of a newer version, huge or of another run are told, and change nothing', async () => {
  await using lab = new Lab();
  const a = await lab.member('a');
  const b = await lab.member('b');
  const run = await a.submit(FAN(1));
  await lab.until(async () => (await a.record(run))!.isSecured);
  const good = encodeRunRecord((await a.record(run))!);
  const { mesh } = b;
  const hostile: readonly (readonly [string, Uint8Array])[] = [
    ['run.garbage', new Uint8Array([1, 2, 3])],
    ['run.newer', encode({ v: 99 })],
    ['run.another', good],
    ['run.huge', new Uint8Array(100_000)],
    ['run.shape', encode({ v: 1, run: 'shape', name: 7 })],
  ];
  for (const [key, value] of hostile) await mesh.records.put(key, value, 0);
  await lab.until(() => b.told.filter(({ kind }) => kind === 'refused').length >= hostile.length, 'they are told');
  await mesh.journals.append(journalOf(run), [
    new Uint8Array([9]),
    encode({ v: 99 }),
    encode({ v: 1, epoch: 1, first: 1, events: [['x', 'no json']] }),
    encodeEntry({ epoch: 2 ** 50, first: 1, events: [{ kind: 'ended', data: '{"state":"completed"}' }] }),
  ]);
  const reader = b.follow(run);
  await lab.until(() => reader.events.some(({ kind }) => kind === 'settled'));
  assert.ok(!reader.events.some(({ kind }) => kind === 'ended'));
  assert.deepEqual(
    (await lab.after(b.runs.list({ limit: 10 }))).map((one) => one.run),
    [run],
  );
  // Whoever garbles the record of a run has not taken it.
  const stood = (await mesh.records.get(keyOfRun(run)))!;
  await mesh.records.put(keyOfRun(run), new Uint8Array([0]), stood.revision);
  await lab.until(async () => (await b.record(run))?.state === 'running', 'its coordinator puts it right');
  assert.equal(a.active.size, 1);
  assert.equal(await lab.after(b.runs.cancel(run, never)), 'cancelled');
  await lab.after(reader.done);
  assert.equal(reader.events.filter(({ kind }) => kind === 'ended').length, 1);
});
