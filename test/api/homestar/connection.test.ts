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

/** Both ends of a real WebSocket. */
async function both(): Promise<
  AsyncDisposable & { readonly client: WsClient; readonly socket: WsSocket; readonly connection: Connection }
> {
  const server = createServer();
  const sockets = new WebSocketServer({ noServer: true });
  const taken = Promise.withResolvers<{ readonly socket: WsSocket; readonly connection: Connection }>();
  server.on('upgrade', (request, stream: Duplex, head) =>
    sockets.handleUpgrade(request, stream, head, (socket) => {
      const held = new BodyMemory().open();
      const answer = (text: string): Promise<{ reply: string; after: () => void }> => Promise.resolve({ reply: text, after: () => {} });
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
