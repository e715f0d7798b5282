import { Releases } from '../base/releases.ts';
import type { ClaimRecord } from './claim-record.ts';

/** What a claimant knows of the claims of others. */
export class ClaimTable {
  /** Tags of who claims a piece of work, the first first. */
  readonly #claimants = new Map<string, string[]>();
  readonly #releases = new Releases();

  /** Counts what others let go of. */
  get changes(): number {
    return this.#releases.count;
  }

  hasChanged(name: string, since: number): boolean {
    return this.#releases.has(name, since);
  }

  note({ kind, tag, name }: ClaimRecord): void {
    const claimants = this.#claimants.get(name);
    if (kind === 'release') {
      // Behind another it was only taken back.
      if (this.#remove(name, tag) <= 0) this.#releases.note(name);
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
      this.#releases.note(name);
    }
  }

  /** All claims of those who live, by piece of work in their order. */
  list(lives: (tag: string) => boolean): ClaimRecord[] {
    return [...this.#claimants].flatMap(([name, tags]) => tags.filter(lives).map((tag) => ({ kind: 'claim', tag, name }) as const));
  }

  /** To be filled anew. What others let go of meanwhile nobody will tell. */
  clear(): void {
    this.#claimants.clear();
    this.#releases.forget();
  }

  /** Gives the place in line that it had, or -1. */
  #remove(name: string, tag: string): number {
    const claimants = this.#claimants.get(name);
    const at = claimants?.indexOf(tag) ?? -1;
    if (at >= 0) claimants!.splice(at, 1);
    if (claimants?.length === 0) this.#claimants.delete(name);
    return at;
  }
}
