import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { WebSocket as WsClient } from 'ws';
import { buildGuests } from '../../../scripts/build-guests.ts';
import { encode } from '../../../src/ipld/dag-cbor.ts';
import { decode } from '../../../src/ipld/dag-json.ts';
import { HandClock } from '../../hand-clock.ts';
import { HomestarPort, stored } from './helpers.ts';

/** Clients that mean ill, or nothing. */

let port: HomestarPort;
before(async () => {
  await buildGuests();
  port = await HomestarPort.open();
});
after(() => port[Symbol.asyncDispose]());

const HEALTH = { healthy: true };

/** Everybody else is served. */
async function serves(at: HomestarPort): Promise<void> {
  const client = await at.client();
  assert.deepEqual(await client.call('health'), HEALTH);
  client.close();
}

interface RpcReply {
  readonly id: unknown;
  readonly error?: { readonly code: number };
}

/** The replies to some messages, of which the last is a call that is answered. */
async function repliesTo(messages: readonly (string | Uint8Array)[]): Promise<unknown[]> {
  const socket = new WsClient(port.url.replace('http', 'ws'));
  await once(socket, 'open');
  const found: unknown[] = [];
  const done = Promise.withResolvers<void>();
  socket.on('message', (data: Buffer) => {
    const reply = JSON.parse(data.toString()) as RpcReply;
    if (reply.id === 'last') done.resolve();
    else found.push(reply);
  });
  socket.on('close', () => done.resolve());
  for (const message of messages) socket.send(message);
  socket.send('{"jsonrpc":"2.0","id":"last","method":"health"}');
  await done.promise;
  socket.terminate();
  return found;
}

const codes = (replies: readonly unknown[]): unknown[] => (replies as RpcReply[]).map(({ id, error }) => [id, error?.code]);

test('what is no call is answered as JSON-RPC says', async () => {
  const cases: readonly (readonly [string | Uint8Array, unknown, number])[] = [
    ['', null, -32700],
    ['{', null, -32700],
    ['{"jsonrpc":"2.0","id":1,"id":2,"method":"health"}', null, -32700],
    [Buffer.of(0xff, 0xfe, 0x00), null, -32700],
    [Buffer.from('{"jsonrpc":"2.0","id":"\u00e9","method":"health"}', 'latin1'), null, -32700],
    ['['.repeat(100_000), null, -32700],
    [`${'['.repeat(600)}${']'.repeat(600)}`, null, -32700],
    ['1', null, -32600],
    ['null', null, -32600],
    ['[]', null, -32600],
    ['{}', null, -32600],
    ['{"id":7,"method":"health"}', 7, -32600],
    ['{"jsonrpc":"2.0","id":7}', 7, -32600],
    ['{"jsonrpc":"2.0","id":7,"method":"health","params":1}', 7, -32600],
    ['{"jsonrpc":"2.0","id":{},"method":"health"}', null, -32600],
    ['{"jsonrpc":"2.0","id":"a","method":"nothing"}', 'a', -32601],
    ['{"jsonrpc":"2.0","id":"a","method":"__proto__"}', 'a', -32601],
    ['{"jsonrpc":"2.0","id":"a","method":"metrics","params":[1]}', 'a', -32602],
    [`[${Array.from({ length: 101 }, () => '{"jsonrpc":"2.0","id":1,"method":"health"}').join(',')}]`, null, -32600],
  ];
  for (const [message, id, code] of cases) assert.deepEqual(codes(await repliesTo([message])), [[id, code]], String(message).slice(0, 100));
});

test('ids come back as they were, batches as batches; what asks for no answer gets none', async () => {
  const call = (id: string): string => `{"jsonrpc":"2.0","id":${id},"method":"health"}`;
  const socket = await port.client();
  const texts: string[] = [];
  socket.socket.addEventListener('message', ({ data }) => void texts.push(String(data)));
  for (const id of ['9007199254740993', '1.0', '"\\u0000"', 'null']) socket.send(call(id));
  socket.send('{"jsonrpc":"2.0","method":"health"}');
  socket.send('[{"jsonrpc":"2.0","method":"health"}]');
  socket.send(`[${call('1')},2,{"jsonrpc":"2.0","method":"health"},${call('3')}]`);
  await socket.ask('health');
  // Calls are answered in whatever order they are done.
  await socket.until(() => texts.length >= 6);
  const reply = (id: string): string => `{"jsonrpc":"2.0","id":${id},"result":{"healthy":true}}`;
  assert.deepEqual(
    texts.filter((one) => !one.startsWith('[') && !one.includes('"id":1,')).toSorted(),
    ['9007199254740993', '1.0', '"\\u0000"', 'null'].map(reply).toSorted(),
  );
  const batch = JSON.parse(texts.find((one) => one.startsWith('['))!) as RpcReply[];
  assert.deepEqual(
    batch.map(({ id, error }) => [id, error?.code]),
    [
      [1, undefined],
      [null, -32600],
      [3, undefined],
    ],
  );
  assert.equal(texts.length, 6);
  const binary = await repliesTo([Buffer.from(call('5'))]);
  assert.deepEqual(codes(binary), [[5, undefined]]);
});

test('whatever is sent, nothing of the agent breaks', { timeout: 60_000 }, async () => {
  const methods = [
    'health',
    'metrics',
    'node',
    'rpc_discover',
    'subscribe_run_workflow',
    'unsubscribe_run_workflow',
    'subscribe_network_events',
    'unsubscribe_network_events',
  ];
  const request = fc.record({
    name: fc.oneof(fc.string(), fc.jsonValue()),
    workflow: fc.oneof(fc.jsonValue(), fc.record({ tasks: fc.array(aTask()) })),
  });
  const params = fc.oneof(
    fc.jsonValue(),
    fc.tuple(request),
    request,
    fc.uint8Array().map((bytes) => [[...bytes]]),
    fc
      .record({ name: fc.string(), workflow: fc.record({ tasks: fc.array(aTask(), { maxLength: 3 }) }) })
      .map((value) => [[...cborOf(value)]]),
  );
  const call = fc.record(
    { jsonrpc: fc.constantFrom('2.0', '1.0'), id: fc.jsonValue(), method: fc.constantFrom(...methods), params },
    { requiredKeys: ['jsonrpc', 'method'] },
  );
  const message = fc.oneof(
    call.map((one) => JSON.stringify(one)),
    fc.array(call, { maxLength: 5 }).map((all) => JSON.stringify(all)),
    fc.tuple(call, fc.nat(), fc.string({ maxLength: 3 })).map(([one, at, piece]) => {
      const whole = JSON.stringify(one);
      return whole.slice(0, at % whole.length) + piece + whole.slice((at % whole.length) + 1);
    }),
    fc.string(),
    fc.uint8Array(),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(message, { minLength: 1, maxLength: 5 }), async (messages) => {
      const replies = (await repliesTo(messages)).flat();
      for (const { error } of replies as RpcReply[]) assert.notEqual(error?.code, -32603, JSON.stringify(error));
    }),
    { numRuns: 150 },
  );
  await serves(port);
});

/** What has no form in DAG-CBOR as its JSON. */
function cborOf(value: unknown): Uint8Array {
  const json = JSON.stringify(value);
  try {
    return encode(decode(json));
  } catch {
    return Buffer.from(json);
  }
}

function aTask(): fc.Arbitrary<unknown> {
  const link = fc.constant({ '/': 'bafybeibk42jwhq7w2zcpe6q3wgtleugp3ymfs3pa5gerjmnakqihhqx4zq' });
  return fc.record(
    {
      run: fc.oneof(
        link,
        fc.record({
          rsc: fc.oneof(fc.constant('ipfs://bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku'), fc.string(), link),
          op: fc.constantFrom('wasm/run', 'wasi/run', 'x'),
          input: fc.oneof(
            fc.jsonValue(),
            fc.record({ func: fc.string(), args: fc.array(fc.oneof(fc.jsonValue(), fc.record({ 'await/ok': link }))) }),
          ),
          nnc: fc.oneof(fc.constant(''), fc.jsonValue()),
        }),
        fc.jsonValue(),
      ),
      meta: fc.oneof(fc.constant({}), fc.dictionary(fc.constantFrom('fuel', 'memory', 'time', 'x'), fc.jsonValue())),
      prf: fc.oneof(fc.constant([]), fc.jsonValue()),
      cause: fc.jsonValue(),
    },
    { requiredKeys: [] },
  );
}

test('a message that is too large ends its connection, and no other', async () => {
  const client = await port.client();
  const bystander = await port.client();
  client.send(`"${'x'.repeat(11 * 2 ** 20)}"`);
  assert.equal(await client.closed, 1009);
  assert.deepEqual(await bystander.call('health'), HEALTH);
});

test('a message that would take long to read is refused before, and a large workflow is not', async () => {
  const lists = `${'[],'.repeat(250_001)}[]`;
  const keys = Array.from({ length: 130_000 }, (_, i) => `"${i}":null`).join(',');
  const numbers = `${'1,'.repeat(1_500_001)}1`;
  const call = (params: string): string => `{"jsonrpc":"2.0","id":1,"method":"health","params":${params}}`;
  for (const params of [`[${lists}]`, `{${keys}}`, `[[${numbers}]]`])
    assert.deepEqual(codes(await repliesTo([call(params)])), [[null, -32600]]);
  const tasks = Array.from({ length: 4_000 }, (_, i) => port.task('add', [i, '[],'.repeat(100)]));
  const [refused] = (await repliesTo([
    `{"jsonrpc":"2.0","id":1,"method":"subscribe_run_workflow","params":[{"workflow":{"tasks":${JSON.stringify(tasks)},"x":1,"tasks_":[]},"name":7}]}`,
  ])) as RpcReply[];
  assert.deepEqual([refused!.id, refused!.error?.code], [1, -32602], 'it was read');
});

test('unfinished messages have only so much memory together', async () => {
  const sockets: WsClient[] = [];
  const cut = Promise.withResolvers<void>();
  for (let i = 0; i < 8; i++) {
    const socket = new WsClient(port.url.replace('http', 'ws'));
    sockets.push(socket.on('error', () => {}).on('close', () => cut.resolve()));
    await once(socket, 'open');
    socket.send(Buffer.alloc(8 * 2 ** 20, 0x20), { fin: false });
  }
  await cut.promise;
  assert.ok(
    sockets.some(({ readyState }) => readyState === WsClient.OPEN),
    'those that there is room for stay',
  );
  await serves(port);
  for (const socket of sockets) socket.terminate();
});

test('who floods with subscriptions gets so many, and an answer to each call', async () => {
  const client = await port.client();
  const replies = await Promise.all(Array.from({ length: 1_100 }, () => client.ask('subscribe_network_events')));
  const fine = replies.filter(({ error }) => error === undefined).length;
  assert.equal(fine, 1_024);
  assert.ok(replies.every(({ error }) => error === undefined || error.code === -32009));
  const { error } = await client.ask('subscribe_run_workflow', [{ workflow: { tasks: [port.task('add', [1, 1])] } }]);
  assert.equal(error?.code, -32009);
  await serves(port);
});

/** A WebSocket handshake, and whatever comes after it. */
function handshake(at: HomestarPort, headers: readonly string[] = [], host = `127.0.0.1:${at.port}`): Socket {
  const socket = connect(at.port, '127.0.0.1');
  const all = [
    `Host: ${host}`,
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    ...headers,
  ];
  socket.write(`GET / HTTP/1.1\r\n${all.join('\r\n')}\r\n\r\n`);
  return socket.on('error', () => {});
}

/** A call as a client frames it: masked with zeros. */
function frame(message: string): Buffer {
  const payload = Buffer.from(message);
  assert.ok(payload.length < 126);
  return Buffer.concat([Buffer.of(0x81, 0x80 | payload.length, 0, 0, 0, 0), payload]);
}

test('who never reads is not read either, and is cut after a while', async () => {
  const clock = new HandClock();
  await using own = await HomestarPort.open({ clock });
  const socket = handshake(own);
  await once(socket, 'data');
  socket.pause();
  const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()));
  const calls = Buffer.concat(Array.from({ length: 2_000 }, () => frame('{"jsonrpc":"2.0","id":1,"method":"rpc_discover"}')));
  // Until the agent takes no more: what it would have to answer by now is some hundred megabytes.
  let isStuck = false;
  for (let sent = 0; sent < 100 && !isStuck; sent++) {
    if (socket.write(calls)) continue;
    isStuck = !(await Promise.race([once(socket, 'drain').then(() => true), quiet(own)]));
  }
  assert.ok(isStuck, 'it takes whatever it is sent');
  await serves(own);
  socket.removeAllListeners('drain');
  for (let beats = 0; beats < 4; beats++) {
    clock.advance(30_000);
    await serves(own);
  }
  socket.resume();
  await closed;
});

/** False when others were served so often that who waits would have had their turn. */
async function quiet(at: HomestarPort): Promise<boolean> {
  for (let i = 0; i < 20; i++) await serves(at);
  return false;
}

test('idle clients stay as long as they answer pings, and those that went away without a word are cut', async () => {
  const clock = new HandClock();
  await using own = await HomestarPort.open({ clock });
  const idle = await own.client();
  const dead = new WsClient(own.url.replace('http', 'ws'), { autoPong: false });
  await once(dead, 'open');
  const gone = once(dead, 'close');
  for (let beats = 0; beats < 4; beats++) {
    const pinged = once(idle.socket as unknown as WsClient, 'ping');
    clock.advance(30_000);
    await pinged;
    await serves(own);
  }
  await gone;
  assert.deepEqual(await idle.call('health'), HEALTH);
});

test('a message that is begun and not ended is waited for no longer than a while, whatever else its client says', async () => {
  const clock = new HandClock();
  await using own = await HomestarPort.open({ clock });
  const slow = new WsClient(own.url.replace('http', 'ws'));
  await once(slow, 'open');
  slow.send('{"jsonrpc":', { fin: false });
  const gone = once(slow, 'close').then(() => true);
  let pings = 0;
  slow.on('ping', () => pings++);
  for (let beats = 0; beats < 4; beats++) {
    clock.advance(30_000);
    // It answers.
    await Promise.race([once(slow, 'ping'), gone]);
    await serves(own);
  }
  assert.ok((await gone) && pings >= 2);
});

test('a thousand and a half idle sockets leave room for others', { timeout: 60_000 }, async () => {
  await using own = await HomestarPort.open();
  const sockets = Array.from({ length: 1_500 }, () => handshake(own));
  await Promise.all(sockets.map((socket) => once(socket, 'data')));
  const client = await own.client();
  await client.run({ name: 'test', workflow: { tasks: [own.task('add', [1, 2])] } });
  await client.ended();
  assert.equal(client.receipts().length, 1);
  for (const socket of sockets) socket.destroy();
});

test('clients that vanish in the middle of a run leave it going, and nothing behind', async () => {
  const loop = await stored(port.door, 'loop');
  const run = { rsc: loop, op: 'wasi/run', input: {}, nnc: '' };
  const ids: string[] = [];
  for (const nnc of ['', '1sod60ml6g26mfhsrsa0']) {
    const client = await port.client();
    await client.run({ name: `gone ${nnc}`, workflow: { tasks: [{ run: { ...run, nnc }, meta: {}, prf: [], cause: null }] } });
    await client.until(() => client.events('begun').length > 0);
    ids.push(String(client.events('begun')[0]!['run']));
    (client.socket as unknown as WsClient).terminate();
    await client.closed;
  }
  for (const id of ids) {
    const view = (await (await port.door.ask('GET', `/v1/runs/${id}`)).json()) as { state: string };
    assert.equal(view.state, 'running');
    await (await port.door.ask('POST', `/v1/runs/${id}/cancel`)).text();
  }
  await serves(port);
});

test('no page of another site gets in, by its origin or by leading its name here', async () => {
  const status = async (headers: readonly string[], host?: string): Promise<number> => {
    const socket = handshake(port, headers, host);
    const [first] = (await once(socket, 'data')) as [Buffer];
    socket.destroy();
    return Number(first.toString().split(' ')[1]);
  };
  assert.equal(await status([]), 101);
  assert.equal(await status([], 'localhost:1337'), 101);
  assert.equal(await status([`Origin: http://127.0.0.1:${port.port}`]), 101);
  assert.equal(await status([], 'evil.example'), 403);
  assert.equal(await status([], ''), 400);
  for (const origin of ['https://evil.example', 'http://localhost.evil.example', 'null', `http://127.0.0.1:${port.port + 1}`])
    assert.equal(await status([`Origin: ${origin}`]), 403, origin);
  const refused = handshake(port, ['Origin: https://evil.example']);
  assert.match(await text(refused), /--homestar-origin https:\/\/evil\.example/);
});

test('what is no WebSocket handshake is refused, and served again', async () => {
  for (const lines of [
    ['Upgrade: h2c'],
    ['Upgrade: websocket'],
    ['Upgrade: websocket', 'Sec-WebSocket-Version: 99', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='],
    ['Upgrade: websocket', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: short'],
  ]) {
    const socket = connect(port.port, '127.0.0.1');
    socket.write(`GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n${lines.join('\r\n')}\r\n\r\n`);
    assert.match(await text(socket), /^HTTP\/1\.1 4\d\d /, lines.join());
  }
  await serves(port);
});

test('frames that break the protocol end their connection', async () => {
  for (const bytes of ['818000', 'c180', '8f80', '81ff7fffffffffffffff00000000', '0180', '81820000000000ff', '8980']) {
    const socket = handshake(port);
    await once(socket, 'data');
    const ended = once(socket, 'close');
    socket.resume();
    socket.end(Buffer.from(bytes, 'hex'));
    await ended;
  }
  await serves(port);
});

test('a batch gets so much of an answer, over the socket as over HTTP', async () => {
  const batch = `[${Array.from({ length: 100 }, (_, i) => `{"jsonrpc":"2.0","id":"${i}${'x'.repeat(20_000)}","method":"metrics"}`).join(',')}]`;
  const overHttp = await fetch(port.url, { method: 'POST', body: batch, headers: { 'content-type': 'application/json' } });
  const [overSocket] = (await repliesTo([batch])) as RpcReply[][];
  for (const replies of [(await overHttp.json()) as RpcReply[], overSocket!]) {
    assert.equal(replies.length, 100);
    const refused = replies.filter(({ error }) => error !== undefined);
    assert.ok(refused.length > 0 && refused.length < 100 && refused.every(({ error }) => error!.code === -32011));
  }
});
