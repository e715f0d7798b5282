import type { Clock } from '../base/clock.ts';
import type { EventLog } from '../base/event-log.ts';
import { type HeldSlot, type Holder, Slots } from '../ledger/slots.ts';
import type { Slot } from '../runner/slot.ts';
import { GatherTurns } from '../scheduler/gather-turns.ts';
import type { Lease, SlotSource } from '../scheduler/local-crew.ts';
import { MemoryAccount } from '../scheduler/memory-account.ts';

interface HomeSlotsOptions {
  /** Folder of the locks. */
  readonly locks: string;
  /** Root of the disk store. */
  readonly store: string;
  readonly count: number;
  readonly clock: Clock;
  /** A slot process is about to start. */
  readonly onStart: () => void;
  /** A slot process is gone; it may have left temporary files. */
  readonly onGone: () => void;
}

/** How long who gave a slot up for others leaves it to them before asking anew, and the time between two looks whether they have it, in ms. */
const COURTESY = 250;
const LOOK = 5;

/**
 * The slots of a home, shared with every other command on it: the right to a slot is a lock that the kernel frees when its owner
 * dies. Slot processes outlive their leases, so that a slot given back for a while costs no new process.
 */
export class HomeSlots implements SlotSource, AsyncDisposable {
  readonly #options: HomeSlotsOptions;
  readonly #rights: Slots;
  readonly turns = new GatherTurns();
  readonly memory = new MemoryAccount();
  readonly #idle: Slot[] = [];
  readonly #all = new Set<Slot>();
  #courteousUntil = 0;

  constructor(options: HomeSlotsOptions) {
    this.#options = options;
    this.#rights = new Slots(options.locks, options.count, options.clock);
  }

  /** Slots held by this process. */
  get held(): number {
    return this.#rights.held;
  }

  async acquire(signal: AbortSignal, holder: Holder): Promise<Lease> {
    await this.#letOthersFirst(signal);
    const right = await this.#rights.acquire(signal, holder);
    const slot = await this.#slotFor(right);
    return {
      slot,
      isWantedHere: () => right.isWantedHere(),
      isWantedElsewhere: () => right.isWantedElsewhere(),
      release: async () => {
        this.#idle.push(slot);
        right.release();
        if (this.#rights.othersWait()) this.#courteousUntil = this.#options.clock.monotonic() + COURTESY;
      },
    };
  }

  /** Gives the right back if no process can be started. */
  async #slotFor(right: HeldSlot): Promise<Slot> {
    try {
      return this.#idle.pop() ?? (await this.#start(right.index));
    } catch (error) {
      right.release();
      throw error;
    }
  }

  /** Others look for a free slot now and then only: who has just given one up would always be there before them. */
  async #letOthersFirst(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    while (clock.monotonic() < this.#courteousUntil && this.#rights.othersWait()) {
      await new Promise<void>((resolve) => clock.after(LOOK, resolve));
      signal.throwIfAborted();
    }
  }

  /** Imported at the first miss: a cached run needs nothing of it. */
  async #start(index: number): Promise<Slot> {
    const { Slot } = await import('../runner/slot.ts');
    const { store, clock, onStart, onGone } = this.#options;
    onStart();
    const slot = Slot.start({ storeRoot: store, index, clock, onGone });
    this.#all.add(slot);
    return slot;
  }

  /** What a task writes at the moment, if it has a job here. */
  live(task: Uint8Array): EventLog | undefined {
    for (const slot of this.#all) {
      const log = slot.live(task);
      if (log !== undefined) return log;
    }
    return undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#all].map((slot) => slot[Symbol.asyncDispose]()));
  }
}
