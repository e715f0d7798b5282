import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { relayTo } from '../../src/agent/peers/relay-request.ts';
import { systemClock } from '../../src/base/clock.ts';
import * as Cid from '../../src/ipld/cid.ts';
import type { AgentView } from '../../src/protocol/peers.ts';
import { digestHex } from '../../src/store/digest.ts';
import { collect } from '../contract/store.ts';
import { Door, type Problem } from './helpers.ts';
import { relayBefore } from './peers-helpers.ts';

/** A relay asks with a token of its own: nobody may make it ask for something else than was checked, and no peer may have it give what is not the blob. */

const VIEW: AgentView = {
  did: 'did:key:raw',
  address: 'raw:1',
  version: '0',
  slots: 1,
  roles: ['runner', 'storage'],
  ops: [],
  tags: {},
  started: '',
};

/** A peer whose every byte received is kept. It answers 200 as soon as a head is there, and lives behind `/mine`. */
async function rawPeer(): Promise<AsyncDisposable & { readonly url: string; readonly received: () => Promise<string[]> }> {
  const open = new Set<Socket>();
  const requests: Promise<string>[] = [];
  const server = createServer((socket) => {
    open.add(socket);
    let text = '';
    let isAnswered = false;
    const closed = Promise.withResolvers<string>();
    socket.on('error', () => {});
    socket.on('close', () => closed.resolve(text));
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      if (isAnswered || !text.includes('\r\n\r\n')) return;
      isAnswered = true;
      const isLook = text.startsWith('GET /mine/v1/agents ');
      if (!isLook) requests.push(closed.promise);
      const body = isLook ? JSON.stringify({ agents: [VIEW] }) : '{}';
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mine`,
    received: () => Promise.all(requests.splice(0)),
    [Symbol.asyncDispose]: async () => {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** What comes back for bytes that no client would send. */
async function exchange({ agent }: Door, head: readonly string[], body = ''): Promise<string> {
  const { host, port, hostname } = new URL(agent.url);
  const socket = connect(Number(port), hostname);
  socket.write([...head, `Host: ${host}`, `Authorization: Bearer ${agent.token}`, '', body].join('\r\n'));
  socket.on('data', () => socket.end());
  return (await collect(socket as AsyncIterable<Uint8Array>)).toString();
}

test('what goes on is the path that was matched, whatever stood in the first line', async () => {
  await using peer = await rawPeer();
  await using relay = await Door.open({ roles: [], peers: [{ url: peer.url }] });
  for (const target of [
    '/../../other/../v1/runs',
    '/v1/../v1/runs?limit=3',
    '/%2e%2E/.%2e/v1/runs',
    '/v1/./runs',
    '//v1/runs',
    'http://a/other/../v1/runs',
  ])
    assert.match(await exchange(relay, [`GET ${target} HTTP/1.1`, 'Connection: close']), /^HTTP\/1.1 404 [^]*ROUTE_UNKNOWN/, target);
  assert.match(await exchange(relay, ['GET /v1/runs?limit=3#/../../other HTTP/1.1', 'Connection: close']), /^HTTP\/1.1 400 /);
  assert.deepEqual(await peer.received(), []);
  for (const target of ['/v1/runs?limit=3', 'http://127.0.0.1/v1/runs?limit=3']) {
    await exchange(relay, [`GET ${target} HTTP/1.1`, 'Connection: close']);
    const [sent, ...more] = await peer.received();
    assert.match(sent ?? 'nothing', /^GET \/mine\/v1\/runs\?limit=3 HTTP/, target);
    assert.equal(more.length, 0);
  }
  const manifest = '/v1/storage/manifests/a.b/executable/';
  for (const steps of ['..%2f..%2f..%2f..%2fother', '1%2F%2e%2e', '%2e%5C1', '..%5c..'])
    assert.match(
      await exchange(relay, [`GET ${manifest}${steps} HTTP/1.1`, 'Connection: close']),
      /^HTTP\/1.1 400 [^]*REQUEST_INVALID/,
      steps,
    );
  assert.deepEqual(await peer.received(), []);
  await exchange(relay, [`GET ${manifest}1.0..2%2Fx...?q=..%2f HTTP/1.1`, 'Connection: close']);
  assert.match(String(await peer.received()), /^GET \/mine\/v1\/storage\/manifests\/a\.b\/executable\/1\.0\.\.2%2Fx\.\.\.\?q=\.\.%2f HTTP/);
});

test('no body goes where none is read, and none without an end', async () => {
  await using peer = await rawPeer();
  await using relay = await Door.open({ roles: [], peers: [{ url: peer.url }] });
  const hidden = 'POST /v1/tokens HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n';
  const chunked = `${hidden.length.toString(16)}\r\n${hidden}\r\n0\r\n\r\n`;
  const sent = async (first: string, headers: readonly string[], body: string): Promise<{ head: string; body: string }> => {
    assert.match(await exchange(relay, [`${first} HTTP/1.1`, ...headers], body), /^HTTP\/1.1 200 /);
    const [text = '', ...more] = await peer.received();
    assert.equal(more.length, 0);
    const end = text.indexOf('\r\n\r\n');
    return { head: text.slice(0, end).toLowerCase(), body: text.slice(end + 4) };
  };
  const cid = Cid.ofBlob(Buffer.from('x'));
  for (const first of ['GET /v1/runs', `DELETE /v1/blobs/${cid}`]) {
    for (const [headers, body] of [
      [['Transfer-Encoding: chunked'], chunked],
      [[`Content-Length: ${hidden.length}`], hidden],
      [[`Content-Length: ${hidden.length}`, 'Connection: content-length'], hidden],
    ] as const) {
      const told = await sent(first, headers, body);
      assert.equal(told.body, '', `${first} ${headers.join()}`);
      assert.doesNotMatch(told.head, /\r\n(?:content-length|transfer-encoding):/);
    }
  }
  const named = await sent('POST /v1/blobs', [`Content-Length: ${hidden.length}`, 'Connection: close, Content-Length'], hidden);
  assert.match(named.head, new RegExp(`\r\ncontent-length: ${hidden.length}(?:\r\n|$)`));
  const pieces = await sent('POST /v1/blobs', ['Transfer-Encoding: chunked'], chunked);
  assert.match(pieces.head, /\r\ntransfer-encoding: chunked(?:\r\n|$)/);
  // No route takes a body with this method at the moment.
  const reply = await relayTo(
    { url: peer.url, door: { url: peer.url, clock: systemClock }, view: VIEW, state: { tag: 'up', seen: 0, view: VIEW } },
    {
      role: 'storage',
      method: 'DELETE',
      path: '/x',
      headers: {},
      body: ReadableStream.from([Buffer.from(hidden)]),
      digest: undefined,
      hops: 0,
      signal: new AbortController().signal,
    },
    { did: 'did:key:own', peers: { clock: systemClock, isAlive: async () => true } },
  );
  await collect(reply.body!());
  assert.match((await peer.received()).join().toLowerCase(), /\r\ntransfer-encoding: chunked\r\n/);
  const none = await sent('POST /v1/blobs', [], '');
  assert.match(none.head, /\r\n(?:content-length: 0|transfer-encoding: chunked)(?:\r\n|$)/);
});

test('a blob comes whole and as it is, or not at all: by CID, by integrity, and for Bazel', async () => {
  const bytes = randomBytes(1000);
  const cid = Cid.ofBlob(bytes);
  const state: { status: number; headers: Record<string, string>; body: Uint8Array } = { status: 200, headers: {}, body: bytes };
  const asked: (string | undefined)[] = [];
  await using one = await relayBefore((request, response) => {
    asked.push(request.headers.range, request.headers['accept-encoding']);
    response.writeHead(state.status, { ...state.headers, ...(state.status === 304 ? {} : { 'content-length': state.body.length }) });
    response.end(state.status === 304 ? undefined : state.body);
  });
  for (const path of [`/v1/blobs/${cid}`, `/v1/storage/data/${Cid.toSri(cid)}`, `/cache/cas/${digestHex(cid)}`]) {
    const ask = (how: Partial<typeof state>, headers: Record<string, string> = {}): Promise<Response> => {
      Object.assign(state, { status: 200, headers: {}, body: bytes }, how);
      return one.relay.ask('GET', path, { headers });
    };
    const whole = await ask({}, { range: 'bytes=0-4', 'accept-encoding': 'gzip' });
    assert.equal(whole.status, 200);
    assert.ok(Buffer.from(await whole.arrayBuffer()).equals(bytes));
    const wrong = Buffer.from('WRONG');
    assert.equal(((await (await ask({ body: wrong })).json()) as Problem).code, 'BLOB_DAMAGED');
    for (const answer of [
      ...[201, 202, 203, 206, 226, 299, 300].map((status) => ({ status, body: wrong })),
      { status: 206, headers: { 'content-range': 'bytes 0-4/5' }, body: wrong },
      { status: 307, headers: { location: 'http://127.0.0.1:1/' }, body: wrong },
      { headers: { 'content-encoding': 'gzip' }, body: gzipSync(bytes) },
    ]) {
      const reply = await ask(answer);
      assert.deepEqual(
        [reply.status, ((await reply.json()) as Problem).code],
        [502, 'AGENT_INVALID'],
        `${path} ${answer.status ?? 'packed'}`,
      );
    }
    assert.equal((await ask({ status: 304 }, { 'if-none-match': `"${cid}"` })).status, 304);
    for (const status of [404, 503]) assert.equal((await ask({ status })).status, status);
  }
  assert.deepEqual([...new Set(asked)], [undefined]);
});

test('what Bazel asks for is given from here if it is here', async () => {
  await using one = await relayBefore((_, response) => void response.writeHead(404).end());
  const bytes = randomBytes(1000);
  const { cid } = await one.relay.agent.engine.store.put(bytes);
  for (const [blob, there] of [
    [bytes, digestHex(cid)],
    [Buffer.alloc(0), digestHex(Cid.ofBlob(Buffer.alloc(0)))],
  ] as const) {
    const reply = await one.relay.ask('GET', `/cache/cas/${there}`);
    assert.equal(reply.status, 200);
    assert.ok(Buffer.from(await reply.arrayBuffer()).equals(blob));
  }
  assert.equal((await one.relay.ask('GET', `/cache/cas/${'0'.repeat(64)}`)).status, 404);
  assert.deepEqual(
    one.server.asked.filter((line) => line.includes('/cache/')),
    [`GET /cache/cas/${'0'.repeat(64)}`],
  );
});
