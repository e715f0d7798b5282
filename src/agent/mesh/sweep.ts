import type { Clock } from '../../base/clock.ts';
import type { CID } from '../../ipld/cid.ts';
import { type DocketError, isDocketError } from '../../errors.ts';
import type { Mesh, MeshRecord } from '../../mesh/mesh.ts';
import { digestOf, keyOfPins, listsOf, pinned, PINS, untilOf } from './pins.ts';
import type { Refused } from './refusals.ts';
import { encodeSweep, readSweep, refusalOf, SWEEP } from './sweep-record.ts';

/**
 * Deletes objects of the mesh that no run needs any more, and has the engine tidy up its records. One member does it for all, whoever has the lease.
 *
 * Invariants
 * G1. An object goes only if no run has pinned it and this member has seen that for `age` ms, by its own monotonic clock; who begins to sweep begins to count. Pins go
 *     like that when their run is not known, those that hold until a time of the mesh when that is over.
 * G2. Whoever sweeps has the lease, a record whose holder is present. It is taken by compare-and-set, and taken again before each portion of deletions, and looked at before each of these: who
 *     lost it deletes no more. What cannot be read there is nobody's.
 * G3. What is pinned is read after the lease says that its holder deletes, and what was pinned since before each portion, which is begun anew when `PORTION_TIME` is over.
 *     So who pins waits for a portion, not for all of a sweep (see `pins.ts`, K2).
 * G4. The time of the mesh goes on by what a sweeper saw pass between two of its sweeps with nobody else's between, and by `MOST_STEP` turns at most: who pins reads it
 *     as of the last sweep, and what that is behind is less than `age`.
 * G5. While what one run has pinned cannot be read, no object is deleted, since it may be any; pins that are over go as ever, those of that run with it when it is not
 *     known any more. It is told at each turn.
 */

/** Deleted at most between two looks at the lease and the pins, and how many ms after the first of them the next may be begun. */
const PORTION = 256;
const PORTION_TIME = 5_000;
/** Of `every`. */
const MOST_STEP = 2;
const DEFAULTS = { every: 600_000, age: 86_400_000 };

export interface SweepOptions {
  readonly mesh: Pick<Mesh, 'self' | 'objects' | 'records'>;
  readonly clock: Clock;
  /** Whether a member is present. */
  readonly isPresent: (did: string) => boolean;
  /** Time between two sweeps, and how long what nobody has pinned is kept, in ms; default ten minutes, a day. */
  readonly every?: number;
  readonly age?: number;
  readonly onSwept?: (swept: Swept) => void;
  /** Told in each turn of each record of pins for which no object is deleted. */
  readonly onUnreadable?: (key: string, error: DocketError) => void;
  /** Told of a lease that could not be read, and is taken. */
  readonly onRefused?: (refused: Refused) => void;
  readonly onFailure: (error: unknown) => void;
}

/** The revision under which it has its turn, and the time of the mesh. */
interface Turn {
  revision: number;
  readonly seen: number;
}

/** What a sweep knows of pins. */
interface Pinned {
  /** Digests. */
  readonly needed: Set<string>;
  /** Revisions of records that were read. */
  readonly known: Map<string, number>;
  /** Records that hold no longer. */
  readonly over: MeshRecord[];
  unreadable: number;
}

export interface Swept {
  readonly objects: number;
  readonly bytes: number;
  readonly pins: number;
  /** Records of pins that cannot be read. */
  readonly unreadable: number;
}

export class Sweeper implements AsyncDisposable {
  readonly #options: SweepOptions;
  readonly #stopping = new AbortController();
  /** Since when nobody needs them, in monotonic ms: objects by their CIDs, pins by their keys. */
  #unneeded = new Map<string, number>();
  /** What it said when it had swept, and when. */
  #last: { readonly revision: number; readonly at: number } | undefined;
  #cancel: () => void;
  #turn: Promise<void> = Promise.resolve();

  constructor(options: SweepOptions) {
    this.#options = options;
    this.#cancel = this.#later();
  }

  /** Now, if the lease can be had; undefined if not. One at a time. Throws `MESH_…`. */
  async sweep(): Promise<Swept | undefined> {
    const at = this.#options.clock.monotonic();
    const turn = await this.#take(at);
    if (turn === undefined) {
      this.#unneeded.clear();
      return undefined;
    }
    try {
      return await this.#delete(turn);
    } finally {
      // Also if it failed: who pins would wait.
      const revision = await this.#say(turn, false);
      this.#last = revision === undefined ? undefined : { revision, at };
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#cancel();
    this.#stopping.abort(new Error('the agent leaves the mesh'));
    await this.#turn;
  }

  #later(): () => void {
    const { mesh, clock, every = DEFAULTS.every, onSwept, onFailure } = this.#options;
    return clock.after(every, () => {
      this.#turn = this.sweep()
        .then(async (swept) => {
          if (swept === undefined) return;
          onSwept?.(swept);
          await mesh.records.tidy(this.#stopping.signal);
        })
        .catch((error: unknown) => {
          if (!this.#stopping.signal.aborted) onFailure(error);
        })
        .finally(() => {
          if (!this.#stopping.signal.aborted) this.#cancel = this.#later();
        });
    });
  }

  /** Undefined if it is not this member's. */
  async #take(now: number): Promise<Turn | undefined> {
    const { mesh, isPresent, onRefused, every = DEFAULTS.every } = this.#options;
    const record = await mesh.records.get(SWEEP);
    const sweep = record && readSweep(record);
    const before = sweep === undefined || 'refused' in sweep ? undefined : sweep;
    if (before !== undefined && before.holder !== mesh.self && isPresent(before.holder)) return undefined;
    const isNext = record !== undefined && record.revision === this.#last?.revision;
    const passed = isNext ? Math.min(Math.round(now - this.#last!.at), MOST_STEP * every) : 0;
    const turn = { revision: record?.revision ?? 0, seen: (before?.seen ?? 0) + passed };
    const revision = await this.#say(turn, false);
    if (revision === undefined) return undefined;
    if (sweep !== undefined && 'refused' in sweep) onRefused?.(refusalOf(sweep));
    return { ...turn, revision };
  }

  #say({ revision, seen }: Turn, isDeleting: boolean): Promise<number | undefined> {
    const { mesh } = this.#options;
    return mesh.records.put(SWEEP, encodeSweep({ holder: mesh.self, isDeleting, seen }), revision);
  }

  async #delete(turn: Turn): Promise<Swept> {
    const { mesh, clock, age = DEFAULTS.age } = this.#options;
    const { signal } = this.#stopping;
    const now = clock.monotonic();
    const still = new Map<string, number>();
    /** Whether it was seen so for long enough. */
    const isOver = (name: string): boolean => {
      const since = this.#unneeded.get(name) ?? now;
      still.set(name, since);
      return now - since >= age;
    };
    const runs = new Set((await mesh.records.list('run')).map(({ key }) => keyOfPins(key.slice('run.'.length))));
    const found: Pinned = { needed: new Set(), known: new Map(), over: [], unreadable: 0 };
    await this.#readPins(found, (key, until) => !(until === undefined ? runs.has(key) : turn.seen < until) && isOver(key));
    const objects: { readonly cid: CID; readonly size: number }[] = [];
    for await (const object of mesh.objects.list()) {
      signal.throwIfAborted();
      if (!found.needed.has(digestOf(object.cid)) && isOver(object.cid.toString())) objects.push(object);
    }
    this.#unneeded = still;
    let swept: Swept = { objects: 0, bytes: 0, pins: 0, unreadable: found.unreadable };
    for (const { key, revision } of found.over) if (await mesh.records.delete(key, revision)) swept = { ...swept, pins: swept.pins + 1 };
    for (let at = 0; at < objects.length;) {
      signal.throwIfAborted();
      if (found.unreadable > 0) return { ...swept, unreadable: found.unreadable };
      const began = clock.monotonic();
      const revision = await this.#say(turn, true);
      if (revision === undefined) return swept;
      turn.revision = revision;
      await this.#readPins(found, () => false);
      if (found.unreadable > 0) continue;
      const start = at;
      while (at < Math.min(start + PORTION, objects.length) && clock.monotonic() - began < PORTION_TIME) {
        const { cid, size } = objects[at++]!;
        if (found.needed.has(digestOf(cid))) continue;
        if ((await mesh.records.get(SWEEP))?.revision !== revision) return swept;
        await mesh.objects.delete(cid);
        still.delete(cid.toString());
        swept = { ...swept, objects: swept.objects + 1, bytes: swept.bytes + size };
      }
      // An engine that takes so long for the pins alone is left in peace until the next turn.
      if (at === start) return swept;
    }
    return swept;
  }

  /** Adds what is pinned in records that are not known yet as they stand. */
  async #readPins(found: Pinned, isOver: (key: string, until: number | undefined) => boolean): Promise<void> {
    const { mesh, onUnreadable } = this.#options;
    for (const record of await mesh.records.list(PINS)) {
      this.#stopping.signal.throwIfAborted();
      const { key, revision } = record;
      if (found.known.get(key) === revision) continue;
      found.known.set(key, revision);
      const read = await this.#read(record, (until) => isOver(key, until));
      if (read === 'over') found.over.push(record);
      else if ('code' in read) {
        found.unreadable++;
        onUnreadable?.(key, read);
      } else for (const digest of read) found.needed.add(digest);
    }
  }

  /** The digests it keeps, its own lists' too. Throws `MESH_…`, the signal's reason. */
  async #read(record: MeshRecord, isOver: (until: number | undefined) => boolean): Promise<readonly string[] | 'over' | DocketError> {
    try {
      if (isOver(untilOf(record))) return 'over';
      return [...listsOf(record).map(digestOf), ...(await pinned(record, this.#options.mesh.objects, this.#stopping.signal))];
    } catch (error) {
      if (isDocketError(error, 'BLOB_MISSING') || isDocketError(error, 'IPLD_INVALID')) return error;
      throw error;
    }
  }
}
