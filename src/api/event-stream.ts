import type { Reply } from './route.ts';
import type { EventView } from '../protocol/records.ts';

/** How often a stream that is silent shows that it lives, in ms: proxies cut what they take for dead. */
const HEARTBEAT = 15_000;

/** Server-sent events: https://html.spec.whatwg.org/multipage/server-sent-events.html. */
export function eventStream(events: AsyncIterable<EventView>, more: Readonly<Record<string, string>> = {}): Reply {
  const headers = { ...more, 'content-type': 'text/event-stream', 'cache-control': 'no-store' };
  return { status: 200, headers, body: () => encoded(events) };
}

async function* encoded(events: AsyncIterable<EventView>): AsyncGenerator<Uint8Array> {
  const iterator = events[Symbol.asyncIterator]();
  // At once, so that a client knows that it is connected.
  yield Buffer.from(':\n\n');
  try {
    for (let next = iterator.next(); ;) {
      const event = await orSilence(next);
      if (event === undefined) yield Buffer.from(':\n\n');
      else if (event.done === true) return;
      else {
        const { seq, kind, data } = event.value;
        yield Buffer.from(`id: ${seq}\nevent: ${kind}\ndata: ${data}\n\n`);
        next = iterator.next();
      }
    }
  } finally {
    // Not awaited: it may wait for an event that never comes.
    void iterator.return?.();
  }
}

/** Undefined if nothing came for a while. */
export async function orSilence<T>(next: Promise<T>): Promise<T | undefined> {
  const silence = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => silence.resolve(undefined), HEARTBEAT);
  try {
    return await Promise.race([next, silence.promise]);
  } finally {
    clearTimeout(timer);
  }
}
