import type { JournalEntry, Journals } from '../mesh.ts';
import { checkKey, checkSize } from '../names.ts';
import { Reader } from './reader.ts';
import type { Station } from './station.ts';

/** Cut off a half at a time, since cutting moves all that stay. */
interface Journal {
  readonly entries: JournalEntry[];
  readonly readers: Set<Reader>;
}

/** The journals at the engine. One counter numbers all entries, so those of a journal grow, also after it was deleted. */
export class JournalTable {
  readonly #journals = new Map<string, Journal>();
  readonly #most: number;
  #seq = 0;

  /** `most`: entries kept of each at least, the newest. */
  constructor(most: number) {
    this.#most = most;
  }

  /** Number of the newest entry of any. */
  get last(): number {
    return this.#seq;
  }

  append(name: string, entries: readonly Uint8Array[]): void {
    const journal = this.#journal(name);
    for (const entry of entries) journal.entries.push({ seq: ++this.#seq, entry });
    const excess = journal.entries.length - this.#most;
    if (excess >= this.#most) journal.entries.splice(0, excess);
    for (const reader of journal.readers) reader.stir();
  }

  /** The first after this number. */
  next(name: string, after: number): JournalEntry | undefined {
    const entries = this.#journals.get(name)?.entries ?? [];
    let [low, high] = [0, entries.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (entries[middle]!.seq <= after) low = middle + 1;
      else high = middle;
    }
    return entries[low];
  }

  delete(name: string): void {
    const journal = this.#journals.get(name);
    journal?.entries.splice(0);
    this.#dropIfUnused(name);
  }

  read(name: string, reader: Reader): Disposable {
    this.#journal(name).readers.add(reader);
    return {
      [Symbol.dispose]: () => {
        this.#journals.get(name)?.readers.delete(reader);
        this.#dropIfUnused(name);
      },
    };
  }

  #journal(name: string): Journal {
    const journal = this.#journals.get(name) ?? { entries: [], readers: new Set() };
    this.#journals.set(name, journal);
    return journal;
  }

  #dropIfUnused(name: string): void {
    const journal = this.#journals.get(name);
    if (journal?.entries.length === 0 && journal.readers.size === 0) this.#journals.delete(name);
  }
}

export class LocalJournals implements Journals {
  readonly #station: Station;
  readonly #table: JournalTable;
  readonly #largest: number;

  constructor(station: Station, table: JournalTable, largest: number) {
    this.#station = station;
    this.#table = table;
    this.#largest = largest;
  }

  async append(name: string, entries: readonly Uint8Array[]): Promise<void> {
    checkKey(name);
    for (const entry of entries) checkSize(entry, this.#largest);
    const copies = entries.map((entry) => new Uint8Array(entry));
    await this.#station.write(() => this.#table.append(name, copies));
  }

  async *read(name: string, after: number, signal: AbortSignal): AsyncGenerator<JournalEntry> {
    checkKey(name);
    // What is newer has not come to this member yet.
    let horizon = 0;
    using reader = new Reader(this.#station, signal, () => {
      horizon = this.#table.last;
    });
    using _reading = this.#table.read(name, reader);
    let at = after;
    while (!reader.isOver) {
      const next = this.#table.next(name, at);
      if (next === undefined || next.seq > horizon) await reader.wait();
      else {
        at = next.seq;
        yield { seq: next.seq, entry: new Uint8Array(next.entry) };
      }
    }
  }

  async delete(name: string): Promise<void> {
    checkKey(name);
    await this.#station.write(() => this.#table.delete(name));
  }
}
