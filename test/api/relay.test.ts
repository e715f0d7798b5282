import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { before, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { buildGuests } from '../../scripts/build-guests.ts';
import * as Cid from '../../src/ipld/cid.ts';
import { create as createToken } from '../../src/agent/tokens.ts';
import { collect } from '../contract/store.ts';
import { HandClock } from '../hand-clock.ts';
import { HostileServer } from '../store/hostile-server.ts';
import { Door, type Problem } from './helpers.ts';
import { answersAs, holds, relayBefore, together } from './peers-helpers.ts';

/** Agents without a role have a peer answer. */

before(() => buildGuests());

const code = async (reply: Response): Promise<string> => `${reply.status} ${((await reply.json()) as Problem).code}`;

/** The first relays what the second is there for, and the second asks the first for what it lacks. */
const pair = (roles: readonly ['runner'] | readonly ['storage']) => together(2, { peersOf: (i) => [1 - i], options: [{ roles }, {}] });

/** Lets time go on until there is a reply. */
async function passing(clock: HandClock, reply: Promise<Response>): Promise<Response> {
  const told = { isOver: false };
  const over = (): void => void (told.isOver = true);
  reply.then(over, over);
  while (!told.isOver) {
    clock.advance(1000);
    await turn();
  }
  return await reply;
}

test('jobs run at the peer, and are told here as there', async () => {
  await using both = await pair(['storage']);
  const [relay, runner] = both.doors as [Door, Door];
  // Named at the relay: the runner asks for it.
  await relay.push('count-words');
  await relay.push('exit', { more: 'args = ["3"]\n' });
  for (const cached of ['false', 'true']) {
    const reply = await relay.ask('POST', '/v1/jobs/org.example.count-words/run', { body: 'b a b' });
    assert.deepEqual([reply.status, await reply.text()], [200, 'a\t1\nb\t2\n']);
    assert.deepEqual([reply.headers.get('docket-exit'), reply.headers.get('docket-cached')], ['0', cached]);
    assert.equal(reply.headers.get('serval-proxied-from'), runner.agent.engine.key.did);
    const name = String(reply.headers.get('docket-receipt'));
    const { instruction } = runner.agent.engine.ledger.receipt(Cid.parse(name))!;
    for (const path of [`/v1/receipts/${name}`, `/v1/receipts?instruction=${instruction}`]) {
      const told = await (await relay.ask('GET', path)).text();
      assert.ok(told.includes(name) && told === (await (await runner.ask('GET', path)).text()), told);
    }
  }
  const failed = await relay.ask('POST', '/v1/jobs/org.example.exit/run', { headers: { accept: 'application/json' } });
  assert.equal(((await failed.json()) as { exit: number }).exit, 3);
  assert.equal(await code(await relay.ask('POST', '/v1/jobs/org.example.gone/run', { body: 'x' })), '404 MANIFEST_UNKNOWN');
  const jobs = async (door: Door): Promise<unknown> => (await door.ask('GET', '/v1/jobs')).json();
  assert.deepEqual(await jobs(relay), await jobs(runner));
  assert.equal(relay.agent.engine.ledger.runs({ limit: 10 }).length, 0, 'nothing ran here');
});

test('workflows run at the peer: submitted once, watched, cancelled and forgotten through the relay', async () => {
  await using both = await pair(['storage']);
  const [relay] = both.doors as [Door, Door];
  await relay.push('count-words');
  await relay.push('loop');
  const input = await relay.agent.engine.store.put(Buffer.from('x y x '.repeat(1000)));
  const send = (text: string, key = '') =>
    relay.ask('POST', '/v1/runs?file=a.yaml', { body: text, headers: key === '' ? {} : { 'idempotency-key': key } });
  const count = `tasks:\n  count:\n    module: org.example.count-words\n    stdin: { file: "ipfs://${input.cid}" }\n`;
  const [sent, again] = [await send(count, 'k'), await send(count, 'k')];
  assert.deepEqual([sent.status, again.status], [201, 200], await sent.clone().text());
  const { run } = (await sent.json()) as { run: string };
  assert.deepEqual(await again.json(), { run });
  assert.equal(sent.headers.get('location'), `/v1/runs/${run}`);
  // To its end: what has not happened yet nobody can go on after.
  const whole = await (await relay.ask('GET', `/v1/runs/${run}/events`)).text();
  assert.match(whole, /^id: 1\nevent: begun/m);
  const events = await relay.ask('GET', `/v1/runs/${run}/events`, { headers: { 'last-event-id': '2' } });
  assert.equal(events.headers.get('content-type'), 'text/event-stream');
  const text = await events.text();
  assert.ok(!text.includes('event: begun') && text.includes('event: ended'), text);
  for (const part of ['', '/tasks', '/graph']) assert.equal((await relay.ask('GET', `/v1/runs/${run}${part}`)).status, 200);

  const { run: looping } = (await (await send('tasks:\n  loop:\n    module: org.example.loop\n    limits: { time: 1h }\n')).json()) as {
    run: string;
  };
  assert.deepEqual(await (await relay.ask('POST', `/v1/runs/${looping}/cancel`)).json(), { run: looping, state: 'cancelled' });
  assert.equal((await relay.ask('DELETE', `/v1/runs/${run}`)).status, 204);
  assert.equal(await code(await relay.ask('GET', `/v1/runs/${run}`)), '404 RUN_UNKNOWN');
});

test('blobs and modules are stored at the peer; what jobs here need is fetched, and what they made is here', async () => {
  await using both = await pair(['runner']);
  const [relay, storage] = both.doors as [Door, Door];
  await relay.push('count-words');
  assert.deepEqual(await (await storage.ask('GET', '/v1/storage/manifests')).json(), [
    'org.example.count-words.manifest.toml',
    'org.example.count-words.1.wasm',
  ]);
  const bytes = randomBytes(5_000_000);
  const cid = Cid.ofBlob(bytes);
  assert.equal((await relay.ask('PUT', `/v1/blobs/${cid}`, { body: bytes })).status, 201);
  assert.deepEqual([await holds(relay, cid), await holds(storage, cid)], [false, true]);
  const got = await relay.ask('GET', `/v1/blobs/${cid}`);
  assert.ok(Buffer.from(await got.arrayBuffer()).equals(bytes));
  assert.deepEqual([got.headers.get('etag'), got.headers.get('content-length')], [`"${cid}"`, String(bytes.length)]);
  assert.equal((await relay.ask('HEAD', `/v1/blobs/${cid}`)).headers.get('content-length'), String(bytes.length));
  assert.equal(await holds(relay, cid), false, 'passed on, not kept');
  assert.equal((await relay.ask('GET', `/v1/blobs/${cid}`, { headers: { 'if-none-match': `"${cid}"` } })).status, 304);
  const part = await relay.ask('GET', `/v1/blobs/${cid}`, { headers: { range: 'bytes=0-9' } });
  assert.deepEqual([part.status, (await part.arrayBuffer()).byteLength], [200, bytes.length], 'a part could not be verified');
  const missing = { body: JSON.stringify({ cids: [cid.toString()] }) };
  assert.deepEqual(await (await relay.ask('POST', '/v1/blobs/missing', missing)).json(), { missing: [] });
  const wrong = await relay.ask('PUT', `/v1/blobs/${cid}`, { body: 'wrong' });
  assert.equal(await code(wrong), '422 BLOB_MISMATCH');

  const words = Array.from({ length: 3000 }, (_, i) => `w${i}`).join(' ');
  const ran = await relay.ask('POST', '/v1/jobs/org.example.count-words/run', { body: words, headers: { accept: 'application/json' } });
  const { stdout, exit } = (await ran.json()) as { stdout: { cid: string; size: number }; exit: number };
  assert.equal(exit, 0);
  assert.deepEqual([await holds(relay, Cid.parse(stdout.cid)), await holds(storage, Cid.parse(stdout.cid))], [true, false]);
  assert.equal((await (await relay.ask('GET', `/v1/blobs/${stdout.cid}`)).arrayBuffer()).byteLength, stdout.size);
  // The other finds it too, through the one that has no storage for others.
  assert.equal((await (await storage.ask('GET', `/v1/blobs/${stdout.cid}`)).arrayBuffer()).byteLength, stdout.size);
});

test('without anybody who has the role, or in a circle of those that have not, it is said', async () => {
  await using alone = await Door.open({ roles: [] });
  assert.equal(await code(await alone.ask('POST', '/v1/jobs/org.example.x/run', { body: 'x' })), '503 ROLE_UNFILLED');
  assert.equal(await code(await alone.ask('POST', '/v1/storage/data', { body: 'x' })), '503 ROLE_UNFILLED');
  await using circle = await together(3, {
    peersOf: (i) => [(i + 1) % 3],
    options: [{ roles: ['storage'] }, { roles: ['storage'] }, { roles: ['storage'] }],
  });
  assert.equal(await code(await circle.doors[0]!.ask('GET', '/v1/runs')), '503 ROLE_UNFILLED');
  const gone = await HostileServer.open(() => {});
  await gone[Symbol.asyncDispose]();
  await using cutOff = await Door.open({ roles: [], peers: [{ url: gone.url }] });
  const reply = await cutOff.ask('GET', '/v1/runs');
  assert.ok(((await reply.clone().json()) as Problem).detail.includes(gone.url));
  assert.equal(await code(reply), '503 ROLE_UNFILLED');
});

test('rights are checked here: no token, no scope, another module, limits a peer would not know of', async () => {
  await using both = await pair(['storage']);
  const [relay] = both.doors as [Door, Door];
  await relay.push('count-words');
  const bearing = async (rights: Parameters<typeof createToken>[1]): Promise<{ authorization: string }> => ({
    authorization: `Bearer ${(await createToken(relay.agent.engine, rights, undefined)).token}`,
  });
  const run = (headers: { authorization: string }, name = 'count-words') =>
    relay.ask('POST', `/v1/jobs/org.example.${name}/run`, { body: 'a', headers });
  assert.equal(await code(await run({ authorization: 'Bearer wrong' })), '401 UNAUTHORIZED');
  assert.equal(await code(await run(await bearing({ scopes: ['read'] }))), '403 FORBIDDEN');
  const modules = ['org.example.count_words'];
  assert.equal(await code(await run(await bearing({ scopes: ['run'], modules }), 'exit')), '403 FORBIDDEN');
  assert.equal(await code(await run(await bearing({ scopes: ['run'], modules, limits: { time: 1 } }))), '403 FORBIDDEN');
  assert.equal(await (await run(await bearing({ scopes: ['run'], modules }))).text(), 'a\t1\n');
  const { cid } = await relay.agent.engine.store.put(Buffer.from('no plan'));
  const plan = async (scopes: readonly ('run' | 'admin')[]): Promise<string> =>
    code(await relay.ask('POST', `/v1/plans/${cid}/runs`, { body: '{}', headers: await bearing({ scopes }) }));
  assert.equal(await plan(['run']), '403 FORBIDDEN', 'a peer would give it what the relay may have');
  assert.equal(await plan(['run', 'admin']), '422 WORKFLOW_INVALID');
});

test('a request goes on as it came, but for who asks and what belongs to the connection', async () => {
  const bytes = randomBytes(1_000_000);
  let seen: unknown;
  await using one = await relayBefore((request, response) => {
    void collect(request as AsyncIterable<Uint8Array>).then((body) => {
      const {
        authorization,
        'x-mine': mine,
        'docket-hops': hops,
        'content-length': length,
        host,
        'serval-proxied-for': by,
      } = request.headers;
      seen = { authorization, mine, hops, length, host, by, method: request.method, url: request.url, same: body.equals(bytes) };
      response.writeHead(418, { 'x-theirs': 'yes', connection: 'x-own', 'x-own': 'no' }).end('short and stout');
    });
  });
  const reply = await one.relay.ask('POST', '/v1/jobs/a.b%40sha256-%2F/run?q=%2F', { body: bytes, headers: { 'x-mine': 'yes' } });
  assert.deepEqual(seen, {
    authorization: 'Bearer its-token',
    mine: 'yes',
    hops: '1',
    length: String(bytes.length),
    host: new URL(one.server.url).host,
    by: one.relay.agent.engine.key.did,
    method: 'POST',
    url: '/v1/jobs/a.b%40sha256-%2F/run?q=%2F',
    same: true,
  });
  assert.deepEqual(
    [reply.status, reply.headers.get('x-theirs'), reply.headers.get('x-own'), reply.headers.get('serval-proxied-from'), await reply.text()],
    [418, 'yes', null, 'did:key:other', 'short and stout'],
  );
});

test('a request is never led elsewhere by what stands in its first line', async () => {
  await using one = await relayBefore((request, response) => void response.end(`${request.headers.host} ${request.url}`));
  const { port } = new URL(one.relay.agent.url);
  const first = async (target: string): Promise<string> => {
    const socket = connect(Number(port), '127.0.0.1');
    socket.write(
      `GET ${target} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${one.relay.agent.token}\r\nConnection: close\r\n\r\n`,
    );
    return (await collect(socket as AsyncIterable<Uint8Array>)).toString();
  };
  const { host } = new URL(one.server.url);
  assert.match(await first('/v1/runs?x=/../%2e%2e/'), new RegExp(`${host} /v1/runs\\?x=/../%2e%2e/$`));
  for (const target of [
    'http://127.0.0.1/v1/runs',
    '//elsewhere.example/v1/runs',
    'http://elsewhere.example/v1/runs',
    '/v1/runs/%2e%2e%2f%2e%2e',
  ])
    assert.match(await first(target), new RegExp(`^HTTP/1.1 (4..|200)[^]*(problem|${host} /)`), target);
});

test('an answer that cannot be one is not passed on', async () => {
  await using server = await HostileServer.open((request, response) => {
    if (!answersAs('did:key:other', request, response)) request.socket.end('HTTP/1.1 099 Strange\r\nContent-Length: 0\r\n\r\n');
  });
  await using relay = await Door.open({ roles: [], peers: [{ url: server.url }] });
  assert.match(await code(await relay.ask('POST', '/v1/jobs/a.b/run', { body: 'x' })), /^50[23] /);
});

test('bytes flow both ways before either end has all of them', async () => {
  await using one = await relayBefore((request, response) => {
    response.writeHead(200);
    request.once('data', (chunk: Buffer) => response.write(chunk));
    request.on('end', () => response.end('end'));
  });
  const gate = Promise.withResolvers<void>();
  const body = ReadableStream.from(
    (async function* () {
      yield Buffer.from('first');
      await gate.promise;
    })(),
  );
  const headers = { authorization: `Bearer ${one.relay.agent.token}` };
  const reply = await fetch(`${one.relay.agent.url}/v1/jobs/a.b/run`, { method: 'POST', body, headers, duplex: 'half' });
  const reader = reply.body!.getReader();
  assert.equal(Buffer.from((await reader.read()).value).toString(), 'first');
  gate.resolve();
  assert.equal(Buffer.from((await reader.read()).value).toString(), 'end');
});

test('a peer that dies in the middle cuts the reply; before it, that is told', async () => {
  const bytes = randomBytes(1_000_000);
  await using half = await relayBefore((_, response) => {
    response.writeHead(200, { 'content-length': bytes.length });
    response.write(bytes.subarray(0, 500_000), () => response.destroy());
  });
  const reply = await half.relay.ask('GET', '/v1/runs');
  assert.equal(reply.status, 200);
  await assert.rejects(reply.arrayBuffer());
  assert.equal((await half.relay.ask('GET', '/monitor/ping')).status, 200);

  await using cut = await relayBefore((request) => {
    request.once('data', () => request.socket.destroy());
  });
  assert.equal(await code(await cut.relay.ask('POST', '/v1/jobs/a.b/run', { body: bytes })), '502 AGENT_UNREACHABLE');
});

test('a peer that stalls ends in a time-out when it does not say that it lives either, and not before', async () => {
  const clock = new HandClock();
  let looks = 0;
  await using server = await HostileServer.open((request, response) => {
    if (request.url === '/v1/agents' && looks++ > 3) return;
    answersAs('did:key:other', request, response);
  });
  await using relay = await Door.open({ clock, roles: [], peers: [{ url: server.url }] });
  assert.equal(await code(await passing(clock, relay.ask('POST', '/v1/jobs/a.b/run', { body: 'x' }))), '504 AGENT_TIMEOUT');
  assert.ok(looks > 4, String(looks));
});

test('a caller that goes away ends the request at the peer', async () => {
  const [asked, closed] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  await using one = await relayBefore((_, response) => {
    asked.resolve();
    response.on('close', () => closed.resolve());
  });
  const abort = new AbortController();
  const headers = { authorization: `Bearer ${one.relay.agent.token}` };
  const reply = fetch(`${one.relay.agent.url}/v1/jobs/a.b/run`, { method: 'POST', body: 'x', headers, signal: abort.signal });
  await asked.promise;
  abort.abort();
  await assert.rejects(reply);
  await closed.promise;
});

test('bytes that are not those of the blob never come out whole', async () => {
  const bytes = randomBytes(1_000_000);
  const cid = Cid.ofBlob(bytes);
  for (const wrong of [randomBytes(bytes.length), randomBytes(10), Buffer.alloc(0)]) {
    await using one = await relayBefore((_, response) => response.writeHead(200, { 'content-length': wrong.length }).end(wrong));
    const got = async (): Promise<void> => {
      const reply = await one.relay.ask('GET', `/v1/blobs/${cid}`);
      assert.equal(reply.status, 200);
      await reply.arrayBuffer();
    };
    await assert.rejects(got);
  }
  await using right = await relayBefore((_, response) => response.writeHead(200, { 'content-length': bytes.length }).end(bytes));
  assert.ok(Buffer.from(await (await right.relay.ask('GET', `/v1/blobs/${cid}`)).arrayBuffer()).equals(bytes));
});

test('the next peer is asked if one cannot be reached, or has not the run', async () => {
  const gone = await HostileServer.open((request, response) => void answersAs('did:key:gone', request, response));
  await using empty = await Door.open();
  await using holder = await Door.open();
  await holder.push('noop');
  const peers = [{ url: gone.url }, ...[empty, holder].map(({ agent: { url, token } }) => ({ url, token }))];
  await using relay = await Door.open({ roles: [], peers });
  const sent = await holder.ask('POST', '/v1/runs', { body: 'tasks:\n  one:\n    module: org.example.noop\n' });
  const { run } = (await sent.json()) as { run: string };
  // What it was is known when it goes.
  await relay.ask('GET', '/v1/agents');
  await gone[Symbol.asyncDispose]();
  assert.equal((await relay.ask('POST', '/v1/blobs', { body: randomBytes(100_000) })).status, 201);
  assert.equal((await relay.ask('GET', `/v1/runs/${run}`)).status, 200);
  const unknown = `/v1/runs/${run.replace(/.{4}$/, '0000')}`;
  assert.equal(await code(await relay.ask('GET', unknown)), '503 ROLE_UNFILLED', 'the one that is away may have it');
  await using both = await Door.open({ roles: [], peers: peers.slice(1) });
  assert.equal(await code(await both.ask('GET', unknown)), '404 RUN_UNKNOWN');
});
