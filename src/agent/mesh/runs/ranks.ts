import { type Present, rankOf } from './company.ts';

/** Members that are weighed against this one in one look, over all runs. A weight is a hash: microseconds. */
const MOST_WEIGHED = 4_096;

/**
 * The rank of this member for each of many runs, found once and kept true as members come and go.
 *
 * Invariants
 * R1. A rank that is given is what `rankOf` would give of the members of the last look.
 * R2. A look weighs so many members, plus at most all there are once: runs whose rank is not known yet have theirs in a later one.
 */
export class Ranks {
  readonly #ranks = new Map<string, number>();
  #self: Present | undefined;
  /** Others that could do something. */
  #peers = new Map<string, Present>();
  #left = 0;

  /** Who is there now. */
  look(self: Present, others: readonly Present[]): void {
    const peers = new Map<string, Present>();
    for (const member of others) {
      const { did, isDraining } = member;
      if (!isDraining && did !== self.did) peers.set(did, member);
    }
    const came = [...peers].flatMap(([did, member]) => (this.#peers.has(did) ? [] : [member]));
    const went = [...this.#peers].flatMap(([did, member]) => (peers.has(did) ? [] : [member]));
    this.#self = { ...self, isDraining: false };
    this.#peers = peers;
    this.#left = MOST_WEIGHED;
    const changes = came.length + went.length;
    if (changes === 0) return;
    if (changes * this.#ranks.size > MOST_WEIGHED) return this.#ranks.clear();
    for (const [run, rank] of this.#ranks) this.#ranks.set(run, rank + this.#before(run, came) - this.#before(run, went));
  }

  /** How many members come before this one; undefined if that is not known in this look. */
  of(run: string): number | undefined {
    const known = this.#ranks.get(run);
    if (known !== undefined || this.#left <= 0) return known;
    this.#left -= this.#peers.size;
    const rank = this.#before(run, [...this.#peers.values()]);
    this.#ranks.set(run, rank);
    return rank;
  }

  #before(run: string, others: readonly Present[]): number {
    return rankOf({ self: this.#self!, others }, run)!;
  }

  /** Nobody asks for it any more. */
  forget(run: string): void {
    this.#ranks.delete(run);
  }
}
