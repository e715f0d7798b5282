import { randomUUID } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { deferred, type Deferred } from '../base/deferred.ts';
import * as Fair from '../base/fair-share.ts';
import type { Tab } from '../base/fair-share.ts';
import { Lock } from './locks.ts';
import { isSuspended } from './suspended.ts';

/**
 * The slots of a home, shared by all commands on it: slot n is the lock `slot-<n>`, so a killed command's slots are free at once.
 *
 * Invariants
 * P1. Who wants a slot and gets none holds a lock `waiting-<held>-<unique name>`, where `held` is how many slots it has, 0 while one of its
 *     runs gathers several for one task: that is how holders learn that others wait, and whether it would be fair to give way.
 * P2. A waiter's lock file is removed by itself, or after its death by whoever next looks.
 * P3. Waiting is polling by timer; no lock is ever waited for in this thread.
 * P4. Whether others wait is asked by timers and on the way of giving back; it must not fail. Who cannot know (no descriptor is left to read the folder with)
 *     keeps what it has.
 * P5. A holder that stands still (Ctrl-Z, SIGSTOP) keeps its lock, and stops nobody: whoever has waited for a while gets a stand-in for that
 *     slot, `slot-<n>+`, and gives it back when the holder goes on. Until then there may be one task too many.
 * P6. Holders of one process share by their weights, also where they are more than the slots (`base/fair-share.ts`).
 */

/** Bounds of the time between two tries, in ms. */
const WAIT = { first: 2, last: 25 };
const MARK = /^waiting-([0-9]+)-/;
/** For how long it is believed that no other command waits, in ms: asking reads a folder, and short jobs end by the hundred. */
const BELIEF = 20;
/** Time between two looks whether holders stand still, in ms. */
const LOOK = 500;
const STAND_IN = '+';

/** Who asks for slots within this process: a run. Told from others by its identity. */
export type Holder = object | WeightedHolder;

/** A holder that is to have more or fewer slots than others. Both may change while it holds some. */
export interface WeightedHolder {
  /** Its share beside that of others, each of which has 1 if it says nothing. */
  readonly weight: number;
  /** It gathers several slots for one task: until it has them it counts as one that has none, or others would have them for ever. */
  readonly isGathering: boolean;
}

interface Waiter extends Deferred<HeldSlot> {
  readonly holder: Holder;
}

/** The right to run one task at a time. */
export interface HeldSlot {
  /** From 0; no other of this home has the same, but for one that is suspended, and until a stand-in for it has ended its task. */
  readonly index: number;
  /** Whether another holder of this process waits, to whom it would be fair to give it. Reads nothing. */
  isWantedHere(): boolean;
  /** The same of other processes. Reads a folder now and then. */
  isWantedElsewhere(): boolean;
  release(): void;
}

/** A lock, and whether what it stands in for is there again. */
interface Held {
  readonly path: string;
  readonly lock: Lock;
  readonly index: number;
  readonly isOver: () => boolean;
}

/** One command's part in the slots of a home. */
export class Slots {
  readonly #folder: string;
  readonly #count: number;
  readonly #clock: Clock;
  readonly #name = randomUUID();
  /** By the path of the lock. */
  readonly #held = new Map<string, Lock>();
  /** Holders of this process that have some. */
  readonly #having = new Set<Holder>();
  /** What each has had: also of one that has none at the moment. */
  readonly #tabs = new WeakMap<Holder, Tab>();
  readonly #waiting: Waiter[] = [];
  #mark: { readonly held: number; readonly lock: Lock } | undefined;
  #stopPolling: (() => void) | undefined;
  #nextLook = 0;
  /** Until when it holds that no other command waits. */
  #unwantedUntil = Number.NEGATIVE_INFINITY;

  /** `folder` holds the locks; slots 0 … `count` - 1 are asked for, so commands with unlike counts share the lower ones. */
  constructor(folder: string, count: number, clock: Clock) {
    this.#folder = folder;
    this.#count = count;
    this.#clock = clock;
  }

  /** Slots held by this command. */
  get held(): number {
    return this.#held.size;
  }

  /** Waits for a slot; within this process, who had least by its weight is served first. Rejects with the signal's reason, or with `HOME_UNUSABLE`. */
  async acquire(signal: AbortSignal, holder: Holder): Promise<HeldSlot> {
    signal.throwIfAborted();
    const waiter = { ...deferred<HeldSlot>(), holder };
    const abandon = (): void => {
      const at = this.#waiting.indexOf(waiter);
      if (at < 0) return;
      this.#waiting.splice(at, 1);
      waiter.reject(signal.reason);
      this.#settle();
    };
    if (this.#waiting.length === 0) this.#nextLook = this.#clock.monotonic() + LOOK;
    this.#join(holder);
    this.#waiting.push(waiter);
    signal.addEventListener('abort', abandon, { once: true });
    if (this.#stopPolling === undefined) this.#poll(WAIT.first);
    try {
      return await waiter.promise;
    } finally {
      signal.removeEventListener('abort', abandon);
    }
  }

  /** Whether another command waits that has no slot, or at least two fewer. One that is suspended could take none. A no is up to 20 ms old. */
  othersWait(): boolean {
    const now = this.#clock.monotonic();
    if (now < this.#unwantedUntil) return false;
    try {
      if (this.#doOthersWait()) return true;
    } catch {
      // See P4.
    }
    this.#unwantedUntil = now + BELIEF;
    return false;
  }

  #doOthersWait(): boolean {
    for (const file of readdirSync(this.#folder)) {
      const theirs = MARK.exec(file)?.[1];
      if (theirs === undefined || file.endsWith(this.#name)) continue;
      const mark = join(this.#folder, file);
      if (isPoorer(Number(theirs), this.held) && !Lock.sweep(mark) && !isSuspended(mark)) return true;
    }
    return false;
  }

  #poll(wait: number): void {
    this.#stopPolling = undefined;
    try {
      for (let index = 0; index < this.#count; index++) this.#try(this.#slot(index), index);
      this.#standIn();
      this.#settle();
    } catch (error) {
      for (const waiter of this.#waiting.splice(0)) waiter.reject(error);
    }
    if (this.#waiting.length === 0) return;
    this.#stopPolling = this.#clock.after(wait, () => this.#poll(Math.min(wait * 2, WAIT.last)));
  }

  /** Takes the place of holders that stand still. */
  #standIn(): void {
    if (this.#waiting.length === 0 || this.#clock.monotonic() < this.#nextLook) return;
    this.#nextLook = this.#clock.monotonic() + LOOK;
    for (let index = 0; index < this.#count; index++) {
      // A stand-in can be made to stand still as well.
      for (let held = this.#slot(index); !this.#held.has(held) && isSuspended(held); held = standInFor(held)) {
        const suspended = held;
        this.#try(standInFor(held), index, () => !isSuspended(suspended));
      }
    }
  }

  #slot(index: number): string {
    return join(this.#folder, `slot-${index}`);
  }

  #try(path: string, index: number, isOver = (): boolean => false): void {
    if (this.#waiting.length === 0 || this.#held.has(path)) return;
    const lock = Lock.tryAcquire(path, { patience: 0 });
    if (lock === undefined) return;
    this.#held.set(path, lock);
    this.#give({ path, lock, index, isOver });
  }

  #give(held: Held): void {
    const { index, isOver } = held;
    const waiter = this.#next();
    const { holder } = waiter;
    Fair.hold(this.#tabOf(holder), weightOf(holder), 1, this.#clock.monotonic());
    this.#having.add(holder);
    let isReleased = false;
    waiter.resolve({
      index,
      isWantedHere: () => this.#waiting.some((other) => other.holder !== holder && this.#isPoorer(other.holder, holder)),
      isWantedElsewhere: () => isOver() || this.othersWait(),
      release: () => {
        if (isReleased) return;
        isReleased = true;
        this.#takeShare(holder);
        this.#release(held);
      },
    });
  }

  #tabOf(holder: Holder): Tab {
    let tab = this.#tabs.get(holder);
    if (tab === undefined) this.#tabs.set(holder, (tab = Fair.tabAt(this.#clock.monotonic())));
    return tab;
  }

  #usedOf(holder: Holder): number {
    return Fair.usedOf(this.#tabOf(holder), weightOf(holder), this.#clock.monotonic());
  }

  /** It waits for a slot; whether it did before, or has some, makes a difference. */
  #join(holder: Holder): void {
    if (this.#having.has(holder) || this.#waiting.some((other) => other.holder === holder)) return;
    let least = Number.POSITIVE_INFINITY;
    for (const other of this.#having) least = Math.min(least, this.#usedOf(other));
    for (const { holder: other } of this.#waiting) least = Math.min(least, this.#usedOf(other));
    Fair.joins(this.#tabOf(holder), weightOf(holder), least, this.#clock.monotonic());
  }

  /** Whether `other` would stand no better than `holder` after it was given one of its slots. One that has none waits for its turn only. */
  #isPoorer(other: Holder, holder: Holder): boolean {
    if (isGathering(other)) return true;
    const [theirs, ours] = [this.#tabOf(other).held, this.#tabOf(holder).held];
    if (theirs === 0 && this.#usedOf(other) <= this.#usedOf(holder)) return true;
    return this.#standingOf(other, theirs + 1) <= this.#standingOf(holder, ours - 1);
  }

  #standingOf(holder: Holder, held: number): number {
    return Fair.standingOf(this.#tabOf(holder), weightOf(holder), this.#clock.monotonic(), held);
  }

  #takeShare(holder: Holder): void {
    const tab = this.#tabOf(holder);
    Fair.hold(tab, weightOf(holder), -1, this.#clock.monotonic());
    if (tab.held === 0) this.#having.delete(holder);
  }

  /** Who stands behind what it is to have; of those alike, who came first. */
  #next(): Waiter {
    const standing = ({ holder }: Waiter): number => this.#standingOf(holder, isGathering(holder) ? 0 : this.#tabOf(holder).held);
    let [next, least] = [0, Number.POSITIVE_INFINITY];
    this.#waiting.forEach((waiter, i) => {
      const its = standing(waiter);
      if (its < least) [next, least] = [i, its];
    });
    return this.#waiting.splice(next, 1)[0]!;
  }

  #release(held: Held): void {
    const { path, lock, isOver } = held;
    // Within this process it goes from hand to hand; whoever else waits looks for it now and then only, and would wait long.
    if (this.#waiting.length > 0 && !isOver() && !this.othersWait()) {
      this.#give(held);
      this.#settle();
      return;
    }
    this.#held.delete(path);
    // The file of a slot stays for the next; of stand-ins nothing is to be left.
    if (path.endsWith(STAND_IN)) lock.remove();
    else lock[Symbol.dispose]();
    this.#settle();
  }

  /** Keeps the mark true: none if nobody waits, else one that tells how many slots are held. */
  #settle(): void {
    const isWaiting = this.#waiting.length > 0;
    if (!isWaiting) {
      this.#stopPolling?.();
      this.#stopPolling = undefined;
    }
    const told = this.#waiting.some(({ holder }) => isGathering(holder)) ? 0 : this.held;
    if (isWaiting && this.#mark?.held === told) return;
    this.#mark?.lock.remove();
    this.#mark = undefined;
    if (!isWaiting) return;
    const lock = Lock.tryAcquire(join(this.#folder, `waiting-${told}-${this.#name}`));
    if (lock !== undefined) this.#mark = { held: told, lock };
  }
}

/** Whether giving a slot to one who holds `theirs` would be fair to one who holds `ours`. */
function isPoorer(theirs: number, ours: number): boolean {
  return theirs === 0 || theirs + 2 <= ours;
}

function weightOf(holder: Holder): number {
  return 'weight' in holder ? holder.weight : 1;
}

function isGathering(holder: Holder): boolean {
  return 'isGathering' in holder && holder.isGathering;
}

function standInFor(slot: string): string {
  return `${slot}${STAND_IN}`;
}

/** Removes the marks of waiters that were killed. */
export function sweepMarks(folder: string): void {
  for (const file of readdirSync(folder)) if (MARK.test(file)) Lock.sweep(join(folder, file));
}
