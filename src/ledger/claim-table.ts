import type { ClaimRecord } from './claim-record.ts';

/** Pieces of work others let go of that are told apart; of older ones it is only known that there were some. */
const REMEMBERED = 4096;

/** What a claimant knows of the claims of others. */
export class ClaimTable {
  /** Tags of who claims a piece of work, the first first. */
  readonly #claimants = new Map<string, string[]>();
  #changes = 0;
  /** At which change a piece of work was let go of, for the latest. */
  readonly #released = new Map<string, number>();
  /** Up to which change that is not remembered. */
  #forgotten = 0;

  /** Counts what others let go of. */
  get changes(): number {
    return this.#changes;
  }

  hasChanged(name: string, since: number): boolean {
    return since < this.#forgotten || (this.#released.get(name) ?? 0) > since;
  }

  note({ kind, tag, name }: ClaimRecord): void {
    const claimants = this.#claimants.get(name);
    if (kind === 'release') {
      // Behind another it was only taken back.
      if (this.#remove(name, tag) <= 0) this.#change(name);
    } else if (claimants === undefined) this.#claimants.set(name, [tag]);
    else if (!claimants.includes(tag)) claimants.push(tag);
  }

  /** Who holds this work: the first who lives. The dead are forgotten. */
  holder(name: string, lives: (tag: string) => boolean): string | undefined {
    if (this.#claimants.size === 0) return undefined;
    for (;;) {
      const tag = this.#claimants.get(name)?.[0];
      if (tag === undefined || lives(tag)) return tag;
      this.#remove(name, tag);
      this.#change(name);
    }
  }

  /** All claims of those who live, by piece of work in their order. */
  list(lives: (tag: string) => boolean): ClaimRecord[] {
    return [...this.#claimants].flatMap(([name, tags]) => tags.filter(lives).map((tag) => ({ kind: 'claim', tag, name }) as const));
  }

  /** To be filled anew. What others let go of meanwhile nobody will tell. */
  clear(): void {
    this.#claimants.clear();
    this.#released.clear();
    this.#forgotten = ++this.#changes;
  }

  /** Gives the place in line that it had, or -1. */
  #remove(name: string, tag: string): number {
    const claimants = this.#claimants.get(name);
    const at = claimants?.indexOf(tag) ?? -1;
    if (at >= 0) claimants!.splice(at, 1);
    if (claimants?.length === 0) this.#claimants.delete(name);
    return at;
  }

  #change(name: string): void {
    this.#released.delete(name);
    this.#released.set(name, ++this.#changes);
    if (this.#released.size <= REMEMBERED) return;
    const [oldest, at] = this.#released.entries().next().value!;
    this.#released.delete(oldest);
    this.#forgotten = at;
  }
}
