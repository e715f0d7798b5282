import { availableParallelism } from 'node:os';
import { type Clock, systemClock } from '../base/clock.ts';
import { RandomPool } from '../base/random-pool.ts';
import { Recent } from '../base/recent.ts';
import { DocketError, isDocketError } from '../errors.ts';
import type { Key } from '../ipld/identity.ts';
import { Claims } from '../ledger/claims.ts';
import * as Home from '../ledger/home.ts';
import { SpareFlights } from '../ledger/spare-flights.ts';
import { loadOrCreateIdentity } from '../ledger/identity-file.ts';
import { Ledger } from '../ledger/ledger.ts';
import { RunLocks } from '../ledger/run-locks.ts';
import type { ReadManifest } from '../manifest/model.ts';
import { BlobReader } from '../store/blob-reader.ts';
import { DiskStore } from '../store/disk-store.ts';
import { SplitStore } from '../store/split-store.ts';
import { recover } from './recover.ts';
import { RememberedPlan } from './remembered-plan.ts';
import { SharedClaims } from './shared-claims.ts';
import { HomeSlots } from './slot-source.ts';

export interface EngineOptions {
  /** The home folder; made if it is not there. */
  readonly home: string;
  /** Slots commands on this home may use at a time; default: the number of processors. */
  readonly slots?: number;
  readonly clock?: Clock;
  /** The home is only looked at, so one that cannot be written, or is on a full disk, will do; it is left as it is then. Default false. */
  readonly lookOnly?: boolean;
}

/**
 * Everything that works on one home: started in order, stopped in reverse. Several may share a home, in one process or many.
 */
export class Engine implements AsyncDisposable {
  readonly paths: Home.Paths;
  /** Whether the home cannot be written; only who asked for looking at it gets such an engine. */
  readonly isReadOnly: boolean;
  readonly ledger: Ledger;
  readonly store: SplitStore;
  /** Large blobs only; its folders are synced before receipts that rest on them. */
  readonly disk: DiskStore;
  readonly slots: HomeSlots;
  /** Who drives which run. */
  readonly runLocks: RunLocks;
  readonly spareFlights: SpareFlights;
  /** Who does which work at the moment. */
  readonly claims: SharedClaims;
  readonly slotCount: number;
  readonly clock: Clock;
  readonly random = new RandomPool();
  /** Manifests that were read, by their integrity: those of jobs are asked for again and again. */
  readonly manifests = new Recent<string, ReadManifest>(256);
  readonly plans = new RememberedPlan();
  readonly #key: Key | undefined;
  readonly #stack: AsyncDisposableStack;

  private constructor(
    parts: Pick<Engine, 'paths' | 'ledger' | 'store' | 'disk' | 'slots' | 'runLocks' | 'spareFlights' | 'claims' | 'slotCount' | 'clock'>,
    key: Key | undefined,
    stack: AsyncDisposableStack,
  ) {
    this.paths = parts.paths;
    this.isReadOnly = key === undefined;
    this.#key = key;
    this.ledger = parts.ledger;
    this.store = parts.store;
    this.disk = parts.disk;
    this.slots = parts.slots;
    this.runLocks = parts.runLocks;
    this.spareFlights = parts.spareFlights;
    this.claims = parts.claims;
    this.slotCount = parts.slotCount;
    this.clock = parts.clock;
    this.#stack = stack;
  }

  /** Opens a home and gives the tasks that died with their coordinator their receipts. Throws `HOME_…`, `LEDGER_…`, `IDENTITY_INVALID`. */
  static async open(options: EngineOptions): Promise<Engine> {
    if (options.lookOnly !== true) return await Engine.#open(options, { isReadOnly: false });
    const isReadOnly = Home.isReadOnly(options.home);
    try {
      return await Engine.#open(options, { isReadOnly });
    } catch (error) {
      // SQLite needs space even for reading, but can do without.
      if (isReadOnly || !isDocketError(error, 'STORE_FULL')) throw error;
      return await Engine.#open(options, { isReadOnly: true });
    }
  }

  static async #open(options: EngineOptions, { isReadOnly }: Pick<Engine, 'isReadOnly'>): Promise<Engine> {
    const clock = options.clock ?? systemClock;
    const slotCount = options.slots ?? availableParallelism();
    await using stack = new AsyncDisposableStack();
    const paths = isReadOnly ? Home.prepareReading(options.home) : await Home.prepare(options.home);
    const ledger = stack.use(isReadOnly ? Ledger.openReadOnly(paths.ledger) : await Ledger.open(paths.ledger));
    const identity = isReadOnly ? undefined : loadOrCreateIdentity(paths.identity);
    const [key, disk] = await Promise.all([identity, DiskStore.open(paths.store)]);
    const store = new SplitStore(ledger.small, disk);
    const runLocks = stack.use(new RunLocks(paths));
    const spareFlights = stack.use(new SpareFlights(() => runLocks.name));
    const slots = stack.use(
      new HomeSlots({
        locks: paths.locks,
        store: paths.store,
        count: slotCount,
        clock,
        // There will be results to write.
        onStart: () => ledger.warm(),
        onGone: () => disk.sweep(),
      }),
    );
    const claims = stack.use(new SharedClaims(() => new Claims(paths.locks)));
    const engine = new Engine({ paths, ledger, store, disk, slots, runLocks, spareFlights, claims, slotCount, clock }, key, stack.move());
    if (!isReadOnly) await recover(engine);
    return engine;
  }

  /** Who signs here. Throws `HOME_UNUSABLE` if the home cannot be written: nothing is signed there. */
  get key(): Key {
    if (this.#key === undefined)
      throw new DocketError('HOME_UNUSABLE', `the home ${this.paths.home} cannot be written, so nothing is signed`);
    return this.#key;
  }

  /** Of who signs here; undefined if the home cannot be written. */
  get did(): string | undefined {
    return this.#key?.did;
  }

  /** Synchronous reading of both halves of the store. */
  reader(): BlobReader {
    return new BlobReader(this.paths.store, this.ledger.small);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}
