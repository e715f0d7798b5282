import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join as joinPath } from 'node:path';
import { test } from 'node:test';
import { nkeys } from '@nats-io/transport-node';
import * as Cid from '../../src/ipld/cid.ts';
import { makeCertificate, noOpenssl } from '../make-certificate.ts';
import { removeMarks } from '../../src/mesh/nats/marks.ts';
import { ANN, BEN, bytes, engineAt, join, keyOf, SMALL, textOf, until } from './nats-members.ts';
import { NatsServer, noNatsServer } from './nats-server.ts';

async function* stream(given: Uint8Array): AsyncGenerator<Uint8Array> {
  yield given;
}

/** The configuration in docs/mesh-nats.md, with the keys of two agents, without what each server here has of its own. */
async function documented(keys: readonly string[], cert: string, key: string): Promise<string> {
  const text = await readFile(new URL('../../docs/mesh-nats.md', import.meta.url), 'utf8');
  const [, config = ''] = /^```\n# nats-server\.conf\n([^]*?)^```$/m.exec(text) ?? [];
  assert.ok(config.includes('permissions'));
  return config
    .replace(/^(?:listen|jetstream).*\n/gm, '')
    .replace(/cert_file: "[^"]*"/, `cert_file: "${cert}"`)
    .replace(/key_file: "[^"]*"/, `key_file: "${key}"`)
    .replace(/NKEY_OF_AGENT_(\d)/g, (_, number: string) => keys[Number(number) - 1] ?? '');
}

test('who may not answer for flow control is told, rather than left waiting', { skip: noNatsServer }, async () => {
  const config = `accounts { A { jetstream: enabled, users: [{ user: u, password: p, permissions: { publish: { deny: ["$JS.FC.>"] } } }] } }`;
  await using server = await NatsServer.start({ config });
  const limits = { ...SMALL, records: { bytes: 64 * 2 ** 20, age: 0 } };
  await using ann = await join(`nats://u:p@127.0.0.1:${server.port}`, ANN, { limits });
  await Promise.all(
    Array.from({ length: 200 }, async (_, index) => await ann.mesh.records.put(`run.${index}`, new Uint8Array(200_000), 0)),
  );
  await assert.rejects(ann.mesh.records.list('run'), { code: 'MESH_REFUSED', message: /\$JS\.FC\.KV_docket-lab-records/ });
});

test('with a list of its own, as documented, an agent is heard under its own name and under no other', { skip: noNatsServer }, async () => {
  const text = await readFile(new URL('../../docs/mesh-nats.md', import.meta.url), 'utf8');
  const [, list = ''] = /^```\n("docket\.lab\.beat\.DID"[^]*?)^```$/m.exec(text) ?? [];
  const user = (name: string, did: string) =>
    `{ user: ${name}, password: p, permissions: { publish: { allow: [${list.replaceAll('DID', did)} "$KV.docket-lab-records.>", "$JS.>"] } } }`;
  const config = `accounts { A { jetstream: enabled, users: [\n${user('ann', ANN)}\n${user('ben', BEN)}\n] } }`;
  await using server = await NatsServer.start({ config });
  const as = (name: string): string => `nats://${name}:p@127.0.0.1:${server.port}`;
  await using ann = await join(as('ann'), ANN);
  await using ben = await join(as('ben'), BEN);
  await using forged = await join(as('ann'), BEN);
  const heard: string[] = [];
  ben.mesh.presence.onBeat((from, beat) => heard.push(`${from} ${textOf(beat)}`));
  ben.mesh.messages.onMessage((from, message) => heard.push(`${from} ${textOf(message)}`));
  ben.mesh.messages.onQuestion(async (_from, question) => question);
  await until(() => {
    forged.mesh.presence.beat(bytes('false'));
    forged.mesh.messages.send(BEN, bytes('false'));
    ann.mesh.presence.beat(bytes('beat'));
    ann.mesh.messages.send(BEN, bytes('message'));
    return heard.includes(`${ANN} beat`) && heard.includes(`${ANN} message`);
  });
  assert.equal(textOf(await ann.mesh.messages.ask(BEN, bytes('?'), { patience: 5_000 })), '?');
  await ann.mesh.results.file([{ key: keyOf(1), issuer: ANN, value: bytes('x') }]);
  assert.deepEqual(
    heard.filter((what) => what.endsWith('false')),
    [],
  );
});

test('the rights in the documentation are enough, and no more than this mesh', { skip: noNatsServer || noOpenssl }, async () => {
  const folder = await mkdtemp(joinPath(tmpdir(), 'docket-rights-'));
  const { cert, key } = makeCertificate(folder, 'server');
  const users = [nkeys.createUser(), nkeys.createUser()];
  const files = users.map((_, index) => joinPath(folder, `agent-${index}.seed`));
  for (const [index, user] of users.entries()) await writeFile(files[index]!, user.getSeed());
  await using server = await NatsServer.start({
    config: await documented(
      users.map((user) => user.getPublicKey()),
      cert,
      key,
    ),
  });
  const url = `tls://127.0.0.1:${server.port}`;
  const as = (index: number) => ({ credentials: { kind: 'nkey', file: files[index]! } as const, tls: { ca: cert } });

  await assert.rejects(join(url, ANN, { ...as(0), tls: undefined }), { code: 'MESH_UNREACHABLE', message: /certificate/ });
  await assert.rejects(join(url, ANN, { ...as(0), tls: { ca: joinPath(folder, 'none') } }), { code: 'USAGE', message: /ENOENT/ });
  await assert.rejects(join(url, ANN, { tls: { ca: cert } }), { code: 'MESH_DENIED' });
  await assert.rejects(join(url, ANN, { ...as(0), name: 'other' }), { code: 'MESH_REFUSED', message: /other/ });

  const larger = { ...SMALL, records: { bytes: 64 * 2 ** 20, age: 0 } };
  await using ann = await join(url, ANN, { ...as(0), limits: larger, onMade: () => undefined });
  await using ben = await join(url, BEN, { ...as(1), limits: larger });
  const heard = new Set<string>();
  ben.mesh.presence.onBeat((from) => heard.add(from));
  ben.mesh.messages.onMessage((_from, message) => heard.add(textOf(message) ?? ''));
  ben.mesh.messages.onQuestion(async (_from, question) => question);
  await until(() => {
    ann.mesh.presence.beat(bytes('beat'));
    ann.mesh.messages.send(BEN, bytes('message'));
    return heard.has(ANN) && heard.has('message');
  });
  assert.equal(textOf(await ann.mesh.messages.ask(BEN, bytes('?'), { patience: 5_000 })), '?');
  for await (const { from } of ann.mesh.messages.askAll(bytes('?'), { patience: 5_000 })) {
    assert.equal(from, BEN);
    break;
  }

  // So many that the server asks whether they are taken before it sends more.
  const many = Array.from({ length: 200 }, (_, index) => `run.${index}`);
  await Promise.all(many.map(async (name) => await ann.mesh.records.put(name, new Uint8Array(200_000), 0)));
  assert.equal((await ben.mesh.records.list('run')).length, many.length);
  const revision = (await ben.mesh.records.get('run.1'))!.revision;
  assert.equal(await ben.mesh.records.delete('run.1', revision), true);

  await using at = await engineAt(url, as(0));
  await removeMarks(at.engine, 0, new AbortController().signal);

  await ann.mesh.results.file([{ key: keyOf(1), issuer: ANN, value: bytes('x') }]);
  for (const isCertain of [false, true]) assert.equal((await ben.mesh.results.latest([keyOf(1)], undefined, isCertain))[0]?.issuer, ANN);
  assert.equal((await ben.mesh.results.all(keyOf(1))).length, 1);
  await ann.mesh.journals.append('run.1', [bytes('entry')]);
  for await (const { entry } of ben.mesh.journals.read('run.1', 0, new AbortController().signal)) {
    assert.equal(textOf(entry), 'entry');
    break;
  }
  await ann.mesh.journals.delete('run.1');
  const blob = randomBytes(600_000);
  const cid = Cid.ofBlob(blob);
  await ann.mesh.objects.put(cid, blob.length, stream(blob));
  for await (const object of ben.mesh.objects.list()) assert.ok(object.cid.equals(cid));
  const got: Uint8Array[] = [];
  for await (const chunk of ben.mesh.objects.get(cid)) got.push(chunk);
  assert.ok(Buffer.concat(got).equals(blob));
  await assert.rejects(ann.mesh.objects.put(Cid.ofTree(blob), 1, stream(blob)), { code: 'BLOB_MISMATCH' });
  await ben.mesh.objects.delete(cid);
  assert.deepEqual([ann.faults, ben.faults], [[], []]);
  await server.stop('SIGTERM');
  const refused = server.log.split('\n').filter((line) => line.includes('Violation') && !/docket[.-]other[.-]/.test(line));
  assert.deepEqual(refused, [], 'what is asked for people only is not refused either');
  await rm(folder, { recursive: true });
});
