import type { TaskKind } from '../task-kind.ts';

/** How long one that refused a task of a kind gets no more of them, in ms; doubled for each further time. Another incarnation of it may do better. */
const REFUSED = { first: 2_000, most: 300_000 };
/** Kinds that are remembered for each member. */
const MOST_KINDS = 256;

interface Refusal {
  readonly did: string;
  readonly kind: string;
  readonly why: string;
  /** In monotonic ms. */
  readonly until: number;
  /** How often in a row it has refused. */
  strikes: number;
}

/**
 * Which members get no tasks of which kinds for a while, and why. Pure.
 *
 * Invariants
 * N1. What is in `#open` is remembered as well, and gets nothing; the rest of what is remembered is how often it was so.
 * N2. Nothing is forgotten that is open but with its member. Where that would need more room nothing more is taken in, which the caller is told.
 */
export class Refusals {
  readonly #members = new Map<string, Map<string, Refusal>>();
  readonly #open = new Set<Refusal>();

  /** Somebody gets nothing. */
  get isAny(): boolean {
    return this.#open.size > 0;
  }

  /** Why that member gets no tasks of the kind now; undefined if it may. */
  why(did: string, { name }: TaskKind): string | undefined {
    const refusal = this.#members.get(did)?.get(name);
    return refusal !== undefined && this.#open.has(refusal) ? refusal.why : undefined;
  }

  /** It gets none for a while, the longer the more often. False if it gets none of so many kinds that this one cannot be remembered. */
  add(did: string, { name: kind }: TaskKind, why: string, now: number): boolean {
    let kinds = this.#members.get(did);
    if (kinds === undefined) this.#members.set(did, (kinds = new Map()));
    const known = kinds.get(kind);
    if (known !== undefined && this.#open.has(known)) return true;
    if (known === undefined && kinds.size >= MOST_KINDS && !this.#makeRoom(kinds)) return false;
    const { strikes } = known ?? { strikes: 0 };
    const until = now + Math.min(REFUSED.first * 2 ** Math.min(strikes, 16), REFUSED.most);
    const refusal = { did, kind, why, until, strikes: strikes + 1 };
    kinds.set(kind, refusal);
    this.#open.add(refusal);
    return true;
  }

  #makeRoom(kinds: Map<string, Refusal>): boolean {
    for (const [kind, refusal] of kinds) {
      if (this.#open.has(refusal)) continue;
      kinds.delete(kind);
      return true;
    }
    return false;
  }

  /** It did one: how often it did not is forgotten. What is open stays so. */
  praise(did: string, { name }: TaskKind): void {
    const refusal = this.#members.get(did)?.get(name);
    if (refusal === undefined) return;
    if (this.#open.has(refusal)) refusal.strikes = 0;
    else this.#members.get(did)!.delete(name);
  }

  gone(did: string): void {
    for (const refusal of this.#members.get(did)?.values() ?? []) this.#open.delete(refusal);
    this.#members.delete(did);
  }

  /** Takes those out that are over. */
  *over(now: number): Generator<{ readonly did: string; readonly kind: string }> {
    for (const refusal of this.#open) {
      if (now < refusal.until) continue;
      this.#open.delete(refusal);
      yield refusal;
    }
  }
}
