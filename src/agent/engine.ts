import { availableParallelism } from 'node:os';
import { type Clock, systemClock } from '../base/clock.ts';
import type { Key } from '../ipld/identity.ts';
import * as Home from '../ledger/home.ts';
import { loadOrCreateIdentity } from '../ledger/identity-file.ts';
import { Ledger } from '../ledger/ledger.ts';
import { BlobReader } from '../store/blob-reader.ts';
import { DiskStore } from '../store/disk-store.ts';
import { SplitStore } from '../store/split-store.ts';
import { recover } from './recover.ts';
import { HomeSlots } from './slot-source.ts';

export interface EngineOptions {
  /** The home folder; made if it is not there. */
  readonly home: string;
  /** Slots commands on this home may use at a time; default: the number of processors. */
  readonly slots?: number;
  /** Starts the ledger's writing thread while the rest opens. Default: at the first write, which then waits for it. */
  readonly willWrite?: boolean;
  readonly clock?: Clock;
}

/**
 * Everything that works on one home: started in order, stopped in reverse. Several may share a home, in one process or many.
 */
export class Engine implements AsyncDisposable {
  readonly paths: Home.Paths;
  readonly key: Key;
  readonly ledger: Ledger;
  readonly store: SplitStore;
  /** Large blobs only; its folders are synced before receipts that rest on them. */
  readonly disk: DiskStore;
  readonly slots: HomeSlots;
  readonly slotCount: number;
  readonly clock: Clock;
  readonly #stack: AsyncDisposableStack;

  private constructor(
    parts: Pick<Engine, 'paths' | 'key' | 'ledger' | 'store' | 'disk' | 'slots' | 'slotCount' | 'clock'>,
    stack: AsyncDisposableStack,
  ) {
    this.paths = parts.paths;
    this.key = parts.key;
    this.ledger = parts.ledger;
    this.store = parts.store;
    this.disk = parts.disk;
    this.slots = parts.slots;
    this.slotCount = parts.slotCount;
    this.clock = parts.clock;
    this.#stack = stack;
  }

  /** Opens a home and gives the tasks that died with their coordinator their receipts. Throws `HOME_…`, `LEDGER_…`, `IDENTITY_INVALID`. */
  static async open(options: EngineOptions): Promise<Engine> {
    const clock = options.clock ?? systemClock;
    const slotCount = options.slots ?? availableParallelism();
    await using stack = new AsyncDisposableStack();
    const paths = await Home.prepare(options.home);
    const ledger = stack.use(await Ledger.open(paths.ledger));
    if (options.willWrite === true) ledger.warm();
    const [key, disk] = await Promise.all([loadOrCreateIdentity(paths.identity), DiskStore.open(paths.store)]);
    const store = new SplitStore(ledger.small, disk);
    const slots = stack.use(new HomeSlots({ locks: paths.locks, store: paths.store, count: slotCount, clock, onGone: () => disk.sweep() }));
    const engine = new Engine({ paths, key, ledger, store, disk, slots, slotCount, clock }, stack.move());
    await recover(engine);
    return engine;
  }

  /** Synchronous reading of both halves of the store. */
  reader(): BlobReader {
    return new BlobReader(this.paths.store, this.ledger.small);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}
