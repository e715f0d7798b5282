import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls, createServer as createTls } from 'node:tls';
import { test } from 'node:test';
import { openConnection } from '../../../src/agent/mesh/door-connection.ts';
import { doorAt } from '../../../src/agent/mesh/member-fetch.ts';
import { SHARED_KEY_TLS } from '../../../src/agent/http-server.ts';
import { systemClock } from '../../../src/base/clock.ts';
import { LocalMesh } from '../../../src/mesh/local/local-mesh.ts';
import type { DoorKey } from '../../../src/protocol/mesh/door.ts';
import { callAgent, finish } from '../../../src/store/agent-call.ts';
import { RemoteStore } from '../../../src/store/remote-store.ts';
import { makeCertificate, noOpenssl } from '../../make-certificate.ts';
import { Member, Town } from './members.ts';

const BYTES = randomBytes(300_000);

/** One member, and another that comes to its door. */
async function two(
  options?: Parameters<typeof Member.open>[1],
): Promise<AsyncDisposable & { readonly town: Town; readonly a: Member; readonly b: Member }> {
  await using stack = new AsyncDisposableStack();
  const town = new Town(new LocalMesh());
  const a = stack.use(await Member.open(town, options));
  const b = stack.use(await Member.open(town));
  const owned = stack.move();
  return { town, a, b, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

test('every client of the API works through the door of another member', async () => {
  await using members = await two();
  const { a, b } = members;
  const { cid } = await a.engine.store.put(BYTES);
  const store = new RemoteStore(doorAt(b.ways, a.did));
  assert.deepEqual(await store.stat(cid), { size: BYTES.length });
  assert.ok(BYTES.equals(await store.read(cid)));
  assert.deepEqual(await store.missing([cid]), []);
  assert.deepEqual(await Array.fromAsync(store.list()), [{ cid, size: BYTES.length }]);
  const way = await b.ways.to(a.did);
  const sockets = Object.values(way.agent.freeSockets).flat();
  assert.ok(sockets.length > 0 && sockets.length < 4, 'connections are kept');
  assert.equal((sockets[0] as never as { getProtocol(): string }).getProtocol(), 'TLSv1.3');
});

test('members may read and cancel, and nothing else is there for them', async () => {
  await using members = await two();
  const { a, b } = members;
  const door = doorAt(b.ways, a.did);
  const code = async (method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string): Promise<unknown> =>
    await callAgent(door, { method, path }).then(
      async (answer) => (await finish(answer), answer.status),
      (error: { code: string }) => error.code,
    );
  const { cid } = await a.engine.store.put(BYTES);
  assert.equal(await code('GET', '/v1/runs'), 200);
  assert.equal(await code('POST', '/v1/runs/01J00000000000000000000000/cancel'), 'RUN_UNKNOWN');
  for (const { method, path, scope } of a.routes.filter((route) => route.scope !== 'read' && !route.path.endsWith('/cancel'))) {
    const at = path.replace(':cid', cid.toString()).replace(/[:*]\w*/g, 'x');
    const answer = await code(method as 'GET', at);
    assert.ok(answer === 'ROUTE_UNKNOWN' || answer === 'METHOD_UNKNOWN', `${method} ${at} (${scope}): ${answer}`);
  }
  assert.notEqual(await a.engine.store.stat(cid), undefined);
  const { psk, identity, token: _, ...way } = (await b.ways.to(a.did)).door;
  const { socket } = await openConnection(a.did, { ...way, psk, identity, token: '' }, systemClock);
  socket.end(`GET /v1/runs HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n`);
  assert.match(
    Buffer.concat(await Array.fromAsync(socket as AsyncIterable<Buffer>)).toString(),
    /^HTTP\/1.1 401 /,
    'the token is wanted as well',
  );
});

test('nobody without the key gets past the handshake, and nobody who tries disturbs the others', async () => {
  await using members = await two();
  const { a, b } = members;
  const { door } = await b.ways.to(a.did);
  const [host = ''] = door.hosts;
  const wrong: Partial<DoorKey>[] = [{ psk: randomBytes(32) }, { identity: 'somebody' }];
  for (const parts of wrong) await assert.rejects(openConnection(a.did, { ...door, ...parts }, systemClock), { code: 'AGENT_UNREACHABLE' });
  // The older TLS may do without a secret of its own.
  const older = connectTls({
    host,
    port: door.port,
    maxVersion: 'TLSv1.2',
    ciphers: 'PSK',
    pskCallback: () => ({ psk: door.psk, identity: door.identity }),
    checkServerIdentity: () => undefined,
  });
  await assert.rejects(once(older, 'secureConnect'));
  const bare = connectTls({ host, port: door.port, rejectUnauthorized: false });
  await assert.rejects(once(bare, 'secureConnect'));
  const closed: Promise<unknown>[] = [];
  for (const said of ['', 'GET /v1/blobs HTTP/1.1\r\nhost: x\r\n\r\n', randomBytes(5_000), Buffer.from([22, 3, 1, 255, 255, 1])]) {
    const socket = connect(door.port, host).on('error', () => {});
    await once(socket, 'connect');
    socket.write(said === '' ? Buffer.from([22]) : said);
    closed.push(new Promise((resolve) => socket.resume().once('close', resolve)));
  }
  const { cid } = await a.engine.store.put(BYTES);
  assert.ok(BYTES.equals(await new RemoteStore(doorAt(b.ways, a.did)).read(cid)));
  await a[Symbol.asyncDispose]();
  await Promise.all(closed);
});

test('whoever listens where a door was gets neither token nor request', { skip: noOpenssl }, async () => {
  await using members = await two();
  const { a, b } = members;
  const { door } = await b.ways.to(a.did);
  const heard: Uint8Array[] = [];
  const hear = (bytes: string | Uint8Array): void => void heard.push(Buffer.from(bytes));
  using folder = new DisposableStack();
  const path = folder.adopt(mkdtempSync(join(tmpdir(), 'docket-door-')), (made) => rmSync(made, { recursive: true }));
  const made = makeCertificate(path, 'door');
  const [cert, key] = [readFileSync(made.cert), readFileSync(made.key)];
  const plain = createServer(
    (socket) =>
      void socket
        .on('error', () => {})
        .on('data', (bytes: Buffer) => void heard.push(bytes))
        .end('HTTP/1.1 200 OK\r\n\r\n'),
  );
  const certified = createTls({ cert, key }, (socket) => void socket.on('data', hear)).on('tlsClientError', () => {});
  const stranger = createTls({ ...SHARED_KEY_TLS, pskCallback: () => randomBytes(32) }, (socket) => void socket.on('data', hear)).on(
    'tlsClientError',
    () => {},
  );
  for (const server of [plain, certified, stranger]) {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    await assert.rejects(openConnection(a.did, { ...door, port }, systemClock), { code: 'AGENT_UNREACHABLE' });
    server.close();
  }
  assert.ok(!Buffer.concat(heard).includes('GET'), 'hellos at most');
});
