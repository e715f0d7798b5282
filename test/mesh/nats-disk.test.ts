import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join as joinPath } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '../../src/base/clock.ts';
import * as Cid from '../../src/ipld/cid.ts';
import { ANN, BEN, bytes, CAT, join, textOf, until } from './nats-members.ts';
import { NatsServer, noNatsServer } from './nats-server.ts';

async function* stream(given: Uint8Array): AsyncGenerator<Uint8Array> {
  yield given;
}

test('a full disk stops what is kept, not who is there; with room and a restart all goes on', { skip: noNatsServer }, async (t) => {
  const store = await mkdtemp(joinPath(tmpdir(), 'docket-disk-'));
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'docket-test', store]).status !== 0) return t.skip('mounting needs root');
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(async () => {
    spawnSync('umount', ['-l', store]);
    await rmdir(store);
  });
  // It believes that there is more room than there is.
  const server = cleanup.use(await NatsServer.start({ store, limits: 'max_file_store: 1GB' }));
  // Longer patience than it takes to notice that a connection is stuck.
  const ann = cleanup.use(await join(server.url, ANN, { patience: 5_000 }));
  const ben = cleanup.use(await join(server.url, BEN, { patience: 1_000 }));
  let losses = 0;
  ann.mesh.onLink(() => losses++);
  const revision = await ann.mesh.records.put('a', bytes('1'), 0);
  const blob = randomBytes(12_000_000);
  const put = async (): Promise<void> => await ann.mesh.objects.put(Cid.ofBlob(blob), blob.length, stream(blob));
  // nats-server 2.9 answers nothing more about that stream; later ones say that it is full.
  await assert.rejects(put(), (error: { code?: string }) =>
    ['MESH_FULL', 'MESH_UNREACHABLE', 'MESH_NO_JETSTREAM'].includes(error.code ?? ''),
  );

  const heard = new Set<string>();
  ben.mesh.presence.onBeat((from) => heard.add(from));
  await until(() => {
    ann.mesh.presence.beat(bytes('beat'));
    return heard.has(ANN);
  });
  assert.deepEqual([losses, ann.mesh.link.tag, ben.mesh.link.tag], [0, 'up', 'up']);

  assert.equal(spawnSync('mount', ['-o', 'remount,size=64m', store]).status, 0);
  await server.stop();
  await server.start();
  await until(async () => textOf((await ann.mesh.records.get('a').catch(() => undefined))?.value) === '1');
  assert.ok((await ann.mesh.records.put('a', bytes('2'), revision!))! > revision!);
  // What could not be removed is removed by who finds no room, when nobody has added to it for an hour.
  await assert.rejects(put(), { code: 'MESH_FULL', message: /docket-lab-objects/ });
  const later = { ...systemClock, now: () => Date.now() + 2 * 60 * 60_000 };
  const cat = cleanup.use(await join(server.url, CAT, { clock: later }));
  await cat.mesh.objects.put(Cid.ofBlob(blob), blob.length, stream(blob));
  assert.equal(await ben.mesh.objects.has(Cid.ofBlob(blob)), true);
});
