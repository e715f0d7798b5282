import { copyOf } from './copy.ts';
import { DocketError } from '../../errors.ts';
import { Again } from './again.ts';
import type { MeshRecord, RecordChange, Records } from '../mesh.ts';
import { checkKey, checkPrefix, checkSize } from '../names.ts';
import { WRONG_REVISION } from './api.ts';
import type { Engine } from './engine.ts';
import { getFromLeader, type Kept } from './get.ts';
import { onceOnly, publishOne } from './publish.ts';
import type { StreamState } from './streams.ts';
import { isMark, removeMarks } from './marks.ts';
import { Tail } from './tail.ts';

/** Milliseconds that marks of what was deleted stay, and of which who watches is behind at most. */
const MARKED = 60 * 60_000;
const MOST_BEHIND = MARKED / 4;

type Change = Exclude<RecordChange, { readonly kind: 'current' }>;

const EXPECTED = 'Nats-Expected-Last-Subject-Sequence';
const DELETED = { 'KV-Operation': 'DEL' };

/**
 * Records in a key-value bucket as NATS has them, with a history of one.
 *
 * K1. A revision is the message's number above the base of its stream, so revisions grow also over a stream that was lost and made again.
 * K2. A write has an id. One whose answer was lost is sent again and answered as the first time, so whoever wrote hears that it did.
 * K3. What is deleted leaves a mark, over which a new record is put. Whoever has no record has a mark, or nothing: marks go after some time (`marks.ts`).
 */
export class NatsRecords implements Records {
  readonly #engine: Engine;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  async get(key: string): Promise<MeshRecord | undefined> {
    checkKey(key);
    return await this.#engine.run(async ({ session, states: { records } }) => {
      const kept = await getFromLeader(session, records, { last_by_subj: this.#engine.subjects.record(key) });
      return kept === undefined || isMark(kept) ? undefined : this.#record(records, kept);
    });
  }

  async put(key: string, value: Uint8Array, expected: number): Promise<number | undefined> {
    checkKey(key);
    checkSize(value, this.#engine.largest);
    return await this.#write(key, copyOf(value), expected, {});
  }

  async delete(key: string, expected: number): Promise<boolean> {
    checkKey(key);
    if (expected === 0) return false;
    return (await this.#write(key, new Uint8Array(), expected, DELETED)) !== undefined;
  }

  async list(prefix: string): Promise<readonly MeshRecord[]> {
    checkPrefix(prefix);
    const { signal } = new AbortController();
    return await this.#engine.run(async ({ session, states: { records } }) => {
      const filter = this.#engine.subjects.recordsUnder(prefix);
      using tail = await Tail.open(session, this.#engine.clock, records, { filter, from: 'newest-of-each' }, signal);
      const found: MeshRecord[] = [];
      for await (const kept of tail.all()) if (!isMark(kept)) found.push(this.#record(records, kept));
      return found;
    });
  }

  async tidy(signal: AbortSignal): Promise<void> {
    await removeMarks(this.#engine, MARKED, signal);
  }

  /**
   * W1. Over a cut it begins anew, and tells what differs from what it told: what is gone is told to be deleted, as of where the stream ended when it was looked at, which
   *     is above all revisions that what is gone can have had.
   * W2. What the reader does not take waits at the server (T2). Who is so far behind that marks it has not seen may be gone begins anew.
   * W3. From `current` on marks are told also of what was not: who reads may know a record from elsewhere, as one that it put itself.
   */
  async *watch(prefix: string, signal: AbortSignal): AsyncGenerator<RecordChange> {
    checkPrefix(prefix);
    const told = new Map<string, number>();
    let isCurrent = false;
    while (!signal.aborted && !this.#engine.connection.closed.aborted) {
      const opened = await this.#open(prefix, signal);
      if (opened === undefined) return;
      const { records } = opened;
      using tail = opened.tail;
      const gone = new Set(told.keys());
      try {
        for (let item = await tail.next(); item !== undefined; item = await tail.next()) {
          if (item === 'all') {
            for (const key of gone) yield forget(told, key, records.base + tail.last);
            if (!isCurrent) yield { kind: 'current' };
            isCurrent = true;
          } else {
            gone.delete(this.#engine.subjects.recordKey(item.subject));
            const change = this.#change(records, item, told, isCurrent);
            if (change !== undefined) yield change;
          }
          if (tail.behind > MOST_BEHIND) break;
        }
      } catch (error) {
        await this.#engine.recover(error, signal);
      }
    }
  }

  async #open(prefix: string, signal: AbortSignal): Promise<{ readonly tail: Tail; readonly records: StreamState } | undefined> {
    const { clock, subjects } = this.#engine;
    return await this.#engine.runOn(
      async ({ session, states: { records } }) => ({
        tail: await Tail.open(session, clock, records, { filter: subjects.recordsUnder(prefix), from: 'newest-of-each' }, signal),
        records,
      }),
      signal,
    );
  }

  /** Undefined if it was told already. */
  #change(records: StreamState, kept: Kept, told: Map<string, number>, isCurrent: boolean): Change | undefined {
    const record = this.#record(records, kept);
    const { key, revision } = record;
    if (isMark(kept)) return isCurrent || told.has(key) ? forget(told, key, revision) : undefined;
    if (told.get(key) === revision) return undefined;
    told.set(key, revision);
    return { kind: 'put', ...record };
  }

  async #write(key: string, value: Uint8Array, expected: number, headers: Readonly<Record<string, string>>): Promise<number | undefined> {
    const subject = this.#engine.subjects.record(key);
    const once = onceOnly(subject, value, headers);
    return await this.#engine.run(async ({ session, states: { records } }) => {
      const over = async (last: number): Promise<number | undefined> => {
        const write = { ...once, headers: { ...once.headers, [EXPECTED]: String(last) } };
        return await publishOne(session, records.name, write, WRONG_REVISION);
      };
      let seq = expected === 0 ? await over(0) : expected > records.base ? await over(expected - records.base) : undefined;
      if (seq === undefined && expected === 0) {
        const stands = await getFromLeader(session, records, { last_by_subj: subject });
        if (stands !== undefined && !isMark(stands)) return undefined;
        seq = await over(stands?.seq ?? 0);
        // A mark was removed, or made, meanwhile; or somebody else's record was put, which is found the next time.
        if (seq === undefined) throw new Again(new DocketError('MESH_UNREACHABLE', `what stands under ${key} changes all the time`));
      }
      return seq === undefined ? undefined : records.base + seq;
    });
  }

  #record(records: StreamState, { subject, seq, data }: Kept): MeshRecord {
    return { key: this.#engine.subjects.recordKey(subject), value: data, revision: records.base + seq };
  }
}

function forget(told: Map<string, number>, key: string, revision: number): Change {
  told.delete(key);
  return { kind: 'deleted', key, revision };
}
