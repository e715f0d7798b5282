/**
 * Tasks of one run that have the same resolved key. The first leads and runs; the others follow: they wait for it and take its result,
 * so that nothing is computed twice at the same time.
 */
export class Twins {
  readonly #families = new Map<string, { readonly leader: number; readonly followers: number[] }>();

  /** True if another task with this key leads already and `task` now follows it; otherwise `task` leads. */
  follow(task: number, key: Uint8Array): boolean {
    const name = nameOf(key);
    const family = this.#families.get(name);
    if (family === undefined) {
      this.#families.set(name, { leader: task, followers: [] });
      return false;
    }
    if (family.leader === task) return false;
    family.followers.push(task);
    return true;
  }

  /** The followers of a leader that ended; none if `task` leads nobody. */
  release(task: number, key: Uint8Array): readonly number[] {
    const name = nameOf(key);
    const family = this.#families.get(name);
    if (family?.leader !== task) return [];
    this.#families.delete(name);
    return family.followers;
  }

  /** All followers; nobody leads any more. */
  releaseAll(): number[] {
    const all = [...this.#families.values()].flatMap(({ followers }) => followers);
    this.#families.clear();
    return all;
  }
}

function nameOf(key: Uint8Array): string {
  return Buffer.from(key).toString('latin1');
}
