import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Kvm } from '@nats-io/kv';
import { connect, headers } from '@nats-io/transport-node';
import { removeMarks } from '../../src/mesh/nats/marks.ts';
import { NatsRecords } from '../../src/mesh/nats/records.ts';
import { CutLine } from './cut-line.ts';
import { ANN, BEN, bytes, engineAt, join, linked, textOf, until } from './nats-members.ts';
import { NatsServer, noNatsServer } from './nats-server.ts';

const never = new AbortController().signal;

suite('records in NATS', { skip: noNatsServer }, () => {
  test('the bucket is one that its own client reads and writes', async () => {
    await using server = await NatsServer.start();
    await using ann = await join(server.url, ANN);
    const { records } = ann.mesh;
    await records.put('run.1', bytes('ours'), 0);
    await using nats = await connect({ servers: server.url });
    const bucket = await new Kvm(nats).open('docket-lab-records');
    assert.equal((await bucket.get('run.1'))?.string(), 'ours');
    await bucket.put('run.2', 'theirs');
    assert.equal(textOf((await records.get('run.2'))?.value), 'theirs');
    const revision = (await records.get('run.1'))!.revision;
    await bucket.delete('run.1');
    assert.equal(await records.get('run.1'), undefined);
    assert.equal(await records.put('run.1', bytes('late'), revision), undefined);
    assert.ok((await records.put('run.1', bytes('again'), 0))! > revision, 'over a mark of theirs');
    await bucket.purge('run.2');
    assert.deepEqual(
      (await records.list('')).map(({ key }) => key),
      ['run.1'],
    );
    const seen: string[] = [];
    const stopping = new AbortController();
    const watching = (async () => {
      for await (const change of records.watch('run', stopping.signal))
        seen.push(change.kind === 'current' ? 'current' : `${change.kind} ${change.key}`);
    })();
    await until(() => seen.includes('current'));
    await bucket.purge('run.1');
    await until(() => seen.includes('deleted run.1'));
    stopping.abort();
    await watching;
  });

  test('marks of what was deleted go after a time, and with them nothing else', async () => {
    await using server = await NatsServer.start();
    await using ann = await join(server.url, ANN);
    await using at = await engineAt(server.url);
    await using nats = await connect({ servers: server.url });
    const messages = async (): Promise<number> =>
      (await nats.request('$JS.API.STREAM.INFO.KV_docket-lab-records')).json<{ state: { messages: number } }>().state.messages;
    const { records } = ann.mesh;
    const revisions = new Map<string, number>();
    for (let index = 0; index < 150; index++) revisions.set(`run.${index}`, (await records.put(`run.${index}`, bytes('1'), 0))!);
    for (const [key, revision] of revisions) if (key !== 'run.7') await records.delete(key, revision);
    const again = (await records.put('run.8', bytes('again'), 0))!;
    await records.tidy(never);
    assert.equal(await messages(), 150, 'who watches has time to see them');
    await removeMarks(at.engine, 0, never);
    assert.equal(await messages(), 2);
    assert.deepEqual((await records.list('run')).map(({ key }) => key).toSorted(), ['run.7', 'run.8']);
    const old = revisions.get('run.1')!;
    assert.equal(await records.put('run.1', bytes('late'), old), undefined, 'who lost it may not');
    assert.equal(await records.delete('run.1', old), false);
    assert.equal(await records.get('run.1'), undefined);
    assert.ok((await records.put('run.1', bytes('2'), 0))! > again, 'revisions grow on');
    assert.equal(await records.put('run.1', bytes('3'), 0), undefined);
  });

  test('who was cut off while something was deleted hears of it, with the mark of it and without', async () => {
    await using server = await NatsServer.start();
    await using line = await CutLine.to(server.port);
    await using ann = await join(server.url, ANN);
    await using ben = await join(line.urlAs('ben'), BEN);
    await using at = await engineAt(server.url);
    const seen: string[] = [];
    const goneAt: number[] = [];
    const stopping = new AbortController();
    const watching = (async () => {
      for await (const change of ben.mesh.records.watch('run', stopping.signal)) {
        seen.push(change.kind === 'current' ? 'current' : `${change.kind} ${change.key}`);
        if (change.kind === 'deleted') goneAt.push(change.revision);
      }
    })();
    const { records } = ann.mesh;
    const first = (await records.put('run.1', bytes('1'), 0))!;
    await until(() => seen.includes('put run.1') && seen.includes('current'));
    line.cut();
    await linked(ben.mesh, 'down');
    // As one that the other put itself before it was cut off, and its watch did not tell.
    const second = (await records.put('run.2', bytes('1'), 0))!;
    await records.delete('run.1', first);
    await removeMarks(at.engine, 0, never);
    await records.delete('run.2', second);
    line.heal();
    await until(() => seen.includes('deleted run.1') && seen.includes('deleted run.2'));
    assert.ok(goneAt.every((revision) => revision > second));
    stopping.abort();
    await watching;
  });

  test('a put that finds a mark, which then is gone, is tried again', async () => {
    await using server = await NatsServer.start();
    await using at = await engineAt(server.url);
    const records = new NatsRecords(at.engine);
    const revision = (await records.put('run.1', bytes('1'), 0))!;
    await records.delete('run.1', revision);
    await at.engine.run(async ({ session }) => {
      const call = session.call.bind(session);
      session.call = async (asks, patience, signal) => {
        const replies = await call(asks, patience, signal);
        if (asks[0]!.subject.includes('MSG.GET')) {
          session.call = call;
          await removeMarks(at.engine, 0, never);
        }
        return replies;
      };
    });
    assert.ok((await records.put('run.1', bytes('2'), 0))! > revision);
    assert.equal(textOf((await records.get('run.1'))?.value), '2');
  });

  test('what is sent twice for want of an answer is done once, and answered as the first time', async () => {
    await using server = await NatsServer.start();
    await using ann = await join(server.url, ANN);
    await using nats = await connect({ servers: server.url });
    const { records } = ann.mesh;
    const revision = (await records.put('run.1', bytes('1'), 0))!;
    const heard: { readonly data: Uint8Array; readonly id: string; readonly subject: string; readonly expected: string }[] = [];
    nats.subscribe('$KV.docket-lab-records.>', {
      callback: (_error, { subject, data, headers: fields }) => {
        heard.push({
          subject,
          data,
          id: fields?.get('Nats-Msg-Id') ?? '',
          expected: fields?.get('Nats-Expected-Last-Subject-Sequence') ?? '',
        });
      },
    });
    await nats.flush();
    const changed = (await records.put('run.1', bytes('2'), revision))!;
    await until(() => heard.length === 1);
    const [first] = heard;
    // As whoever did not hear the answer sends it.
    const again = headers();
    again.set('Nats-Msg-Id', first!.id);
    again.set('Nats-Expected-Last-Subject-Sequence', first!.expected);
    const answer = await nats.request(first!.subject, first!.data, { headers: again, timeout: 5_000 });
    assert.equal(answer.json<{ duplicate?: boolean }>().duplicate, true);
    assert.equal((await records.get('run.1'))?.revision, changed);
  });
});
