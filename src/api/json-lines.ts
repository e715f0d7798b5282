import { orSilence } from './event-stream.ts';
import { encode } from '../protocol/wire.ts';
import type { Reply } from './route.ts';

/** Characters that are gathered before they are sent, while there is no need to wait for more. */
const GATHERED = 16 * 1024;

/** One document of DAG-JSON a line, for lists of any length. Empty lines show that the agent lives; a list that breaks off is a cut connection. */
export function jsonLinesReply(items: AsyncIterable<unknown>): Reply {
  return { status: 200, headers: { 'content-type': 'application/jsonl', 'cache-control': 'no-store' }, body: () => encoded(items) };
}

async function* encoded(items: AsyncIterable<unknown>): AsyncGenerator<Uint8Array> {
  const iterator = items[Symbol.asyncIterator]();
  let text = '';
  try {
    for (let next = iterator.next(); ;) {
      const item = await orSilence(next);
      if (item?.done === true) break;
      if (item !== undefined) {
        text += `${encode(item.value)}\n`;
        next = iterator.next();
      }
      if (item !== undefined && text.length < GATHERED) continue;
      yield Buffer.from(text === '' ? '\n' : text);
      text = '';
    }
    if (text !== '') yield Buffer.from(text);
  } finally {
    // Not awaited: it may wait for an item that never comes.
    void iterator.return?.();
  }
}
