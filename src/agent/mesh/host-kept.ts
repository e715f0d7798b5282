import { DocketError } from '../../errors.ts';
import type { CID } from '../../ipld/cid.ts';
import type { AttemptName, HeldTask, KeptOffer, OfferedTask } from '../../protocol/mesh/work.ts';
import { decodeOffered } from '../../protocol/mesh/work-codec.ts';
import type { Store } from '../../store/store.ts';
import type { Clock } from '../../base/clock.ts';
import type { Bring } from './host-blobs.ts';

/** Offers that are fetched at a time; more are told that there is no room. */
const MOST = 16;
/** How long one may take, in ms. */
const PATIENCE = 120_000;
/** Bytes of one. */
const LARGEST = 64 * 2 ** 20;

interface Fetching {
  readonly name: AttemptName;
  readonly stop: AbortController;
}

interface Options {
  readonly store: Pick<Store, 'read' | 'stat'>;
  readonly bring: Bring;
  readonly clock: Clock;
  /** Whether so many bytes more may be held, beside those in `bytes`. */
  readonly mayHold: (bytes: number) => boolean;
}

/**
 * Offers too large for a message, while they are fetched from the coordinator that keeps them.
 *
 * Invariants
 * K1. What is in memory counts: from before its bytes are read, in `bytes`, until in one turn it is given to `take`, with its size.
 */
export class KeptOffers {
  readonly #options: Options;
  /** By run, then by name. */
  readonly #runs = new Map<string, Map<string, Fetching>>();
  #count = 0;
  #bytes = 0;

  constructor(options: Options) {
    this.#options = options;
  }

  get isFull(): boolean {
    return this.#count >= MOST;
  }

  /** Of those that are being read. */
  get bytes(): number {
    return this.#bytes;
  }

  has(run: string, name: AttemptName): boolean {
    return this.#runs.get(run)?.has(nameOf(name)) === true;
  }

  /** What is fetched for a run, as it is told. */
  held(run: string): HeldTask[] {
    return [...(this.#runs.get(run)?.values() ?? [])].map(({ name: { task, attempt } }) => ({ task, attempt, state: 'fetching' }));
  }

  /**
   * Gives it to `take`, with its size in bytes, unless it is withdrawn meanwhile. False if there is no room for it. Throws what fetching throws, and `IPLD_INVALID` for what is no
   * offer.
   */
  async fetch(
    run: string,
    { task, attempt, offer }: KeptOffer,
    from: string,
    take: (task: OfferedTask, size: number) => void,
  ): Promise<boolean> {
    const { clock, bring } = this.#options;
    const name = { task, attempt };
    const stop = new AbortController();
    const cancel = clock.after(PATIENCE, () => stop.abort(new DocketError('BLOB_UNREACHABLE', `not here within ${PATIENCE} ms`)));
    const all = this.#runs.get(run) ?? new Map<string, Fetching>();
    this.#runs.set(run, all.set(nameOf(name), { name, stop }));
    const isWanted = (): boolean => all.has(nameOf(name));
    this.#count++;
    let reserved = 0;
    try {
      await bring(offer, [from], stop.signal);
      const size = (await this.#options.store.stat(offer))?.size ?? 0;
      if (!isWanted()) return true;
      if (size <= LARGEST && !this.#options.mayHold(size)) return false;
      this.#bytes += reserved = size;
      const read = await this.#read(offer);
      if (!isWanted()) return true;
      this.#bytes -= reserved;
      reserved = 0;
      take({ ...read, ...name }, size);
      return true;
    } catch (error) {
      if (!isWanted()) return true;
      throw error;
    } finally {
      cancel();
      this.#count--;
      this.#bytes -= reserved;
      all.delete(nameOf(name));
      if (all.size === 0 && this.#runs.get(run) === all) this.#runs.delete(run);
    }
  }

  async #read(offer: CID): Promise<OfferedTask> {
    const read = decodeOffered(await this.#options.store.read(offer, { limit: LARGEST }));
    if ('refused' in read) throw new DocketError('IPLD_INVALID', `no offer: ${read.problem}`);
    return read.task;
  }

  /** It is not wanted any more. */
  drop(run: string, name: AttemptName): void {
    const all = this.#runs.get(run);
    const fetching = all?.get(nameOf(name));
    all?.delete(nameOf(name));
    fetching?.stop.abort(new DocketError('CANCELLED', 'the offer was withdrawn'));
  }

  /** Of this run, or of all. */
  dropAll(run?: string): void {
    for (const [each, all] of this.#runs)
      if (run === undefined || each === run) for (const { name } of [...all.values()]) this.drop(each, name);
  }
}

function nameOf({ task, attempt }: AttemptName): string {
  return `${task}/${attempt}`;
}
