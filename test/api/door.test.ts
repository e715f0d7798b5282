import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent as Connections, get } from 'node:https';
import { connect, type Socket } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { buildGuests } from '../../scripts/build-guests.ts';
import { HttpServer } from '../../src/agent/http-server.ts';
import { systemClock } from '../../src/base/clock.ts';
import { isDocketError } from '../../src/errors.ts';
import { makeCertificate, noOpenssl } from '../make-certificate.ts';
import { Door, type Problem } from './helpers.ts';

/** Who gets in, as what, and how much of it. */

before(() => buildGuests());

const LOOP = 'tasks:\n  slow: { module: org.example.loop, limits: { time: 10min } }\n';

async function problem(reply: Response): Promise<readonly [status: number, code: string]> {
  const { status, code } = (await reply.json()) as Problem;
  assert.equal(status, reply.status);
  return [status, code];
}

/** What comes back for some bytes, to the end of the connection. */
async function answer(port: number, bytes: string): Promise<{ readonly status: number; readonly body: string }> {
  const socket: Socket = connect(port, '127.0.0.1');
  socket.write(bytes);
  const reply = await text(socket);
  const [head = '', body = ''] = reply.split('\r\n\r\n');
  return { status: Number(head.split(' ')[1]), body };
}

test('what is no request is told so, and its connection ends', async () => {
  await using door = await Door.open();
  const port = Number(new URL(door.agent.url).port);
  const code = ({ body }: { readonly body: string }): string => (JSON.parse(body) as Problem).code;
  const huge = await answer(port, `GET /monitor/ping HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`);
  assert.deepEqual([huge.status, code(huge)], [431, 'HEADERS_TOO_LARGE']);
  const many = await answer(port, `GET / HTTP/1.1\r\n${'a: b\r\n'.repeat(50_000)}`);
  assert.deepEqual([many.status, code(many)], [431, 'HEADERS_TOO_LARGE']);
  for (const bytes of [
    '\0\0\0\0\r\n\r\n',
    '\x16\x03\x01\x02\x00\x01\x00',
    'GET  HTTP/9\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: a\r\nA b\r\n\r\n',
  ]) {
    const reply = await answer(port, bytes);
    assert.deepEqual([reply.status, code(reply)], [400, 'REQUEST_INVALID'], JSON.stringify(bytes));
  }
  for (const head of [
    'GET /x HTTP/1.1',
    'GET /x HTTP/1.1\r\nHost: a b',
    'GET /x HTTP/1.1\r\nHost: [localhost]',
    'GET /x#y HTTP/1.1\r\nHost: localhost',
    'GET /%ff HTTP/1.1\r\nHost: localhost',
    'GET /a\\b HTTP/1.1\r\nHost: localhost',
    'GET x HTTP/1.1\r\nHost: localhost',
  ]) {
    const reply = await answer(port, `${head}\r\nConnection: close\r\n\r\n`);
    assert.deepEqual([reply.status, code(reply)], [400, 'REQUEST_INVALID'], head);
  }
  const chunks = 'POST /v1/storage/data HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n';
  const torn = await answer(port, `${chunks}Authorization: Bearer ${door.agent.token}\r\n\r\nzz\r\n`);
  assert.deepEqual([torn.status, code(torn)], [400, 'REQUEST_INVALID']);
  assert.equal(await (await door.ask('GET', '/monitor/ping')).text(), 'pong');
});

test('a request behind garbage in the middle of a reply is not answered into that', async () => {
  const begun = Promise.withResolvers<void>();
  await using server = await HttpServer.listen({
    host: '127.0.0.1',
    port: 0,
    certificate: undefined,
    clock: systemClock,
    async handle(_, reply) {
      reply.writeHead(200, { 'content-length': '10' });
      reply.write('12345');
      const closed = once(reply, 'close');
      begun.resolve();
      await closed;
    },
  });
  const socket = connect(server.port, '127.0.0.1');
  socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  await begun.promise;
  const [first] = (await once(socket, 'data')) as [Buffer];
  socket.write('\0\0\0\r\n\r\n');
  assert.ok(!`${first}${await text(socket).catch(() => '')}`.includes('REQUEST_INVALID'));
});

// Node looks every 30 s unless it is told to look more often.
test('headers that do not come in time end their connection', { timeout: 20_000 }, async () => {
  await using server = await HttpServer.listen({
    host: '127.0.0.1',
    port: 0,
    certificate: undefined,
    clock: systemClock,
    headersTime: 50,
    handle: () => assert.fail('there is no request'),
  });
  for (const bytes of ['GET / HTTP/1.1\r\nHost: a\r\n', 'G', '']) {
    const { status, body } = await answer(server.port, bytes);
    assert.deepEqual([status, (JSON.parse(body) as Problem).code], [408, 'REQUEST_TIMEOUT'], bytes);
  }
});

test('of runs and jobs so many go on at a time; more are refused until one ends', async () => {
  await using door = await Door.open({ maxRuns: 1, maxJobs: 1 });
  await door.push('loop');
  await door.push('count-words');
  const submit = (body: string, key: string): Promise<Response> =>
    door.ask('POST', '/v1/runs', { body, headers: { 'idempotency-key': key } });
  const wrong = await submit('tasks: {}\nx: 1\n', 'wrong');
  assert.ok(wrong.status >= 400 && wrong.status < 500);
  await wrong.text();
  const both = await Promise.all([submit(LOOP, 'a'), submit(LOOP.replace('slow', 'other'), 'b')]);
  const [first, second] = both.toSorted((a, b) => a.status - b.status) as [Response, Response];
  const { run } = (await first.json()) as { run: string };
  assert.equal(second.headers.get('retry-after'), '5');
  assert.deepEqual(await problem(second), [503, 'AGENT_FULL']);
  const again = first === both[0] ? await submit(LOOP, 'a') : await submit(LOOP.replace('slow', 'other'), 'b');
  assert.equal(((await again.json()) as { run: string }).run, run, 'one that is there is no new one');
  await (await door.ask('POST', `/v1/runs/${run}/cancel`)).text();
  // The run has ended for others a moment before it has for the agent.
  for (;;) {
    const reply = await submit(LOOP, 'c');
    if (reply.status === 503) {
      await reply.text();
      continue;
    }
    const third = (await reply.json()) as { run: string };
    await (await door.ask('POST', `/v1/runs/${third.run}/cancel`)).text();
    break;
  }

  const hangUp = new AbortController();
  const job = fetch(`${door.agent.url}/v1/jobs/org.example.loop/run`, {
    method: 'POST',
    headers: { authorization: `Bearer ${door.agent.token}` },
    signal: hangUp.signal,
  }).catch(() => undefined);
  const count = (): Promise<Response> => door.ask('POST', '/v1/jobs/org.example.count-words/run', { body: 'a b' });
  for (;;) {
    const reply = await count();
    if (reply.status === 503) {
      assert.deepEqual(await problem(reply), [503, 'AGENT_FULL']);
      break;
    }
    await reply.text();
  }
  hangUp.abort();
  await job;
  for (let status = 503; status !== 200;) {
    const reply = await count();
    ({ status } = reply);
    await reply.text();
  }
});

test('ops it does not run are refused by name, and what it runs is told, with its tags', async () => {
  await using door = await Door.open({ ops: ['wasm/run'], tags: { zone: 'a' } });
  await door.push('loop');
  const refused: readonly Promise<Response>[] = [
    door.ask('POST', '/v1/runs', { body: LOOP }),
    door.ask('POST', '/v1/jobs/org.example.loop/run', { body: '' }),
  ];
  for (const reply of await Promise.all(refused)) {
    const { status, code, detail, next } = (await reply.json()) as Problem;
    assert.deepEqual([status, code], [403, 'OP_REFUSED']);
    assert.match(detail, /wasi\/run, which this agent does not run/);
    assert.match(next, /It runs: wasm\/run\./);
  }
  const status = (await (await door.ask('GET', '/monitor/status')).json()) as Record<string, unknown>;
  const { agents } = (await (await door.ask('GET', '/v1/agents')).json()) as { agents: Record<string, unknown>[] };
  for (const { ops, tags } of [status, agents[0]!]) assert.deepEqual([ops, tags], [['wasm/run'], { zone: 'a' }]);
  assert.deepEqual(await (await door.ask('GET', '/v1/runs')).json().then((all) => (all as { runs: unknown[] }).runs), []);
});

/** By whatever name it is called. */
async function statusFor(address: string, port: string, host: string): Promise<number> {
  const socket = connect(Number(port), address);
  socket.write(`GET /monitor/ping HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
  return Number((await text(socket)).split(' ')[1]);
}

test('one that listens everywhere is called by the address a connection came to, by loopback, or by a name it was given', async () => {
  await using door = await Door.open({ host: '0.0.0.0', insecure: true, names: ['docket.example'] });
  const { port, hostname } = new URL(door.agent.url);
  assert.equal(hostname, '127.0.0.1');
  for (const host of ['127.0.0.1', 'localhost:1', 'docket.example']) assert.equal(await statusFor('127.0.0.1', port, host), 200, host);
  assert.equal(await statusFor('127.0.0.2', port, '127.0.0.2'), 200);
  for (const host of ['0.0.0.0', '127.0.0.3', 'evil.example', '127.0.0.2.evil.example'])
    assert.equal(await statusFor('127.0.0.2', port, host), 403, host);
});

const noSixth = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === '::1'))
  ? false
  : 'there is no ::1 here';

test('so is one that listens to version 6 as well', { skip: noSixth }, async () => {
  await using door = await Door.open({ host: '::', insecure: true });
  const { port, hostname } = new URL(door.agent.url);
  assert.equal(hostname, '[::1]');
  assert.equal(await statusFor('::1', port, `[::1]:${port}`), 200);
  assert.equal(await statusFor('127.0.0.2', port, '127.0.0.2'), 200, 'also those of version 4 come to it');
  assert.equal(await statusFor('::1', port, '[::2]'), 403);
});

test('nothing but loopback is listened on in clear text unless told', async () => {
  for (const host of ['0.0.0.0', '::', 'docket.example'])
    await assert.rejects(Door.open({ host }), (error) => isDocketError(error, 'LISTEN_FAILED') && error.next.includes('--tls-cert'));
  const open = Door.open({ host: '0.0.0.0', insecure: true, anonymous: ['read'] });
  await assert.rejects(open, (error) => isDocketError(error, 'LISTEN_FAILED') && error.next.includes('--anonymous'));
});

const folder = mkdtempSync(join(tmpdir(), 'docket-door-'));
after(() => rmSync(folder, { recursive: true }));

/** Who answers, by the name in its certificate, and on which connection. */
function asked(url: string, connections: Connections): Promise<{ readonly name: string; readonly socket: TLSSocket }> {
  return new Promise((resolve, reject) => {
    get(`${url}/monitor/ping`, { agent: connections, rejectUnauthorized: false }, (reply) => {
      const socket = reply.socket as TLSSocket;
      const name = String(socket.getPeerCertificate().subject.CN);
      reply.on('end', () => resolve({ name, socket })).resume();
    }).on('error', reject);
  });
}

test('an agent speaks TLS, and gets a new certificate while connections go on', { skip: noOpenssl }, async () => {
  const [first, second] = [makeCertificate(folder, 'first'), makeCertificate(folder, 'second')];
  await using door = await Door.open({ tls: first });
  const { url } = door.agent;
  assert.match(url, /^https:/);
  const old = new Connections({ keepAlive: true, maxSockets: 1 });
  const earlier = await asked(url, old);
  assert.equal(earlier.name, 'first');
  for (const name of ['cert', 'key'] as const) writeFileSync(first[name], readFileSync(second[name]));
  door.agent.renewCertificate();
  const same = await asked(url, old);
  assert.equal(same.socket, earlier.socket, 'the connection stays');
  const fresh = new Connections({ maxCachedSessions: 0 });
  assert.equal((await asked(url, fresh)).name, 'second');
  writeFileSync(first.cert, 'x');
  assert.throws(
    () => door.agent.renewCertificate(),
    (error) => isDocketError(error, 'TLS_INVALID'),
  );
  assert.equal((await asked(url, fresh)).name, 'second', 'one that cannot be used changes nothing');
  old.destroy();
  const { port } = new URL(url);
  const plain = await answer(Number(port), 'GET / HTTP/1.1\r\n\r\n').catch(() => ({ status: 0, body: '' }));
  assert.notEqual(plain.status, 200);
});
