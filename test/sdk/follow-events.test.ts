import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isDocketError } from '../../src/errors.ts';
import type { EventView } from '../../src/protocol/records.ts';
import { followEvents } from '../../src/sdk/follow-events.ts';
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
async function eventsOf(fetch: typeof globalThis.fetch): Promise<EventView[]> {
  const clock = new HandClock();
  const events = Array.fromAsync(followEvents({ url: 'http://agent', fetch, clock }, 'run', { after: 0, signal }));
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
