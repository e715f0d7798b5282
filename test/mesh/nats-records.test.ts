import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Kvm } from '@nats-io/kv';
import { connect, headers } from '@nats-io/transport-node';
import { ANN, bytes, join, textOf, until } from './nats-members.ts';
import { NatsServer, noNatsServer } from './nats-server.ts';

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
