import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { connect } from '@nats-io/transport-node';
import { ANN, BEN, bytes, join, keyOf, linked, textOf, until } from './nats-members.ts';
import { NatsCluster, noNatsServer } from './nats-server.ts';

interface StreamInfo {
  readonly config: { readonly num_replicas: number };
  readonly cluster?: { readonly leader?: string };
}

async function infoOf(urls: readonly string[], stream: string): Promise<StreamInfo> {
  const nats = await connect({ servers: [...urls] });
  try {
    return (await nats.request(`$JS.API.STREAM.INFO.${stream}`, '', { timeout: 5_000 })).json<StreamInfo>();
  } finally {
    await nats.close();
  }
}

suite('three nats-servers', { skip: noNatsServer }, () => {
  test('three copies are kept; the loss of the leader of a stream loses nothing', async () => {
    await using cluster = await NatsCluster.start();
    // Who leads is still being found out.
    await using ann = await join(cluster.urls, ANN, { patience: 60_000 });
    await using ben = await join(cluster.urls, BEN, { patience: 60_000 });
    const revision = await ann.mesh.records.put('run.1', bytes('1'), 0);
    await ann.mesh.journals.append('run.1', [bytes('a')]);
    const { config, cluster: raft } = await infoOf(cluster.urls, 'KV_docket-lab-records');
    assert.equal(config.num_replicas, 3);

    const entries: (string | undefined)[] = [];
    const stopping = new AbortController();
    const reading = (async () => {
      for await (const { entry } of ben.mesh.journals.read('run.1', 0, stopping.signal)) entries.push(textOf(entry));
    })();
    const changes: string[] = [];
    const watching = (async () => {
      for await (const change of ben.mesh.records.watch('', stopping.signal))
        if (change.kind === 'put') changes.push(textOf(change.value) ?? '');
    })();
    await until(() => entries.length === 1 && changes.length === 1);
    const leader = cluster.servers.find(({ name }) => name === raft?.leader);
    assert.ok(leader);
    await leader.stop('SIGKILL');
    const changed = await ann.mesh.records.put('run.1', bytes('2'), revision!);
    assert.ok(changed! > revision!);
    await ben.mesh.journals.append('run.1', [bytes('b'), bytes('c')]);
    await ann.mesh.results.file([{ key: keyOf(1), issuer: ANN, value: bytes('x') }]);
    await until(() => entries.length === 3 && changes.length === 2);
    assert.deepEqual(
      [entries, changes],
      [
        ['a', 'b', 'c'],
        ['1', '2'],
      ],
    );

    await leader.start();
    await linked(ben.mesh, 'up');
    assert.equal(textOf((await ben.mesh.records.get('run.1'))?.value), '2');
    await until(async () => (await ben.mesh.results.latest([keyOf(1)]))[0]?.issuer === ANN);
    stopping.abort();
    await Promise.all([reading, watching]);
  });
});
