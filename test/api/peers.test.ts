import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { before, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { buildGuests } from '../../scripts/build-guests.ts';
import * as Cid from '../../src/ipld/cid.ts';
import { contentPath } from '../../src/store/paths.ts';
import { digestHex } from '../../src/store/digest.ts';
import { HandClock } from '../hand-clock.ts';
import { HostileServer } from '../store/hostile-server.ts';
import { Door, module, type Problem } from './helpers.ts';
import { answersAs, holds, together } from './peers-helpers.ts';

/** Agents that name each other as peers, in one process: they share nothing but what goes over HTTP. */

before(() => buildGuests());

const code = async (reply: Response): Promise<string> => `${reply.status} ${((await reply.json()) as Problem).code}`;

test('a blob that only the last of a chain has is fetched through it, and kept by everybody on the way', async () => {
  await using chain = await together(3, { peersOf: (i) => (i < 2 ? [i + 1] : []) });
  const [first, , last] = chain.doors as [Door, Door, Door];
  for (const size of [100, 3_000_000]) {
    const bytes = randomBytes(size);
    const cid = Cid.ofBlob(bytes);
    assert.equal((await last.ask('PUT', `/v1/blobs/${cid}`, { body: bytes })).status, 201);
    const head = await first.ask('HEAD', `/v1/blobs/${cid}`);
    assert.deepEqual([head.status, head.headers.get('content-length')], [200, String(size)]);
    assert.equal(await holds(first, cid), false, 'asking does not fetch');
    const part = await first.ask('GET', `/v1/blobs/${cid}`, { headers: { range: 'bytes=5-9' } });
    assert.deepEqual([part.status, Buffer.from(await part.arrayBuffer())], [206, bytes.subarray(5, 10)]);
    for (const door of chain.doors) assert.equal(await holds(door, cid), true);
    const sri = await first.ask('GET', `/v1/storage/data/${Cid.toSri(cid)}`);
    assert.ok(Buffer.from(await sri.arrayBuffer()).equals(bytes));
  }
});

test('three in a circle that all lack a blob say so, and ask no further', async () => {
  await using circle = await together(3, { peersOf: (i) => [(i + 1) % 3, (i + 2) % 3, i] });
  const cid = Cid.ofBlob(randomBytes(10));
  for (const door of circle.doors) {
    assert.equal(await code(await door.ask('GET', `/v1/blobs/${cid}`)), '404 BLOB_MISSING');
    assert.equal((await door.ask('HEAD', `/v1/blobs/${cid}`)).status, 404);
    assert.equal(await code(await door.ask('POST', '/v1/jobs/org.example.gone/run')), '404 MANIFEST_UNKNOWN');
  }
  const bytes = randomBytes(1000);
  const there = Cid.ofBlob(bytes);
  await circle.doors[2]!.ask('PUT', `/v1/blobs/${there}`, { body: bytes });
  assert.equal((await circle.doors[0]!.ask('GET', `/v1/blobs/${there}`)).status, 200);
  assert.equal(
    await code(await circle.doors[0]!.ask('GET', `/v1/blobs/${cid}`, { headers: { 'docket-hops': 'x' } })),
    '400 REQUEST_INVALID',
  );
});

test('a damaged copy is fetched anew', async () => {
  await using pair = await together(2, { peersOf: (i) => (i === 0 ? [1] : []) });
  const [first, second] = pair.doors as [Door, Door];
  const bytes = randomBytes(10_000);
  const { cid } = await first.agent.engine.store.put(bytes);
  await second.agent.engine.store.put(bytes);
  rmSync(contentPath(first.agent.engine.paths.store, digestHex(cid)));
  assert.ok(Buffer.from(await (await first.ask('GET', `/v1/blobs/${cid}`)).arrayBuffer()).equals(bytes));
});

test('a module is found by name at a peer, checked, kept, and from then on what it is', async () => {
  await using pair = await together(2, { peersOf: (i) => (i === 0 ? [1] : []) });
  const [first, second] = pair.doors as [Door, Door];
  await second.push('count-words', { version: '1.0.0' });
  const run = async (name: string): Promise<string> => {
    const reply = await first.ask('POST', `/v1/jobs/${encodeURIComponent(name)}/run`, { body: 'b a' });
    return reply.status === 200 ? await reply.text() : await code(reply);
  };
  assert.equal(await run('org.example.count-words@2'), '404 MANIFEST_UNKNOWN');
  assert.equal(await run('org.example.count-words'), 'a\t1\nb\t1\n');
  await second.push('count-words', { version: '1.1.0', more: 'args = ["x"]\n' });
  await run('org.example.count-words@latest');
  const names = async (door: Door): Promise<unknown> => (await door.ask('GET', '/v1/storage/manifests')).json();
  assert.deepEqual(
    await names(first),
    ['org.example.count-words.manifest.toml', 'org.example.count-words.1.0.0.wasm'],
    'what is here decides',
  );
  assert.equal((await first.ask('GET', '/v1/storage/manifests/org.example.count-words@1.1.0')).status, 200);
  assert.equal(((await names(first)) as string[]).length, 3, 'asked for by its version it comes');

  const sri = Cid.toSri(Cid.ofBlob(module('noop')));
  await second.push('noop');
  assert.equal(await run(`org.example.noop@${sri}`), '');
  assert.equal(await run(`org.example.noop@${sri.replace(/.{4}=$/, 'AAAA=')}`), '404 MANIFEST_UNKNOWN');
  const executable = await first.ask('GET', '/v1/storage/manifests/org.example.noop/executable/1');
  assert.deepEqual(Buffer.from(await executable.arrayBuffer()), Buffer.from(module('noop')));
});

test('a manifest that a peer offers under another name, or with a module that is none, names nothing here', async () => {
  const other = 'namespace = "org.example"\nname = "other"\nversion = "1"\nbinary = "x"\ndescription = ""\n';
  const etag = `"${Cid.ofBlob(Buffer.from('no module'))}"`;
  await using server = await HostileServer.open((request, response) => {
    if (answersAs('did:key:liar', request, response)) return;
    if (request.url!.startsWith('/v1/storage'))
      response.writeHead(200, { etag, 'content-length': other.length }).end(request.method === 'HEAD' ? '' : other);
    else if (request.method === 'HEAD') response.writeHead(200, { 'content-length': 9 }).end();
    else response.writeHead(200, { 'content-length': 9 }).end('no module');
  });
  await using door = await Door.open({ peers: [{ url: server.url }] });
  assert.equal(await code(await door.ask('POST', '/v1/jobs/org.example.wanted/run')), '503 MANIFEST_UNREACHABLE');
  assert.equal(await code(await door.ask('POST', '/v1/jobs/org.example.other/run')), '422 MODULE_INVALID');
  assert.deepEqual(await (await door.ask('GET', '/v1/storage/manifests')).json(), []);
});

test('what was removed here does not come back from a peer', async () => {
  await using pair = await together(2, { peersOf: (i) => (i === 0 ? [1] : []) });
  const [first, second] = pair.doors as [Door, Door];
  await second.push('noop');
  assert.equal((await first.ask('POST', '/v1/jobs/org.example.noop/run')).status, 200);
  const { engine } = first.agent;
  await engine.ledger.commit([{ kind: 'manifest-remove', name: 'org.example.noop', version: '1.0.0' }]);
  assert.equal(await code(await first.ask('POST', '/v1/jobs/org.example.noop/run')), '404 MANIFEST_UNKNOWN');
});

test('a workflow may name modules and blobs that only a peer has', async () => {
  await using pair = await together(2, { peersOf: (i) => (i === 0 ? [1] : []) });
  const [first, second] = pair.doors as [Door, Door];
  await second.push('count-words');
  const { cid } = await second.agent.engine.store.put(Buffer.from('a b a '.repeat(2000)));
  const text = `tasks:\n  count:\n    module: org.example.count-words\n    stdin: { file: "ipfs://${cid}" }\n`;
  const sent = await first.ask('POST', '/v1/runs', { body: text });
  assert.equal(sent.status, 201, await sent.clone().text());
  const { run } = (await sent.json()) as { run: string };
  await (await first.ask('GET', `/v1/runs/${run}/events`)).text();
  const { state } = (await (await first.ask('GET', `/v1/runs/${run}`)).json()) as { state: string };
  assert.equal(state, 'completed');
  assert.equal(await holds(first, cid), true);
});

test('wrong bytes of a peer are not kept and not given; the next is asked', async () => {
  const bytes = randomBytes(300_000);
  const cid = Cid.ofBlob(bytes);
  await using liar = await HostileServer.open((request, response) => {
    if (!answersAs('did:key:liar', request, response))
      response.writeHead(200, { 'content-length': bytes.length }).end(randomBytes(bytes.length));
  });
  await using good = await Door.open();
  await using alone = await Door.open({ peers: [{ url: liar.url }] });
  assert.equal(await code(await alone.ask('GET', `/v1/blobs/${cid}`)), '503 BLOB_UNREACHABLE');
  assert.equal(await holds(alone, cid), false);
  await good.agent.engine.store.put(bytes);
  await using door = await Door.open({ peers: [{ url: liar.url }, { url: good.agent.url, token: good.agent.token }] });
  assert.ok(Buffer.from(await (await door.ask('GET', `/v1/blobs/${cid}`)).arrayBuffer()).equals(bytes));
});

test('a peer that stalls or is away is not taken for one that lacks the blob, and is left alone for a while', async () => {
  const clock = new HandClock();
  let isStalling = false;
  const bytes = randomBytes(300_000);
  const cid = Cid.ofBlob(bytes);
  await using server = await HostileServer.open((request, response) => {
    if (isStalling || answersAs('did:key:staller', request, response)) return;
    response.writeHead(200, { 'content-length': bytes.length }).write(bytes.subarray(0, 1000));
  });
  await using door = await Door.open({ clock, peers: [{ url: server.url }] });
  const passing = async (reply: Promise<Response>): Promise<string> => {
    const told = { isOver: false };
    void reply.finally(() => (told.isOver = true));
    while (!told.isOver) {
      clock.advance(1000);
      await turn();
    }
    return await code(await reply);
  };
  assert.equal(await passing(door.ask('GET', `/v1/blobs/${cid}`)), '503 BLOB_UNREACHABLE');
  isStalling = true;
  const count = server.asked.length;
  assert.equal(await code(await door.ask('GET', `/v1/blobs/${cid}`)), '503 BLOB_UNREACHABLE');
  assert.equal(server.asked.length, count, 'it was not asked again at once');
  const listed = async (): Promise<{ agents: unknown[]; absent: { url: string }[] }> =>
    (await door.ask('GET', '/v1/agents')).json() as never;
  const { agents, absent } = await listed();
  assert.deepEqual([agents.length, absent.map(({ url }) => url)], [1, [server.url]]);
  assert.equal(((await (await door.ask('GET', '/v1/mesh/peers')).json()) as unknown[]).length, 1, 'who does not answer is left out');
  isStalling = false;
  clock.advance(60_000);
  assert.deepEqual((await listed()).agents.length, 2, 'it is back');
});

test('peers are listed by their roles, without the agent itself and what they know of others', async () => {
  await using three = await together(3, {
    peersOf: (i) => [0, 1, 2].filter((other) => i === 0 || other === 0),
    options: [{}, { roles: ['storage'], tags: { zone: 'b' } }, { roles: ['runner'] }],
  });
  const [first, second, third] = three.doors.map(({ agent }) => agent.url.slice('http://'.length));
  const peers = async (role = ''): Promise<unknown> =>
    ((await (await three.doors[0]!.ask('GET', `/v1/mesh/peers${role}`)).json()) as { http_address: string }[]).map(
      ({ http_address }) => http_address,
    );
  assert.deepEqual(await peers(), [first, second, third]);
  assert.deepEqual(await peers('/runner'), [first, third]);
  assert.deepEqual(await peers('/storage'), [first, second]);
  assert.deepEqual(await peers('/observer'), []);
  const { agents } = (await (await three.doors[0]!.ask('GET', '/v1/agents')).json()) as { agents: { tags: unknown; roles: unknown }[] };
  assert.deepEqual(
    agents.map(({ roles, tags }) => [roles, tags]),
    [
      [['runner', 'storage'], {}],
      [['storage'], { zone: 'b' }],
      [['runner'], {}],
    ],
  );
});

test('an agent stops at once while a peer it asked says nothing', async () => {
  const asked = Promise.withResolvers<void>();
  await using server = await HostileServer.open((request, response) => {
    if (!answersAs('did:key:staller', request, response)) asked.resolve();
  });
  const clock = new HandClock();
  const door = await Door.open({ clock, peers: [{ url: server.url }] });
  const replies = ['HEAD', 'GET'].map((method) => door.ask(method, `/v1/blobs/${Cid.ofBlob(randomBytes(8))}`).catch(() => undefined));
  await asked.promise;
  // No time goes by.
  await door[Symbol.asyncDispose]();
  await Promise.all(replies);
});

test('what IPFS calls a file is asked of peers, through a chain, and computed by everybody on the way', async () => {
  await using chain = await together(3, { peersOf: (i) => (i < 2 ? [i + 1] : []) });
  const [first, second, last] = chain.doors as [Door, Door, Door];
  const bytes = randomBytes(600_000);
  const { cid } = await last.agent.engine.store.put(bytes);
  const json = { 'content-type': 'application/json' };
  const named = await last.ask('POST', '/v1/aliases', { body: JSON.stringify({ blob: cid.toString() }), headers: json });
  const { alias } = (await named.json()) as { alias: string };
  const reply = await first.ask('GET', `/v1/aliases/${alias}`);
  assert.deepEqual([reply.status, await reply.json()], [200, { alias, blob: cid.toString() }]);
  for (const { agent } of [first, second]) assert.equal(String(agent.engine.ledger.alias(Cid.parse(alias))), cid.toString());
  assert.equal(await holds(first, cid), true);
  assert.equal(await code(await first.ask('GET', `/v1/aliases/${Cid.ofUnixFs(randomBytes(9))}`)), '404 BLOB_MISSING');
  // Who came through three agents asks nobody.
  const other = await last.agent.engine.store.put(randomBytes(600_000));
  const { alias: far } = (await (
    await last.ask('POST', '/v1/aliases', { body: JSON.stringify({ blob: other.cid.toString() }), headers: json })
  ).json()) as { alias: string };
  assert.equal(await code(await first.ask('GET', `/v1/aliases/${far}`, { headers: { 'docket-hops': '3' } })), '404 BLOB_MISSING');
});

test('agents in a circle that all do not know a name say so', async () => {
  await using circle = await together(3, { peersOf: (i) => [(i + 1) % 3, (i + 2) % 3, i] });
  for (const door of circle.doors)
    assert.equal(await code(await door.ask('GET', `/v1/aliases/${Cid.ofUnixFs(randomBytes(9))}`)), '404 BLOB_MISSING');
});

test('a workflow names a module by what IPFS calls it, and a peer has it', async () => {
  await using pair = await together(2, { peersOf: (i) => (i === 0 ? [1] : []) });
  const [first, second] = pair.doors as [Door, Door];
  const text = 'b a b '.repeat(60_000);
  const { cid } = await second.agent.engine.store.put(Buffer.from(text));
  const words = await second.agent.engine.store.put(module('count-words'));
  const named = await second.ask('POST', '/v1/aliases', {
    body: JSON.stringify({ blob: cid.toString() }),
    headers: { 'content-type': 'application/json' },
  });
  const { alias } = (await named.json()) as { alias: string };
  const body = `tasks: { count: { module: "ipfs://${words.cid}", stdin: { cid: ${alias} } } }`;
  const { run } = (await (await first.ask('POST', '/v1/runs', { body })).json()) as { run: string };
  assert.match(await (await first.ask('GET', `/v1/runs/${run}/events`)).text(), /"state":"completed"/);
});

test('a peer that lies about a name is not believed, and the next is asked', async () => {
  const bytes = randomBytes(600_000);
  const [wrong, right] = [Cid.ofBlob(randomBytes(10)), Cid.ofBlob(bytes)];
  const lie = Buffer.from('something else');
  let said: unknown = { blob: Cid.ofBlob(lie).toString() };
  await using liar = await HostileServer.open((request, response) => {
    if (answersAs('did:key:liar', request, response)) return;
    if (request.url!.startsWith('/v1/aliases/')) return void response.end(JSON.stringify(said));
    if (request.url === `/v1/blobs/${Cid.ofBlob(lie)}`) return void response.end(lie);
    response.writeHead(404, { 'content-type': 'application/problem+json', 'docket-error': 'BLOB_MISSING' }).end('{"code":"BLOB_MISSING"}');
  });
  await using honest = await Door.open();
  await honest.agent.engine.store.put(bytes);
  const named = await honest.ask('POST', '/v1/aliases', {
    body: JSON.stringify({ blob: right.toString() }),
    headers: { 'content-type': 'application/json' },
  });
  const { alias } = (await named.json()) as { alias: string };
  const lies = [said, { blob: wrong.toString() }, { blob: alias }, { blob: 7 }, {}, [], { blob: `../${'x'.repeat(80)}` }];
  for (const [i, next] of lies.entries()) {
    said = next;
    await using door = await Door.open({ peers: [{ url: liar.url }] });
    const reply = await code(await door.ask('GET', `/v1/aliases/${alias}`));
    assert.equal(reply, i < 2 ? '404 BLOB_MISSING' : '503 BLOB_UNREACHABLE', JSON.stringify(next));
    assert.equal(door.agent.engine.ledger.alias(Cid.parse(alias)), undefined);
  }
  for (const next of lies) {
    said = next;
    const peers = [{ url: liar.url }, { url: honest.agent.url, token: honest.agent.token }];
    await using door = await Door.open({ peers });
    assert.equal((await door.ask('GET', `/v1/aliases/${alias}`)).status, 200, JSON.stringify(next));
    assert.equal(String(door.agent.engine.ledger.alias(Cid.parse(alias))), right.toString());
  }
});
