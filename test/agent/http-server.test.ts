import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { test } from 'node:test';
import { HttpServer } from '../../src/agent/http-server.ts';
import { eventStream } from '../../src/api/event-stream.ts';
import { json } from '../../src/api/route.ts';
import { send } from '../../src/api/send.ts';
import type { EventView } from '../../src/protocol/records.ts';
import { HandClock } from '../hand-clock.ts';

/** A server with a stream of events that ends when it is told to, and a question. */
async function served(clock: HandClock) {
  const over = Promise.withResolvers<void>();
  async function* events(): AsyncGenerator<EventView> {
    yield { seq: 1, kind: 'begun', data: '{}' };
    await over.promise;
    yield { seq: 2, kind: 'ended', data: '{}' };
  }
  const handle = (request: IncomingMessage, response: ServerResponse): Promise<void> =>
    send(request, response, request.url === '/events' ? eventStream(events()) : json({ ok: true }));
  const server = await HttpServer.listen({ host: '127.0.0.1', port: 0, certificate: undefined, clock, handle });
  const ask = async (path: string): Promise<Response> => await fetch(`http://127.0.0.1:${server.port}${path}`);
  return { server, ask, end: over.resolve };
}

/** Lets time go on until it has happened. */
async function passing<T>(clock: HandClock, what: Promise<T>): Promise<T> {
  const state = { isOver: false };
  const end = (): void => void (state.isOver = true);
  what.then(end, end);
  while (!state.isOver) {
    clock.advance(100);
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  return await what;
}

test('who follows events of a server that stops may ask what came of them, and then nobody may', async () => {
  const clock = new HandClock();
  const { server, ask, end } = await served(clock);
  await using _ = server;
  const followed = await ask('/events');
  const drained = server.drain(3_600_000, () => false);
  const during = await ask('/what');
  assert.deepEqual([during.headers.get('connection'), await during.json()], ['close', { ok: true }]);
  end();
  assert.match(await followed.text(), /event: ended/);
  assert.deepEqual(await (await ask('/what')).json(), { ok: true }, 'afterwards');
  await passing(clock, drained);
  await assert.rejects(ask('/what'), /fetch failed/);
});

test('a server that stops and is followed by nobody takes no connection, and one that is followed ends in time', async () => {
  const clock = new HandClock();
  const quiet = await served(clock);
  await using _quiet = quiet.server;
  await passing(
    clock,
    quiet.server.drain(3_600_000, () => false),
  );
  await assert.rejects(quiet.ask('/what'), /fetch failed/);

  const followed = await served(clock);
  await using _followed = followed.server;
  const stream = await followed.ask('/events');
  await passing(
    clock,
    followed.server.drain(5_000, () => false),
  );
  followed.end();
  await stream.text();
});
