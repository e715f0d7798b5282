import { nuid } from '@nats-io/transport-node';
import type { CID } from '../../ipld/cid.ts';
import { DocketError, isDocketError } from '../../errors.ts';
import type { Objects } from '../mesh.ts';
import { callApi } from './api.ts';
import { entryOf, readEntry, type Entry } from './catalog.ts';
import { chunksOf } from './chunks.ts';
import type { Attempt, Engine } from './engine.ts';
import { getAll, getFromLeader, type Kept } from './get.ts';
import { publishAll, publishOne } from './publish.ts';
import type { Ask } from './session.ts';
import { lookAt } from './streams.ts';
import { catalogOf, sweepChunks } from './sweep.ts';

/** Bytes of a chunk at most; smaller where the server takes less. */
const CHUNK = 256 * 1024;
/** Chunks on the way at once, twice: 4 MiB are asked for while 4 MiB are taken. */
const AT_ONCE = 16;

/**
 * Objects in a stream of chunks, and a catalog of those that are whole.
 *
 * O1. An object stands in the catalog when all its chunks are durable, so nobody sees half of one.
 * O2. Each time one is put, its chunks have subjects of their own: who fails removes its own, and no other's.
 * O3. At most two portions of chunks are in memory, in either direction.
 * O4. Chunks of what was never whole are removed by whoever finds no room.
 * O5. What stands in the catalog since before the stream of chunks was made is not there: that stream was lost, and is another now. So it can be put again.
 */
export class NatsObjects implements Objects {
  readonly #engine: Engine;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  async put(cid: CID, size: number, source: AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (await this.#has(cid, signal)) return;
    const entry: Entry = { cid, size, chunk: Math.min(CHUNK, this.#engine.largest), place: `${cid.toString()}.${nuid.next()}` };
    const { subjects } = this.#engine;
    try {
      await this.#send(entry, source, signal);
      const write = { subject: subjects.cataloged(cid.toString()), data: entryOf(entry) };
      await this.#engine.run(async ({ session, states: { catalog } }) => await publishOne(session, catalog.name, write), signal);
    } catch (error) {
      // Best effort: what stays is swept where there is no room (O4).
      await this.#purge('objects', subjects.object(`${entry.place}.>`)).catch(() => undefined);
      throw error;
    }
  }

  async *get(cid: CID, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    signal?.throwIfAborted();
    const entry = await this.#entry(cid, signal);
    if (entry === undefined) throw missing(cid, 'is not in the mesh');
    const count = Math.ceil(entry.size / entry.chunk);
    let next = this.#portion(entry, 0, Math.min(AT_ONCE, count), signal);
    for (let at = 0; at < count; at += AT_ONCE) {
      const portion = await next;
      const from = at + AT_ONCE;
      if (from < count) {
        next = this.#portion(entry, from, Math.min(from + AT_ONCE, count), signal);
        // Whoever stops reading does not wait for it.
        next.catch(() => undefined);
      }
      for (const chunk of portion) {
        yield chunk;
        signal?.throwIfAborted();
      }
    }
  }

  async has(cid: CID): Promise<boolean> {
    return await this.#has(cid, undefined);
  }

  async delete(cid: CID): Promise<void> {
    const { subjects } = this.#engine;
    // First what is seen, so that nobody finds an object without chunks.
    await this.#purge('catalog', subjects.cataloged(cid.toString()));
    await this.#purge('objects', subjects.object(`${cid.toString()}.>`));
  }

  async *list(): AsyncGenerator<{ readonly cid: CID; readonly size: number }> {
    for (const { cid, size } of await catalogOf(this.#engine)) yield { cid, size };
  }

  async #send(entry: Entry, source: AsyncIterable<Uint8Array>, signal: AbortSignal | undefined): Promise<void> {
    let sending: Promise<void> = Promise.resolve();
    let portion: Ask[] = [];
    const flush = async (): Promise<void> => {
      const writes = portion;
      portion = [];
      await sending;
      sending = this.#store(writes, signal);
      sending.catch(() => undefined);
    };
    let count = 0;
    for await (const data of chunksOf(source, entry.chunk, entry.size, signal)) {
      portion.push({ subject: this.#chunk(entry, count++), data });
      if (portion.length === AT_ONCE) await flush();
    }
    if (portion.length > 0) await flush();
    await sending;
  }

  async #store(writes: readonly Ask[], signal: AbortSignal | undefined): Promise<void> {
    const store = async (): Promise<void> => {
      await this.#engine.run(async ({ session, states: { objects } }) => await publishAll(session, objects.name, writes, signal), signal);
    };
    try {
      await store();
    } catch (error) {
      if (!isDocketError(error, 'MESH_FULL')) throw error;
      await sweepChunks(this.#engine);
      await store();
    }
  }

  /** Chunks `from` up to before `to`. Throws `BLOB_MISSING`. */
  async #portion(entry: Entry, from: number, to: number, signal: AbortSignal | undefined): Promise<readonly Uint8Array[]> {
    const selections = Array.from({ length: to - from }, (_, index) => ({ last_by_subj: this.#chunk(entry, from + index) }));
    let wasAsked = false;
    return await this.#engine.run(async ({ session, states: { objects } }) => {
      // Whose copy is asked is chance. A server that is paused answers nothing, and may be asked again and again: whoever leads is another by then.
      const isDirect = objects.isDirect && !wasAsked;
      wasAsked = true;
      let kept = await getAll(session, { ...objects, isDirect }, selections, signal);
      // A copy of the stream may be behind: whoever leads it has what is in the catalog.
      if (isDirect && kept.includes(undefined)) kept = await getAll(session, { ...objects, isDirect: false }, selections, signal);
      return kept.map((chunk) => {
        if (chunk === undefined) throw missing(entry.cid, 'is not whole in the mesh any more');
        return chunk.data;
      });
    }, signal);
  }

  async #entry(cid: CID, signal: AbortSignal | undefined): Promise<Entry | undefined> {
    const kept = await this.#engine.run(async (attempt) => await this.#cataloged(attempt, cid, signal), signal);
    return kept === undefined ? undefined : readEntry(kept);
  }

  async #has(cid: CID, signal: AbortSignal | undefined): Promise<boolean> {
    return await this.#engine.run(async (attempt) => {
      const kept = await this.#cataloged(attempt, cid, signal);
      if (kept === undefined || readEntry(kept) === undefined) return false;
      const { made } = await lookAt(attempt.session, attempt.states.objects, signal);
      return kept.time >= made;
    }, signal);
  }

  async #cataloged({ session, states: { catalog } }: Attempt, cid: CID, signal: AbortSignal | undefined): Promise<Kept | undefined> {
    return await getFromLeader(session, catalog, { last_by_subj: this.#engine.subjects.cataloged(cid.toString()) }, signal);
  }

  async #purge(stream: 'objects' | 'catalog', filter: string): Promise<void> {
    await this.#engine.run(async ({ session, states }) => {
      await callApi(session, `STREAM.PURGE.${states[stream].name}`, { filter });
    });
  }

  #chunk({ place }: Entry, index: number): string {
    return this.#engine.subjects.object(`${place}.${index}`);
  }
}

function missing(cid: CID, why: string): DocketError {
  return new DocketError('BLOB_MISSING', `${cid.toString()} ${why}`);
}
