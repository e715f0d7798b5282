import { copyOf } from './copy.ts';
import type { JournalEntry, Journals } from '../mesh.ts';
import { checkKey, checkSize } from '../names.ts';
import { callApi } from './api.ts';
import type { Engine } from './engine.ts';
import { onceOnly, publishOne, type Write } from './publish.ts';
import type { Kept } from './get.ts';
import { Tail } from './tail.ts';

/** Entries in one message at most: their numbers have that much room. */
const ENTRIES = 1_024;

/** Bytes before each entry. */
const LENGTH = 4;

/**
 * Journals in a stream, one subject a journal, many entries a message: so what is appended together is kept together, or in pieces one after the other.
 *
 * J1. The number of an entry is that of its message, above the base of its stream, times 1,024, and its place in the message.
 * J2. A message is sent when the one before it is durable, so no cut changes the order; one that is sent again is known by its id.
 */
export class NatsJournals implements Journals {
  readonly #engine: Engine;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  async append(name: string, entries: readonly Uint8Array[]): Promise<void> {
    checkKey(name);
    const { largest } = this.#engine;
    for (const entry of entries) checkSize(entry, largest);
    const subject = this.#engine.subjects.journal(name);
    const writes: Write[] = [...portions(entries, largest)].map((portion) => onceOnly(subject, frame(portion)));
    for (const write of writes)
      await this.#engine.run(async ({ session, states }) => await publishOne(session, states.journals.name, write));
  }

  async *read(name: string, after: number, signal: AbortSignal): AsyncGenerator<JournalEntry> {
    checkKey(name);
    let last = after;
    while (!signal.aborted && !this.#engine.connection.closed.aborted) {
      const opened = await this.#open(name, last, signal);
      if (opened === undefined) return;
      const { base } = opened;
      using tail = opened.tail;
      try {
        for (let item = await tail.next(); item !== undefined && item !== 'all'; item = await tail.next()) {
          for (const [index, entry] of entriesOf(item).entries()) {
            const seq = (base + item.seq) * ENTRIES + index;
            if (seq <= last) continue;
            last = seq;
            yield { seq, entry };
          }
        }
      } catch (error) {
        await this.#engine.recover(error, signal);
      }
    }
  }

  async delete(name: string): Promise<void> {
    checkKey(name);
    await this.#engine.run(async ({ session, states: { journals } }) => {
      await callApi(session, `STREAM.PURGE.${journals.name}`, { filter: this.#engine.subjects.journal(name) });
    });
  }

  /** After a stream was lost and made again, all in it is above `last` (J1). */
  async #open(name: string, last: number, signal: AbortSignal): Promise<{ readonly tail: Tail; readonly base: number } | undefined> {
    const { clock, subjects } = this.#engine;
    return await this.#engine.runOn(async ({ session, states: { journals } }) => {
      // The message that holds `last` may hold more behind it.
      const from = Math.max(1, Math.floor(last / ENTRIES) - journals.base);
      return { tail: await Tail.open(session, clock, journals, { filter: subjects.journal(name), from }, signal), base: journals.base };
    }, signal);
  }
}

function* portions(entries: readonly Uint8Array[], largest: number): Generator<readonly Uint8Array[]> {
  let portion: Uint8Array[] = [];
  let bytes = 0;
  for (const entry of entries) {
    if (portion.length === ENTRIES || (portion.length > 0 && bytes + entry.length > largest)) {
      yield portion;
      portion = [];
      bytes = 0;
    }
    portion.push(entry);
    bytes += entry.length;
  }
  if (portion.length > 0) yield portion;
}

/** Each behind its length, four bytes, the lowest first. */
function frame(entries: readonly Uint8Array[]): Uint8Array {
  const framed = new Uint8Array(entries.reduce((sum, { length }) => sum + LENGTH + length, 0));
  const view = new DataView(framed.buffer);
  let at = 0;
  for (const entry of entries) {
    view.setUint32(at, entry.length, true);
    framed.set(entry, at + LENGTH);
    at += LENGTH + entry.length;
  }
  return framed;
}

/** Those that are whole: what somebody else wrote there may be anything. */
function entriesOf({ data }: Kept): readonly Uint8Array[] {
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  const entries: Uint8Array[] = [];
  for (let at = 0; at + LENGTH <= data.length && entries.length < ENTRIES;) {
    const length = view.getUint32(at, true);
    at += LENGTH;
    if (at + length > data.length) break;
    entries.push(copyOf(data.subarray(at, at + length)));
    at += length;
  }
  return entries;
}
