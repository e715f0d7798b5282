import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isDocketError } from '../../src/errors.ts';
import type { EventView } from '../../src/protocol/records.ts';
import { follow } from '../../src/sdk/follow.ts';
import { followEvents } from '../../src/sdk/follow-events.ts';
import { remoteRecords } from '../../src/sdk/remote-records.ts';
import { RemoteStore } from '../../src/store/remote-store.ts';
import { HandClock } from '../hand-clock.ts';

/** What an agent answers to one request after the other; the last again and again. */
function agent(...answers: readonly string[]) {
  const asked: (string | undefined)[] = [];
  const fetch = (_: unknown, { headers }: { readonly headers: Readonly<Record<string, string>> }): Promise<Response> => {
    asked.push(headers['last-event-id']);
    return Promise.resolve(new Response(answers[Math.min(asked.length, answers.length) - 1]));
  };
  return { asked, fetch: fetch as unknown as typeof globalThis.fetch };
}

const event = (seq: number, kind: string, data: unknown = {}): string => `id: ${seq}\nevent: ${kind}\ndata: ${JSON.stringify(data)}\n\n`;
const signal = new AbortController().signal;

/** All events, with time going on whenever it is waited for. */
async function eventsOf(fetch: typeof globalThis.fetch, clock = new HandClock()): Promise<EventView[]> {
  const events = Array.fromAsync(followEvents({ url: 'http://agent', fetch, clock }, 'RUN', { after: 0, signal }));
  const state = { isOver: false };
  const end = (): void => void (state.isOver = true);
  events.then(end, end);
  while (!state.isOver) {
    clock.advance(1_000);
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  return await events;
}

test('a separator of lines inside of a text ends no event', async () => {
  const { fetch } = agent(event(1, 'settled', { label: 'a\u2028b\u2029c' }) + event(2, 'ended'));
  const events = await eventsOf(fetch);
  assert.deepEqual(
    events.map(({ kind }) => kind),
    ['settled', 'ended'],
  );
  assert.deepEqual(JSON.parse(events[0]!.data), { label: 'a\u2028b\u2029c' });
});

test('a stream that ends before the run does goes on where it was', async () => {
  const { fetch, asked } = agent(event(1, 'begun'), ':\n\n', event(2, 'ended'));
  const events = await eventsOf(fetch);
  assert.deepEqual(
    [events.map(({ seq }) => seq), asked],
    [
      [1, 2],
      [undefined, '1', '1'],
    ],
  );
});

test('an agent that tells nothing more is given up', async () => {
  const { fetch } = agent(event(1, 'begun'), ':\n\n');
  await assert.rejects(eventsOf(fetch), (error) => isDocketError(error, 'AGENT_UNREACHABLE'));
});

/** As `agent`, in a mesh; undefined: it cannot be reached. */
function member(...answers: readonly (string | undefined)[]): typeof globalThis.fetch {
  let asked = 0;
  return () => {
    const answer = answers[Math.min(asked++, answers.length - 1)];
    if (answer === undefined) return Promise.reject(new TypeError('fetch failed', { cause: { code: 'ECONNREFUSED' } }));
    return Promise.resolve(new Response(answer, { headers: { 'docket-mesh': 'a%20mesh' } }));
  };
}

test('a cut is told when the agent cannot be reached once more, and its return, each once', async () => {
  const events = await eventsOf(member(event(1, 'begun'), undefined, undefined, undefined, event(2, 'ended')));
  assert.deepEqual(events, [
    { seq: 1, kind: 'begun', data: '{}' },
    { seq: 1, kind: 'cut', data: '{"url":"http://agent","mesh":"a mesh"}' },
    { seq: 1, kind: 'back', data: '{"url":"http://agent"}' },
    { seq: 2, kind: 'ended', data: '{}' },
  ]);
});

test('after a long silence over a connection that held an agent has as long to come back as after an event', async () => {
  const clock = new HandClock();
  const pull = (controller: ReadableStreamDefaultController<Uint8Array>): void => {
    clock.advance(3_600_000);
    controller.close();
  };
  const quiet = new ReadableStream<Uint8Array>({ pull }, { highWaterMark: 0 });
  const answers = [quiet, undefined, event(1, 'ended')];
  const fetch = (() => {
    const body = answers.shift();
    return body === undefined ? Promise.reject(new TypeError('fetch failed')) : Promise.resolve(new Response(body));
  }) as unknown as typeof globalThis.fetch;
  const events = await eventsOf(fetch, clock);
  assert.deepEqual(
    events.map(({ kind }) => kind),
    ['cut', 'back', 'ended'],
  );
});

test('who gives an agent up is told which run that was, and to watch it in the mesh', async () => {
  await assert.rejects(eventsOf(member(event(1, 'begun'), undefined)), (error) => {
    assert.ok(isDocketError(error, 'AGENT_UNREACHABLE'));
    assert.match(error.message, /ECONNREFUSED; run RUN belongs to the mesh a mesh and goes on there/);
    assert.match(error.next, /docket watch RUN --agent URL.*another agent/);
    assert.equal(error.details['run'], 'RUN');
    return true;
  });
});

test('who hears that a run has ended and cannot ask what came of it is told both', async () => {
  const fetch = member(event(1, 'ended', { state: 'completed', tasks: null, errors: [], seconds: 1 }), undefined);
  const door = { url: 'http://agent', fetch };
  const following = follow(remoteRecords(door, new RemoteStore(door)), 'RUN', {});
  await assert.rejects(following, (error) => {
    assert.ok(isDocketError(error, 'AGENT_UNREACHABLE'));
    assert.match(error.message, /run RUN has ended \(completed\)/);
    assert.match(error.next, /docket watch RUN/);
    return true;
  });
});
