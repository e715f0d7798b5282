import * as Fair from '../../base/fair-share.ts';
import type { Tab } from '../../base/fair-share.ts';

/**
 * How runs of one coordinator share the slots of members. Pure: it is told who holds what and who wants more.
 *
 * Invariants
 * F1. Who wants a place while another that had less for its weight wants one as well (`base/fair-share.ts`) lets that one go first. Each is let first once for each change of what is
 *     free, and for `COURTESY` only: what it could not use then is for the next, and one that stands still keeps nobody waiting.
 * F2. Of those who want places the one that has least is woken first, and the next when that one has enough or found nothing: nobody is woken for nothing by the hundred.
 */

/** Milliseconds. */
const COURTESY = 50;

export interface Share {
  readonly weight: number;
  /** What it had of the slots of members, and has. */
  readonly tab: Tab;
  /** It looks for a place, and found none. */
  isHungry: boolean;
  /** Version of the table it has last tried with in vain. */
  tried: number;
  /** When it was woken since, in monotonic ms. */
  woken: number | undefined;
  readonly wake: () => void;
}

export function shareOf(weight: number, onWake: () => void): Share {
  return { weight, tab: Fair.tabAt(0), isHungry: false, tried: -1, woken: undefined, wake: onWake };
}

export class Shares {
  readonly #all = new Set<Share>();
  /** Those that are hungry. */
  readonly #hungry = new Set<Share>();

  add(share: Share): void {
    this.#all.add(share);
  }

  remove(share: Share): void {
    this.#all.delete(share);
    this.#hungry.delete(share);
  }

  /** Whether it is another's turn; that one is woken, and this one when that has tried. */
  mustYield(share: Share, version: number, now: number): boolean {
    let first: Share | undefined;
    for (const other of this.#hungry) {
      if (
        other !== share &&
        mayTry(other, version, now) &&
        isPoorer(other, share, now) &&
        (first === undefined || isPoorer(other, first, now))
      )
        first = other;
    }
    if (first === undefined) return false;
    this.want(share, now);
    wake(first, now);
    return true;
  }

  /** It would take more if there were any. */
  want(share: Share, now: number): void {
    this.#join(share, now);
    share.isHungry = true;
    this.#hungry.add(share);
  }

  /** It found no place. */
  failed(share: Share, version: number, now: number): void {
    this.want(share, now);
    share.tried = version;
    share.woken = undefined;
  }

  /** It wants no more. */
  sate(share: Share): void {
    share.isHungry = false;
    share.woken = undefined;
    this.#hungry.delete(share);
  }

  /** There may be places: wakes who is to have them. */
  wakeNext(version: number, now: number): void {
    let first: Share | undefined;
    for (const share of this.#hungry) {
      if (share.tried >= version) continue;
      if (share.woken !== undefined && now - share.woken < COURTESY) return;
      if (first === undefined || isPoorer(share, first, now)) first = share;
    }
    if (first !== undefined) wake(first, now);
  }

  /** It has so many slots more of members, or fewer; parts of one if it sends several tasks to one. */
  hold(share: Share, slots: number, now: number): void {
    this.#join(share, now);
    Fair.hold(share.tab, share.weight, slots, now);
  }

  #join(share: Share, now: number): void {
    if (share.isHungry || isHolding(share)) return;
    let least = Number.POSITIVE_INFINITY;
    for (const other of this.#all)
      if (other !== share && (other.isHungry || isHolding(other))) least = Math.min(least, Fair.usedOf(other.tab, other.weight, now));
    Fair.joins(share.tab, share.weight, least, now);
  }
}

function mayTry({ tried, woken }: Share, version: number, now: number): boolean {
  return tried < version && (woken === undefined || now - woken < COURTESY);
}

function isPoorer(a: Share, b: Share, now: number): boolean {
  return Fair.standingOf(a.tab, a.weight, now) < Fair.standingOf(b.tab, b.weight, now);
}

/** Parts of slots do not add up to none exactly. */
function isHolding({ tab }: Share): boolean {
  return tab.held > 1e-6;
}

function wake(share: Share, now: number): void {
  share.woken ??= now;
  share.wake();
}
