/**
 * Who had how much of what is shared, beside what each is to have: places that were held, by time and weight. Pure: it is told the time.
 *
 * Invariants
 * H1. Of those who always want more each gets by its weight, however few places there are: what could not be given in whole places is given in turns.
 * H2. Who comes, or comes back, begins where those stand that have had least: it is owed nothing for when it wanted nothing, and keeps nobody waiting for what it had.
 * H3. What is held counts as held for one more turn: places that become free at once do not all go to the one who had least until then.
 */

/** A turn, in ms. */
const TURN = 500;

export interface Tab {
  /** Place-milliseconds for a weight of one, until `at`. */
  used: number;
  /** Places. */
  held: number;
  /** Monotonic ms. */
  at: number;
}

export function tabAt(now: number): Tab {
  return { used: 0, held: 0, at: now };
}

export function usedOf(tab: Tab, weight: number, now: number): number {
  tab.used += (tab.held * Math.max(0, now - tab.at)) / weight;
  tab.at = now;
  return tab.used;
}

/** It has so many more places, or fewer. */
export function hold(tab: Tab, weight: number, more: number, now: number): void {
  usedOf(tab, weight, now);
  tab.held += more;
}

/** It wants places, and did not. `least`: what the one has used who has used least of those that want or hold any; Infinity if nobody does. */
export function joins(tab: Tab, weight: number, least: number, now: number): void {
  const used = usedOf(tab, weight, now);
  if (Number.isFinite(least)) tab.used = Math.max(used, least);
}

/** The one with the least is next. `held`: if it held so many. */
export function standingOf(tab: Tab, weight: number, now: number, held = tab.held): number {
  return usedOf(tab, weight, now) + (held * TURN) / weight;
}
