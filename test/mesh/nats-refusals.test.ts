import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join as joinPath } from 'node:path';
import { suite, test } from 'node:test';
import { connect, nkeys } from '@nats-io/transport-node';
import { parseServer } from '../../src/mesh/nats/server-address.ts';
import { ANN, BEN, bytes, join, keyOf, linked, SMALL, textOf, until } from './nats-members.ts';
import { Operator } from './nats-jwt.ts';
import { NatsServer, noNatsServer } from './nats-server.ts';

test('addresses of servers are read, or refused without telling passwords', () => {
  assert.deepEqual(parseServer('nats://host'), { host: 'host', port: 4222, isTls: false, login: undefined });
  assert.deepEqual(parseServer('host:1'), { host: 'host', port: 1, isTls: false, login: undefined });
  assert.deepEqual(parseServer('tls://a%40b:c@[::1]:99/'), { host: '::1', port: 99, isTls: true, login: { user: 'a@b', password: 'c' } });
  assert.deepEqual(parseServer('nats://secret@host').login, { token: 'secret' });
  for (const bad of [
    '',
    'http://host',
    'nats://',
    'nats://host:99999',
    'nats://host/path',
    'nats://host?x',
    'nats://u:secret@host:x',
    'nats://%:secret@host',
    'ws://h',
  ]) {
    const refused = (error: Error): boolean => (error as { code?: string }).code === 'USAGE' && !error.message.includes('secret');
    assert.throws(() => parseServer(bad), refused, bad);
  }
});

test('who does not greet as a nats-server is told', async () => {
  const greetings: readonly (readonly [string, RegExp])[] = [
    ['HTTP/1.1 400 Bad Request\r\n\r\n', /something else/],
    [`INFO ${'x'.repeat(100_000)}`, /something else/],
    ['', /hung up/],
  ];
  for (const [greeting, message] of greetings) {
    const server = createServer((socket) => socket.on('error', () => undefined).end(greeting)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    await assert.rejects(join(`nats://127.0.0.1:${port}`, ANN), { code: 'MESH_UNREACHABLE', message });
    server.close();
    await once(server, 'close');
    await assert.rejects(join(`nats://127.0.0.1:${port}`, ANN), { code: 'MESH_UNREACHABLE', message: /ECONNREFUSED/ });
  }
  await assert.rejects(join([], ANN), { code: 'USAGE' });
});

suite('what a nats-server refuses is told by name', { skip: noNatsServer }, () => {
  test('a server without JetStream', async () => {
    await using server = await NatsServer.start({ jetstream: false });
    await assert.rejects(join(server.url, ANN, { patience: 600_000 }), { code: 'MESH_NO_JETSTREAM' });
  });

  test('an account without JetStream', async () => {
    const config = 'accounts { A { users: [{ user: a, password: a }] }, B { jetstream: enabled, users: [{ user: b, password: b }] } }';
    await using server = await NatsServer.start({ config });
    await assert.rejects(join(`nats://a:a@127.0.0.1:${server.port}`, ANN, { patience: 500 }), { code: 'MESH_NO_JETSTREAM' });
    await using _ben = await join(`nats://b:b@127.0.0.1:${server.port}`, BEN);
  });

  test('user and password, and tokens', async () => {
    await using server = await NatsServer.start({ config: 'authorization { users: [{ user: u, password: "p:/@" }] }' });
    for (const login of ['u:wrong@', 'token@'])
      await assert.rejects(join(`nats://${login}127.0.0.1:${server.port}`, ANN), { code: 'MESH_DENIED', message: /does not take these/ });
    await assert.rejects(join(server.url, ANN), { code: 'MESH_DENIED', message: /asks for credentials, and none are given/ });
    await using _ann = await join(`nats://u:${encodeURIComponent('p:/@')}@127.0.0.1:${server.port}`, ANN);
  });

  test('nkeys', async () => {
    const folder = await mkdtemp(joinPath(tmpdir(), 'docket-nkey-'));
    const [user, stranger] = [nkeys.createUser(), nkeys.createUser()];
    await using server = await NatsServer.start({ config: `authorization { users: [{ nkey: ${user.getPublicKey()} }] }` });
    const file = joinPath(folder, 'seed');
    const credentials = { kind: 'nkey', file } as const;
    await assert.rejects(join(server.url, ANN, { credentials }), { code: 'USAGE', message: /ENOENT/ });
    await writeFile(file, 'no seed');
    await assert.rejects(join(server.url, ANN, { credentials }), { code: 'USAGE', message: /holds no seed/, next: /begins with SU/ });
    await writeFile(file, stranger.getSeed());
    await assert.rejects(join(server.url, ANN, { credentials }), { code: 'MESH_DENIED' });
    await writeFile(file, Buffer.concat([Buffer.from('# mine\n'), user.getSeed(), Buffer.from('\n')]));
    await using _ann = await join(server.url, ANN, { credentials });
    await rm(folder, { recursive: true });
  });

  test('credentials that expire in the middle, and new ones in the same file', async () => {
    const folder = await mkdtemp(joinPath(tmpdir(), 'docket-creds-'));
    const operator = new Operator();
    await using server = await NatsServer.start({ config: operator.config });
    const file = joinPath(folder, 'user.creds');
    const credentials = { kind: 'creds', file } as const;
    await writeFile(file, 'nothing');
    await assert.rejects(join(server.url, ANN, { credentials }), { code: 'USAGE', message: /holds no credentials/ });
    await writeFile(file, new Operator().credentials());
    await assert.rejects(join(server.url, ANN, { credentials }), { code: 'MESH_DENIED' });

    const joining = async (lasting: number): ReturnType<typeof join> => {
      await writeFile(file, operator.credentials(lasting));
      return await join(server.url, ANN, { credentials, patience: 300 });
    };
    // A machine that is busy may take longer to join than they last.
    await using ann = await joining(5).catch(() => joining(30));
    await linked(ann.mesh, 'down');
    await until(() => ann.faults.some(({ code }) => code === 'MESH_DENIED'));
    // What the server says when it hangs up may be lost with the connection, but not what it says to the next one.
    const problem = async (): Promise<unknown> => await ann.mesh.records.get('a').catch((error: { code?: string }) => error.code);
    await until(async () => (await problem()) === 'MESH_DENIED');
    await writeFile(file, operator.credentials());
    await linked(ann.mesh, 'up');
    assert.equal(await ann.mesh.records.get('a'), undefined);
    await rm(folder, { recursive: true });
  });

  test('rights that are missing, by the subject', async () => {
    const config = `accounts { A { jetstream: enabled, users: [
      { user: all, password: p }
      { user: reader, password: p, permissions: { publish: { deny: ["$KV.>", "docket.lab.result.>", "docket.lab.beat.>"] } } }
      { user: deaf, password: p, permissions: { subscribe: { deny: ["docket.lab.in.>"] } } }
      { user: outside, password: p, permissions: { publish: { deny: ["$JS.API.STREAM.INFO.>"] } } }
      { user: late, password: p, permissions: { publish: { deny: ["$JS.API.STREAM.CREATE.>"] } } }
    ] } }`;
    await using server = await NatsServer.start({ config });
    const as = (user: string): string => `nats://${user}:p@127.0.0.1:${server.port}`;
    await assert.rejects(join(as('late'), ANN), { code: 'MESH_REFUSED', message: /STREAM\.CREATE/ });
    await using all = await join(as('all'), ANN);
    await using _late = await join(as('late'), ANN);
    await assert.rejects(join(as('outside'), BEN), { code: 'MESH_REFUSED', message: /STREAM\.INFO/ });
    await assert.rejects(join(as('deaf'), BEN), { code: 'MESH_REFUSED', message: /docket\.lab\.in/ });
    await using reader = await join(as('reader'), BEN);
    await all.mesh.records.put('a', bytes('1'), 0);
    assert.equal(textOf((await reader.mesh.records.get('a'))?.value), '1');
    await assert.rejects(reader.mesh.records.put('b', bytes('1'), 0), { code: 'MESH_REFUSED', message: /\$KV\.docket-lab-records\.b/ });
    await assert.rejects(reader.mesh.results.file([{ key: keyOf(1), issuer: BEN, value: bytes('') }]), { code: 'MESH_REFUSED' });
    reader.mesh.presence.beat(bytes('unheard'));
    await until(() => reader.faults.some(({ code, message }) => code === 'MESH_REFUSED' && message.includes(`docket.lab.beat.${BEN}`)));
  });

  test('a stream of that name that does not fit', async () => {
    await using server = await NatsServer.start();
    const nats = await connect({ servers: server.url });
    const make = async (name: string, config: object): Promise<void> => {
      const made = await nats.request(
        `$JS.API.STREAM.CREATE.${name}`,
        JSON.stringify({ name, storage: 'memory', num_replicas: 1, retention: 'limits', ...config }),
      );
      assert.equal(made.json<{ error?: object }>().error, undefined);
    };
    await make('docket-a-results', { subjects: ['elsewhere.>'] });
    await assert.rejects(join(server.url, ANN, { name: 'a' }), { code: 'MESH_STREAM_UNFIT', message: /docket-a-results.*elsewhere/ });
    await make('docket-b-results', { subjects: ['docket.b.result.*'], max_msgs_per_subject: 1 });
    await assert.rejects(join(server.url, ANN, { name: 'b' }), { code: 'MESH_STREAM_UNFIT', message: /keeps 1/ });
    await make('other', { subjects: ['docket.c.result.*'] });
    // Whether somebody else makes that one this moment is not known at once.
    await assert.rejects(join(server.url, ANN, { name: 'c', patience: 1_000 }), {
      code: 'MESH_STREAM_UNFIT',
      message: /another stream has the subjects/,
    });
    await make('docket-d-results', { subjects: ['docket.d.result.*'], max_msgs_per_subject: 16 });
    await using ann = await join(server.url, ANN, { name: 'd' });
    await ann.mesh.results.file([{ key: keyOf(1), issuer: ANN, value: bytes('in memory, and not direct') }]);
    assert.equal((await ann.mesh.results.latest([keyOf(1), keyOf(2)]))[0]?.issuer, ANN);
    assert.equal((await ann.mesh.results.all(keyOf(1))).length, 1);
    await nats.close();
  });

  test('a limit that is used up', async () => {
    await using server = await NatsServer.start({ limits: 'max_file_store: 100MB' });
    const limits = { ...SMALL, records: { bytes: 10_000, age: 0 }, objects: { bytes: 100_000, age: 0 } };
    await using ann = await join(server.url, ANN, { limits });
    const large = { ...SMALL, results: { bytes: 2 ** 30, age: 0 } };
    await assert.rejects(join(server.url, ANN, { name: 'large', limits: large }), {
      code: 'MESH_FULL',
      message: /records 16 MiB, results 1 GiB, .* 1.06 GiB together; .*docket-large-results/,
      next: /max_file_store.*--mesh-size objects=/,
    });
    await ann.mesh.records.put('a', new Uint8Array(6_000), 0);
    await assert.rejects(ann.mesh.records.put('b', new Uint8Array(6_000), 0), { code: 'MESH_FULL', message: /docket-lab-records/ });
    assert.equal((await ann.mesh.records.list('')).length, 1);
    await ann.mesh.records.put('c', new Uint8Array(1_000), 0);
  });

  test('with no room for all, what was made for it is gone, and who asks for less gets in', async () => {
    await using server = await NatsServer.start({ limits: 'max_file_store: 120MB' });
    const large = { ...SMALL, results: { bytes: 2 ** 30, age: 0 } };
    await assert.rejects(join(server.url, ANN, { limits: { ...large, objects: { bytes: 64 * 2 ** 20, age: 0 } } }), {
      code: 'MESH_FULL',
      next: /journals=128MiB\.$/,
    });
    await using ann = await join(server.url, ANN);
    await ann.mesh.records.put('a', new Uint8Array(1), 0);
    // What stands is whoever's made it.
    const nats = await connect({ servers: server.url });
    await nats.request('$JS.API.STREAM.DELETE.docket-lab-results');
    await assert.rejects(join(server.url, BEN, { limits: large }), { code: 'MESH_FULL' });
    assert.equal((await ann.mesh.records.get('a'))?.value.length, 1);
    await nats.close();
  });

  test('with no room for all, and no right to remove them, the streams that stand are named', async () => {
    const rights = 'publish: { deny: ["$JS.API.STREAM.DELETE.>"] }';
    const config = `authorization { users: [ { user: u, password: p, permissions: { ${rights} } } ] }`;
    await using server = await NatsServer.start({ config, limits: 'max_file_store: 100MB' });
    const url = `nats://u:p@127.0.0.1:${server.port}`;
    const limits = { ...SMALL, results: { bytes: 2 ** 30, age: 0 } };
    const stand = ['KV_docket-lab-records', 'docket-lab-journals', 'docket-lab-objects', 'docket-lab-catalog'].join(', ');
    // Whoever made them, they are told of.
    for (const self of [ANN, BEN])
      await assert.rejects(join(url, self, { limits }), {
        code: 'MESH_FULL',
        next: new RegExp(`First delete the streams .*: ${stand}\\.$`),
      });
  });
});
