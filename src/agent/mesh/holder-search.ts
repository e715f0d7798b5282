import type { Clock } from '../../base/clock.ts';
import { Inbox } from '../../base/inbox.ts';
import { DocketError } from '../../errors.ts';
import type { CID } from '../../ipld/cid.ts';
import { decodeHeld, encodeHas, MOST_ASKED } from '../../protocol/mesh/holdings.ts';
import type { Surroundings } from './neighbors.ts';

/**
 * Asks members which blobs they have.
 *
 * Invariants
 * S1. What is looked for at the same time is asked in one question, of up to `MOST_ASKED` CIDs; who looks for the same blob shares that.
 * S2. A search ends when everybody who was present has answered, or its patience is over; nobody waits longer. It goes on only while somebody reads it.
 * S3. Nobody is taken not to have a blob but who said so, among few members; among more than `FEW` the first question is answered by holders alone, and only if there is
 *     none everybody is asked to answer.
 * S4. An answer is a hint: what is fetched on it is verified.
 */

export interface HolderFound {
  readonly did: string;
  /** In bytes, as it says. */
  readonly size: number;
}

/** How one search ended: who did not answer, among those who were present. */
export interface SearchEnd {
  readonly silent: readonly string[];
}

/** So many members answer all of them. */
const FEW = 64;
/** What is looked for within so many ms is asked together. */
const GATHER = 2;
/** How long holders are waited for where there are many members, and everybody otherwise; in ms. */
const HOLDERS_PATIENCE = 500;
const PATIENCE = 2_000;

/** A blob that is looked for, and all who do. */
interface Wanted {
  readonly cid: CID;
  readonly readers: Set<Inbox<HolderFound | SearchEnd | { readonly failure: unknown }>>;
}

interface Batch {
  readonly wanted: Map<string, Wanted>;
  readonly stop: AbortController;
}

export class HolderSearch {
  readonly #around: Pick<Surroundings, 'neighbors'> & { readonly mesh: Pick<Surroundings['mesh'], 'messages'> };
  readonly #clock: Clock;
  /** That is being gathered. */
  #next: Batch | undefined;

  constructor(around: Pick<Surroundings, 'neighbors'> & { readonly mesh: Pick<Surroundings['mesh'], 'messages'> }, clock: Clock) {
    this.#around = around;
    this.#clock = clock;
  }

  /** Those among `dids` that say that they have it, as they answer. Throws `MESH_UNREACHABLE`, the signal's reason. */
  async *among(cid: CID, dids: readonly string[], signal: AbortSignal): AsyncGenerator<HolderFound> {
    const question = encodeHas({ cids: [cid], everybody: true });
    const stop = new AbortController();
    const until = AbortSignal.any([signal, stop.signal]);
    const pending = new Map(
      dids.map((did) => {
        const answer = this.#around.mesh.messages.ask(did, question, { patience: PATIENCE, signal: until }).then(
          (bytes) => ({ did, size: sizeIn(bytes) }),
          () => ({ did, size: undefined }),
        );
        return [did, answer] as const;
      }),
    );
    try {
      while (pending.size > 0) {
        const { did, size } = await Promise.race(pending.values());
        pending.delete(did);
        signal.throwIfAborted();
        if (size !== undefined) yield { did, size };
      }
    } finally {
      stop.abort(new DocketError('CANCELLED', 'nobody waits for the answer any more'));
    }
  }

  /** Those that say that they have it, as they answer. In the end who said nothing. Throws `MESH_UNREACHABLE`, the signal's reason. */
  async *everywhere(cid: CID, signal: AbortSignal): AsyncGenerator<HolderFound, SearchEnd> {
    signal.throwIfAborted();
    const batch = this.#join(cid);
    const name = cid.toString();
    const inbox: Inbox<HolderFound | SearchEnd | { readonly failure: unknown }> = new Inbox();
    const wanted = batch.wanted.get(name)!;
    wanted.readers.add(inbox);
    const wake = (): void => inbox.nudge();
    signal.addEventListener('abort', wake, { once: true });
    try {
      for (;;) {
        await inbox.wait();
        signal.throwIfAborted();
        for (const message of inbox.take()) {
          if ('failure' in message) throw message.failure;
          if ('silent' in message) return message;
          yield message;
        }
      }
    } finally {
      signal.removeEventListener('abort', wake);
      wanted.readers.delete(inbox);
      if ([...batch.wanted.values()].every(({ readers }) => readers.size === 0)) this.#drop(batch);
    }
  }

  #join(cid: CID): Batch {
    const name = cid.toString();
    let batch = this.#next;
    if (batch === undefined || (batch.wanted.size >= MOST_ASKED && !batch.wanted.has(name))) {
      const made: Batch = { wanted: new Map(), stop: new AbortController() };
      this.#next = batch = made;
      this.#clock.after(GATHER, () => void this.#ask(made));
    }
    if (!batch.wanted.has(name)) batch.wanted.set(name, { cid, readers: new Set() });
    return batch;
  }

  /** Nobody reads it any more. One that was not asked yet may still be joined. */
  #drop(batch: Batch): void {
    if (this.#next !== batch) batch.stop.abort(new DocketError('CANCELLED', 'nobody waits for the answers any more'));
  }

  async #ask(batch: Batch): Promise<void> {
    if (this.#next === batch) this.#next = undefined;
    const all = [...batch.wanted.values()].filter(({ readers }) => readers.size > 0);
    const tell = (wanted: readonly Wanted[], message: SearchEnd | { readonly failure: unknown }): void => {
      for (const { readers } of wanted) for (const reader of readers) reader.post(message);
    };
    if (all.length === 0) return;
    try {
      const members = this.#around.neighbors.all();
      let open = all;
      if (members.length > FEW) {
        const found = new Set<Wanted>();
        await this.#round(batch, all, { everybody: false, patience: HOLDERS_PATIENCE, onHolder: (wanted) => void found.add(wanted) });
        tell([...found], { silent: [] });
        open = all.filter((wanted) => !found.has(wanted));
      }
      if (open.length === 0) return;
      const silent = await this.#round(batch, open, { everybody: true, patience: PATIENCE, onHolder: () => {} });
      tell(open, { silent });
    } catch (failure) {
      tell(all, { failure });
    }
  }

  /** Who of those present said nothing. */
  async #round(
    batch: Batch,
    wanted: readonly Wanted[],
    {
      everybody,
      patience,
      onHolder,
    }: { readonly everybody: boolean; readonly patience: number; readonly onHolder: (wanted: Wanted) => void },
  ): Promise<readonly string[]> {
    const waiting = new Set(this.#around.neighbors.all());
    const question = encodeHas({ cids: wanted.map(({ cid }) => cid), everybody });
    if (everybody && waiting.size === 0) return [];
    for await (const { from, answer } of this.#around.mesh.messages.askAll(question, { patience, signal: batch.stop.signal })) {
      const read = decodeHeld(answer, wanted.length);
      if ('refused' in read) continue;
      waiting.delete(from);
      for (const [index, size] of read.held) {
        const one = wanted[index]!;
        onHolder(one);
        for (const reader of one.readers) reader.post({ did: from, size });
      }
      if (waiting.size === 0) break;
    }
    return [...waiting].filter((did) => this.#around.neighbors.has(did));
  }
}

function sizeIn(answer: Uint8Array): number | undefined {
  const read = decodeHeld(answer, 1);
  return 'refused' in read ? undefined : read.held.get(0);
}
