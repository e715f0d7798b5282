import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { test } from 'node:test';
import { WebSocket as WsClient, type WebSocket as WsSocket, WebSocketServer } from 'ws';
import { BodyMemory } from '../../../src/api/body-memory.ts';
import { Connection } from '../../../src/api/homestar/connection.ts';

const SIZE = 100_000;
const COUNT = 500;

type Answers = (text: string) => Promise<{ reply: string; after: () => void }>;

/** Both ends of a real WebSocket. */
async function both(
  answer: Answers = (text) => Promise.resolve({ reply: text, after: () => {} }),
): Promise<AsyncDisposable & { readonly client: WsClient; readonly socket: WsSocket; readonly connection: Connection }> {
  const server = createServer();
  const sockets = new WebSocketServer({ noServer: true });
  const taken = Promise.withResolvers<{ readonly socket: WsSocket; readonly connection: Connection }>();
  server.on('upgrade', (request, stream: Duplex, head) =>
    sockets.handleUpgrade(request, stream, head, (socket) => {
      const held = new BodyMemory().open();
      taken.resolve({ socket, connection: new Connection({ socket, stream, held, answer, onDone: () => {} }) });
    }),
  );
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const client = new WsClient(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
  await once(client, 'open');
  return {
    client,
    ...(await taken.promise),
    async [Symbol.asyncDispose]() {
      client.terminate();
      server.close();
      await once(server, 'close');
    },
  };
}

test('what a client does not take waits outside of its buffer, and comes in order when it does', async () => {
  await using ends = await both();
  const { client, socket, connection } = ends;
  client.pause();
  let most = 0;
  let sent = 0;
  const all = Array.from({ length: COUNT }, async (_, i) => {
    await connection.send(`${i} ${'x'.repeat(SIZE)}`);
    sent++;
    most = Math.max(most, socket.bufferedAmount);
  });
  await all[0];
  for (let turns = 0; turns < 100; turns++) await new Promise((resolve) => setImmediate(resolve));
  assert.ok(sent < COUNT, 'the rest waits');
  const numbers: number[] = [];
  client.on('message', (data: Buffer) => void numbers.push(Number(data.toString('latin1').split(' ')[0])));
  client.resume();
  await Promise.all(all);
  while (numbers.length < COUNT) await once(client, 'message');
  assert.deepEqual(
    numbers,
    Array.from({ length: COUNT }, (_, i) => i),
  );
  assert.ok(most < 2 ** 20 + 2 * SIZE, `${most} bytes were waiting`);
});

test('what waits for a client that went away is let go', async () => {
  await using ends = await both();
  const { client, connection } = ends;
  client.pause();
  const all = Array.from({ length: COUNT }, (_, i) => connection.send(`${i} ${'x'.repeat(SIZE)}`));
  client.terminate();
  await Promise.all(all);
  if (!connection.signal.aborted) await once(connection.signal, 'abort');
});

test('of messages that come in one piece no more are begun than of others, and all are answered', async () => {
  let underWay = 0;
  let most = 0;
  await using ends = await both(async (text) => {
    most = Math.max(most, ++underWay);
    await new Promise((resolve) => setImmediate(resolve));
    underWay--;
    return { reply: text, after: () => {} };
  });
  const { client } = ends;
  const replies: string[] = [];
  client.on('message', (data: Buffer) => void replies.push(data.toString()));
  const texts = Array.from({ length: 5_000 }, (_, i) => String(i));
  const stream = (client as unknown as { readonly _socket: Duplex })._socket;
  // A call as a client frames it: masked with zeros.
  stream.write(Buffer.concat(texts.flatMap((text) => [Buffer.of(0x81, 0x80 | text.length, 0, 0, 0, 0), Buffer.from(text)])));
  while (replies.length < texts.length) await once(client, 'message');
  assert.deepEqual(replies, texts);
  assert.ok(most <= 16, `${most} at once`);
});

test('what is large is made in turn, and not while as much waits to be taken', async () => {
  await using ends = await both();
  const { client, connection } = ends;
  client.pause();
  // More than the buffers of the system between the two hold.
  const sent = Array.from({ length: COUNT }, () => connection.send('x'.repeat(SIZE)));
  let made = 0;
  const turns = Array.from({ length: 3 }, async () => {
    using _turn = await connection.turn();
    made++;
    await connection.send('y'.repeat(2 ** 20));
  });
  for (let i = 0; i < 100; i++) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(made, 0);
  client.resume();
  await Promise.all([...sent, ...turns]);
  assert.equal(made, 3);
});

test('nobody waits for a turn on a connection that is gone', async () => {
  await using ends = await both();
  const { client, connection } = ends;
  client.pause();
  for (let i = 0; i < COUNT; i++) void connection.send('x'.repeat(SIZE));
  const waiting = connection.turn().then(
    (turn) => turn[Symbol.dispose](),
    () => {},
  );
  client.terminate();
  await waiting;
  if (!connection.signal.aborted) await once(connection.signal, 'abort');
  await assert.rejects(connection.turn());
});
