import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { suite, test } from 'node:test';
import { connect } from '@nats-io/transport-node';
import * as Cid from '../../src/ipld/cid.ts';
import type { JournalEntry, Mesh, RecordChange } from '../../src/mesh/mesh.ts';
import { ANN, BEN, bytes, join, keyOf, linked, textOf, until } from './nats-members.ts';
import { NatsServer, noNatsServer } from './nats-server.ts';

interface Following {
  readonly changes: RecordChange[];
  readonly entries: JournalEntry[];
  stop(): Promise<void>;
}

function follow(mesh: Mesh): Following {
  const [changes, entries, stopping]: [RecordChange[], JournalEntry[], AbortController] = [[], [], new AbortController()];
  const watch = async (): Promise<void> => {
    for await (const change of mesh.records.watch('run', stopping.signal)) changes.push(change);
  };
  const read = async (): Promise<void> => {
    for await (const entry of mesh.journals.read('run.1', 0, stopping.signal)) entries.push(entry);
  };
  const running = Promise.all([watch(), read()]);
  return {
    changes,
    entries,
    stop: async () => {
      stopping.abort();
      await running;
    },
  };
}

const told = (following: Following): readonly string[] =>
  following.changes.map((change) => (change.kind === 'current' ? change.kind : `${change.kind} ${change.key}`));
const read = (following: Following): readonly (string | undefined)[] => following.entries.map(({ entry }) => textOf(entry));

async function* stream(given: Uint8Array): AsyncGenerator<Uint8Array> {
  yield given;
}

suite('a nats-server that fails', { skip: noNatsServer }, () => {
  test('killed and started again: all that was kept is there, and those who read on go on', async () => {
    await using server = await NatsServer.start();
    await using ann = await join(server.url, ANN);
    await using ben = await join(server.url, BEN);
    const following = follow(ben.mesh);
    await until(() => told(following).length === 1);
    const revision = await ann.mesh.records.put('run.1', bytes('1'), 0);
    await ann.mesh.journals.append('run.1', ['a', 'b'].map(bytes));
    await ann.mesh.results.file([{ key: keyOf(1), issuer: ANN, value: bytes('result') }]);
    const blob = randomBytes(600_000);
    await ann.mesh.objects.put(Cid.ofBlob(blob), blob.length, stream(blob));
    ben.mesh.messages.onQuestion(async () => bytes('here'));

    await server.stop('SIGKILL');
    assert.equal((await linked(ann.mesh, 'down')).tag, 'down');
    const waiting = ann.mesh.records.put('run.1', bytes('2'), revision!);
    const appending = ann.mesh.journals.append('run.1', [bytes('c')]);
    await server.start();
    const changed = await waiting;
    await appending;
    assert.ok(changed! > revision!, 'who waits is served when it is back');
    await until(() => read(following).length === 3 && told(following).length === 3);
    assert.deepEqual(
      [told(following), read(following)],
      [
        ['current', 'put run.1', 'put run.1'],
        ['a', 'b', 'c'],
      ],
    );
    assert.equal((await ben.mesh.results.latest([keyOf(1)]))[0]?.issuer, ANN);
    const got: Uint8Array[] = [];
    for await (const chunk of ben.mesh.objects.get(Cid.ofBlob(blob))) got.push(chunk);
    assert.ok(Buffer.concat(got).equals(blob));
    await linked(ben.mesh, 'up');
    await until(async () => textOf(await ann.mesh.messages.ask(BEN, bytes('?'), { patience: 1_000 }).catch(() => undefined)) === 'here');
    await following.stop();
  });

  test('its data lost: streams are made again, what vanished is told, and numbers grow on', async () => {
    await using server = await NatsServer.start();
    await using ann = await join(server.url, ANN);
    await using ben = await join(server.url, BEN);
    const following = follow(ben.mesh);
    await until(() => told(following).length === 1);
    for (const key of ['run.1', 'run.2', 'run.3']) await ann.mesh.records.put(key, bytes('1'), 0);
    const old = await ann.mesh.records.put('run.4', bytes('1'), 0);
    await ann.mesh.journals.append('run.1', ['a', 'b', 'c'].map(bytes));
    const made = await ann.mesh.results.made();
    await until(() => told(following).length === 5 && read(following).length === 3);

    await server.stop('SIGKILL');
    await server.loseData();
    await server.start();
    await until(() => told(following).filter((change) => change.startsWith('deleted')).length === 4);
    const fresh = await ann.mesh.records.put('run.1', bytes('2'), 0);
    assert.ok(fresh! > old!, 'an epoch from before the loss is older than any after it');
    assert.equal(await ann.mesh.records.put('run.4', bytes('2'), old!), undefined);
    await ann.mesh.journals.append('run.1', [bytes('d')]);
    await until(() => read(following).length === 4 && told(following).length === 10);
    assert.equal(read(following)[3], 'd');
    assert.ok(following.entries[3]!.seq > following.entries[2]!.seq);
    assert.deepEqual(await ann.mesh.results.latest([keyOf(1)]), [undefined]);
    assert.ok((await ann.mesh.results.made()) > made, 'whoever told it results tells them again');
    assert.ok([...ann.faults, ...ben.faults].some(({ message }) => message.includes('had lost')));
    await following.stop();
  });

  test('its streams deleted by somebody while all is up', async () => {
    await using server = await NatsServer.start();
    await using ann = await join(server.url, ANN);
    const following = follow(ann.mesh);
    await ann.mesh.records.put('run.1', bytes('1'), 0);
    await ann.mesh.journals.append('run.1', [bytes('a')]);
    await until(() => told(following).length === 2 && read(following).length === 1);
    const nats = await connect({ servers: server.url });
    for (const name of ['KV_docket-lab-records', 'docket-lab-journals', 'docket-lab-results', 'docket-lab-catalog'])
      assert.equal((await nats.request(`$JS.API.STREAM.DELETE.${name}`)).json<{ success?: boolean }>().success, true);
    await nats.close();
    await ann.mesh.journals.append('run.1', [bytes('b')]);
    await ann.mesh.results.file([{ key: keyOf(1), issuer: ANN, value: bytes('x') }]);
    assert.equal((await ann.mesh.results.latest([keyOf(1)]))[0]?.issuer, ANN);
    assert.equal(await ann.mesh.objects.has(Cid.ofBlob(bytes('x'))), false);
    await until(() => told(following).includes('deleted run.1') && read(following).includes('b'));
    assert.equal(ann.mesh.link.tag, 'up');
    await following.stop();
  });

  test('its stream of objects lost and the catalog not: objects are not there, and can be put again', async () => {
    await using server = await NatsServer.start();
    await using ann = await join(server.url, ANN);
    await using ben = await join(server.url, BEN);
    const blob = randomBytes(600_000);
    const cid = Cid.ofBlob(blob);
    await ann.mesh.objects.put(cid, blob.length, stream(blob));
    await using nats = await connect({ servers: server.url });
    await nats.request('$JS.API.STREAM.DELETE.docket-lab-objects');
    assert.equal(await ben.mesh.objects.has(cid), false);
    await assert.rejects(Array.fromAsync(ben.mesh.objects.get(cid)), { code: 'BLOB_MISSING' });
    await ann.mesh.objects.put(cid, blob.length, stream(blob));
    assert.equal(await ben.mesh.objects.has(cid), true);
    assert.ok(Buffer.concat(await Array.fromAsync(ben.mesh.objects.get(cid))).equals(blob));
    await ben.mesh.objects.put(
      cid,
      blob.length,
      (async function* () {
        yield assert.fail('it is there');
      })(),
    );
  });

  test('paused: it is noticed without a word from it, nothing piles up, and all goes on when it wakes', async () => {
    await using server = await NatsServer.start();
    await using ann = await join(server.url, ANN, { patience: 300 });
    const following = follow(ann.mesh);
    await until(() => told(following).length === 1);
    server.pause();
    const asked = assert.rejects(ann.mesh.messages.ask(BEN, bytes('?'), { patience: 600_000 }), { code: 'MESH_UNREACHABLE' });
    const blob = randomBytes(40_000_000);
    const put = assert.rejects(ann.mesh.objects.put(Cid.ofBlob(blob), blob.length, stream(blob)), { code: 'MESH_UNREACHABLE' });
    for (let sent = 0; sent < 200; sent++) ann.mesh.messages.send(BEN, new Uint8Array(1_000_000));
    await linked(ann.mesh, 'down');
    await Promise.all([asked, put]);
    await assert.rejects(ann.mesh.records.get('run.1'), { code: 'MESH_UNREACHABLE' });
    assert.equal(ann.mesh.link.tag, 'down');
    server.resume();
    await linked(ann.mesh, 'up');
    await ann.mesh.records.put('run.1', bytes('1'), 0);
    await until(() => told(following).includes('put run.1'));
    await following.stop();
  });

  test('garbage on every subject harms nobody', async () => {
    await using server = await NatsServer.start();
    await using ann = await join(server.url, ANN);
    await using ben = await join(server.url, BEN);
    const following = follow(ann.mesh);
    const heard: string[] = [];
    ann.mesh.messages.onMessage((from, message) => heard.push(`${from} ${message.length}`));
    ann.mesh.presence.onBeat((from, beat) => heard.push(`${from} ${beat.length}`));
    ann.mesh.messages.onQuestion(async (_from, question) => question);
    await until(() => told(following).length === 1);
    const nats = await connect({ servers: server.url });
    const [hex, cid] = ['07'.repeat(32), Cid.ofBlob(bytes('x')).toString()];
    const subjects = [
      `beat.${BEN}`,
      'beat.ü',
      `to.${ANN}.x`,
      `to.${ANN}`,
      `ask.${ANN}.x`,
      'askall.x',
      'askall',
      `result.${hex}`,
      'result.nothex',
      'journal.run.1',
      `catalog.${cid}`,
      'catalog.x',
      `object.${cid}.a.0`,
    ];
    const garbage = [
      new Uint8Array(),
      bytes('{"size":1e99}'),
      bytes('{"size":1,"chunk":1,"place":"../x"}'),
      randomBytes(1_000),
      new Uint8Array(1_000_000).fill(255),
    ];
    for (const subject of subjects) for (const data of garbage) nats.publish(`docket.lab.${subject}`, data);
    for (const data of garbage) nats.publish(`docket.lab.in.${'x'.repeat(22)}.a.0`, data);
    for (const data of garbage) nats.publish('$KV.docket-lab-records.run.odd', data);
    await nats.flush();
    await nats.close();
    assert.deepEqual(await ann.mesh.results.latest([keyOf(7)]), [undefined]);
    assert.deepEqual(await ann.mesh.results.all(keyOf(7)), []);
    assert.equal(await ann.mesh.objects.has(Cid.ofBlob(bytes('x'))), false);
    for await (const object of ann.mesh.objects.list()) assert.fail(`${object.size}`);
    await ben.mesh.journals.append('run.1', [bytes('good')]);
    await until(() => read(following).includes('good') && told(following).includes('put run.odd'));
    assert.equal(textOf(await ben.mesh.messages.ask(ANN, bytes('still here?'), { patience: 5_000 })), 'still here?');
    assert.ok(heard.length > 0);
    await following.stop();
  });
});
