import type { Clock } from '../../base/clock.ts';
import { isDocketError } from '../../errors.ts';
import type { Key } from '../../ipld/identity.ts';
import type { Mesh } from '../../mesh/mesh.ts';
import { decodeMembership, encodeMembership } from '../../protocol/mesh/membership.ts';

/**
 * Who is or ever was a member of the mesh: each writes itself into a record that stays. Presence cannot tell, since what a member did is to count after it has gone, and
 * to whoever came later.
 *
 * Invariants
 * M1. A member is who signed that for this mesh. Others' records under its name are told as refused, and change nothing.
 * M2. While the engine is not heard nobody new becomes known; both the watch and the own record are tried again until this is disposed of.
 */
interface Options {
  readonly mesh: Pick<Mesh, 'name' | 'records'>;
  readonly key: Key;
  readonly clock: Clock;
  readonly onRefused: (refused: { readonly key: string; readonly problem: string }) => void;
}

const PREFIX = 'member';
const AGAIN = 2_000;
/** Members that are known at most: what has the credentials of the engine could write any number of records. */
const MOST = 100_000;

export class Roster implements AsyncDisposable {
  readonly #options: Options;
  readonly #members = new Set<string>();
  readonly #over = new AbortController();
  readonly #work: readonly Promise<void>[];

  constructor(options: Options) {
    this.#options = options;
    this.#work = [this.#keepOn(() => this.#join()), this.#keepOn(() => this.#watch())];
  }

  isMember(did: string): boolean {
    return this.#members.has(did);
  }

  get size(): number {
    return this.#members.size;
  }

  async #join(): Promise<void> {
    const { mesh, key } = this.#options;
    const name = `${PREFIX}.${key.did}`;
    const own = await encodeMembership(mesh.name, key);
    const there = await mesh.records.get(name);
    if (there !== undefined && Buffer.compare(there.value, own) === 0) return;
    await mesh.records.put(name, own, there?.revision ?? 0);
  }

  async #watch(): Promise<void> {
    const { mesh, onRefused } = this.#options;
    for await (const change of mesh.records.watch(PREFIX, this.#over.signal)) {
      // Who was a member stays one.
      if (change.kind !== 'put' || this.#members.size >= MOST) continue;
      const read = decodeMembership(change.value, mesh.name);
      if ('refused' in read) onRefused({ key: change.key, problem: read.problem });
      else if (change.key !== `${PREFIX}.${read.did}`) onRefused({ key: change.key, problem: `it is of ${read.did}` });
      else this.#members.add(read.did);
    }
  }

  async #keepOn(work: () => Promise<void>): Promise<void> {
    const { signal } = this.#over;
    while (!signal.aborted) {
      try {
        return await work();
      } catch (error) {
        if (!isDocketError(error)) throw error;
      }
      await new Promise<void>((resolve) => {
        const stop = this.#options.clock.after(AGAIN, resolve);
        signal.addEventListener('abort', () => (stop(), resolve()), { once: true });
      });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.abort();
    await Promise.allSettled(this.#work);
  }
}
