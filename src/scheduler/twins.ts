import type { Hit } from './lookup.ts';
import { nameOfBytes } from './name-of-bytes.ts';

/**
 * Tasks of one run that have the same resolved key. The first leads and runs; the others follow: they wait for it and take its result, so that
 * nothing is computed twice at the same time. Its result stands for the key until it is committed, which is when look-ups find it.
 */
export class Twins {
  readonly #families = new Map<string, Family>();
  /** Names of families whose leader has ended. */
  readonly #issued = new Map<number, string>();

  /**
   * What a task that is about to run is to do: lead, follow another with this key, which leads already, or take the result that was issued and is
   * not committed yet, if it may.
   */
  join(task: number, key: Uint8Array, mayTake: (hit: Hit) => boolean): 'lead' | 'follow' | Hit {
    const name = nameOfBytes(key);
    const family = this.#families.get(name);
    if (family?.hit !== undefined && mayTake(family.hit)) return family.hit;
    if (family === undefined || family.hit !== undefined) this.#families.set(name, { leader: task, followers: [], hit: undefined });
    else if (family.leader !== task) {
      family.followers.push(task);
      return 'follow';
    }
    return 'lead';
  }

  /** The followers of a leader that ended, with this result if it is one; none if `task` leads nobody. */
  release(task: number, key: Uint8Array, hit?: Hit): readonly number[] {
    const name = nameOfBytes(key);
    const family = this.#families.get(name);
    if (family?.leader !== task || family.hit !== undefined) return [];
    const { followers } = family;
    if (hit === undefined) this.#families.delete(name);
    else {
      family.hit = hit;
      family.followers = [];
      this.#issued.set(task, name);
    }
    return followers;
  }

  /** What this task gave is found by look-ups now. */
  committed(task: number): void {
    const name = this.#issued.get(task);
    if (name === undefined) return;
    this.#issued.delete(task);
    const family = this.#families.get(name);
    if (family?.leader === task && family.hit !== undefined) this.#families.delete(name);
  }

  /** All followers; nobody leads any more. */
  releaseAll(): number[] {
    const all = [...this.#families.values()].flatMap(({ followers }) => followers);
    this.#families.clear();
    this.#issued.clear();
    return all;
  }
}

interface Family {
  readonly leader: number;
  followers: number[];
  /** The leader's result, once issued. */
  hit: Hit | undefined;
}
