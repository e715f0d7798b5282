import type { Clock } from '../base/clock.ts';
import { Fifo } from '../base/fifo.ts';
import { isDocketError } from '../errors.ts';
import type { CID } from '../ipld/cid.ts';
import { type BlobView, hexOf } from './blob-view.ts';

interface BringingOptions {
  /**
   * Gets a blob from one of these, or from whoever has it, into the store here, where it is durable then. Throws `BLOB_MISSING`, `BLOB_UNREACHABLE`. Absent: nobody
   * can be asked.
   */
  readonly bring: ((cid: CID, holders: readonly string[], signal: AbortSignal) => Promise<void>) | undefined;
  readonly blobs: BlobView;
  /** `go` is to be called in the next turn. */
  readonly onBrought: (go: () => void) => void;
  readonly onFailure: (cause: unknown) => void;
  readonly clock: Clock;
}

/** Blobs that come at a time. */
const MOST = 16;
/** How long it is tried to get what lies in the mesh and cannot be reached, and the time between two tries, which doubles; in ms. */
const PATIENCE = 600_000;
const LEAST_REST = 500;
const MOST_REST = 10_000;

/** A task that waits for blobs. */
interface Waiting {
  left: number;
  readonly go: () => void;
}

interface Coming {
  readonly tag: 'coming';
  readonly cid: CID;
  /** When it was asked for first, in ms of the monotonic clock. */
  readonly since: number;
  rest: number;
  readonly waiting: Waiting[];
}

type Errand =
  | Coming
  /** Nobody has it; it is not asked for again in this drive. Who made it makes it again. */
  | { readonly tag: 'vain' };

/**
 * Brings blobs here that tasks of a run wait for and that others hold.
 *
 * Invariants
 * B1. Each blob is brought once, however many tasks wait for it.
 * B2. Every wait ends: `bring` comes to an end, or all of it is stopped. Whether it was in vain the waiting tasks see when they look for their blobs again.
 * B3. What a run was given, and only the mesh keeps, nobody can make again. As long as it cannot be reached there, for the engine is in trouble, it is tried again, up to
 *     `PATIENCE`: only what is not there is in vain at once.
 */
export class Bringing {
  readonly #options: BringingOptions;
  readonly #errands = new Map<string, Errand>();
  readonly #line = new Fifo<Coming>();
  readonly #stop = new AbortController();
  /** What ends the rests of errands. */
  readonly #rests = new Set<() => void>();
  #under = 0;
  #waiting = 0;

  constructor(options: BringingOptions) {
    this.#options = options;
  }

  /** Tasks that wait. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Whether it is worth waiting for these: then `go` is called when all have come, or not. */
  begin(blobs: readonly CID[], go: () => void): boolean {
    if (this.#options.bring === undefined || this.#stop.signal.aborted || blobs.length === 0) return false;
    const names = new Map(blobs.map((cid) => [hexOf(cid), cid]));
    for (const name of names.keys()) if (this.#errands.get(name)?.tag === 'vain') return false;
    const waiting: Waiting = { left: names.size, go };
    this.#waiting++;
    for (const [name, cid] of names) {
      const known = this.#errands.get(name);
      if (known?.tag === 'coming') {
        known.waiting.push(waiting);
        continue;
      }
      const errand: Coming = { tag: 'coming', cid, since: this.#options.clock.monotonic(), rest: LEAST_REST, waiting: [waiting] };
      this.#errands.set(name, errand);
      this.#line.push(errand);
    }
    this.#next();
    return true;
  }

  #next(): void {
    while (this.#under < MOST && !this.#line.isEmpty && !this.#stop.signal.aborted) {
      const [errand] = this.#line.take(1);
      this.#under++;
      void this.#run(errand!);
    }
  }

  async #run(errand: Coming): Promise<void> {
    const { cid, waiting } = errand;
    const { bring, blobs, onFailure } = this.#options;
    const name = hexOf(cid);
    let isResting = false;
    try {
      await bring!(cid, [...(blobs.elsewhere.of(cid)?.dids ?? [])], this.#stop.signal);
      this.#errands.delete(name);
    } catch (cause) {
      if (this.#stop.signal.aborted) return;
      isResting = this.#isWorthRepeating(errand, cause);
      if (!isResting) {
        this.#errands.set(name, { tag: 'vain' });
        blobs.elsewhere.forget(cid);
      }
      if (!isDocketError(cause, 'BLOB_MISSING') && !isDocketError(cause, 'BLOB_UNREACHABLE') && !isDocketError(cause, 'BLOB_DAMAGED'))
        return onFailure(cause);
    } finally {
      this.#under--;
    }
    if (isResting) this.#rest(errand);
    else this.#tell(waiting);
    this.#next();
  }

  #tell(waiting: readonly Waiting[]): void {
    const { onBrought } = this.#options;
    for (const one of waiting) {
      if (--one.left > 0) continue;
      onBrought(() => {
        if (this.#stop.signal.aborted) return;
        this.#waiting--;
        one.go();
      });
    }
  }

  #isWorthRepeating({ cid, since }: Coming, cause: unknown): boolean {
    const { blobs, clock } = this.#options;
    const isOfTheMesh = blobs.elsewhere.of(cid)?.dids.length === 0;
    return isOfTheMesh && isDocketError(cause, 'BLOB_UNREACHABLE') && clock.monotonic() - since < PATIENCE;
  }

  #rest(errand: Coming): void {
    const stopTimer = this.#options.clock.after(errand.rest, () => {
      this.#rests.delete(stopTimer);
      this.#line.push(errand);
      this.#next();
    });
    this.#rests.add(stopTimer);
    errand.rest = Math.min(MOST_REST, 2 * errand.rest);
  }

  /** Whether nobody gave it, who ever may be said to hold it by now. */
  isVain(cid: CID): boolean {
    return this.#errands.get(hexOf(cid))?.tag === 'vain';
  }

  /** Made anew, it may be had again. */
  made(cid: CID): void {
    const name = hexOf(cid);
    if (this.#errands.get(name)?.tag === 'vain') this.#errands.delete(name);
  }

  /** Nobody is called any more. */
  stop(): void {
    this.#stop.abort();
    for (const stopTimer of this.#rests) stopTimer();
    this.#waiting = 0;
  }
}
