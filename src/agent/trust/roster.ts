import type { Clock } from '../../base/clock.ts';
import { isDocketError } from '../../errors.ts';
import type { Key } from '../../ipld/identity.ts';
import type { Mesh } from '../../mesh/mesh.ts';
import { decodeMembership, encodeMembership } from '../../protocol/mesh/membership.ts';
import { pause } from '../mesh/runs/pause.ts';

/**
 * Who is or ever was a member of the mesh: each writes itself into a record that stays. Presence cannot tell, since what a member did is to count after it has gone, and
 * to whoever came later.
 *
 * Invariants
 * M1. A member is who signed that for this mesh. Others' records under its name are told as refused, and change nothing.
 * M2. While the engine is not heard nobody new becomes known; both the watch and the own record are tried again until this is disposed of.
 * M3. As long as this is up its own record stands there: if the engine lost it, or something else stands in its place, it is written again. An engine that lost its data lost
 *     those of all members at once, so each waits a random time: all of them together write one record in `EACH`, however many they are, and none more than one in `AGAIN`.
 */
interface Options {
  readonly mesh: Pick<Mesh, 'name' | 'records'>;
  readonly key: Key;
  readonly clock: Clock;
  /** From 0 to below 1. */
  readonly random: () => number;
  readonly onRefused: (refused: { readonly key: string; readonly problem: string }) => void;
}

const PREFIX = 'member';
/** In ms. */
const AGAIN = 2_000;
/** In ms: of every write all members hear. */
const EACH = 10;
/** Of as many members as may be there at once. Who ever was one is counted too. */
const LONGEST = 100_000;
/** Members that are known at most: what has the credentials of the engine could write any number of records. */
const MOST = 100_000;

export class Roster implements AsyncDisposable {
  readonly #options: Options;
  readonly #own: string;
  readonly #members = new Set<string>();
  readonly #over = new AbortController();
  readonly #work: readonly Promise<void>[];
  /** Whether the own record stands there, as the watch shows. */
  #isThere = false;
  /** It does not any more. */
  #gone = Promise.withResolvers<void>();

  constructor(options: Options) {
    const { mesh, key } = options;
    this.#options = options;
    this.#own = `${PREFIX}.${key.did}`;
    const membership = encodeMembership(mesh.name, key);
    this.#work = [this.#stay(membership), this.#keepOn(() => this.#watch(membership))];
  }

  isMember(did: string): boolean {
    return this.#members.has(did);
  }

  get size(): number {
    return this.#members.size;
  }

  async #stay(membership: Promise<Uint8Array>): Promise<void> {
    const { clock, random } = this.#options;
    const { signal } = this.#over;
    const own = await membership;
    while (!signal.aborted) {
      await this.#keepOn(() => this.#write(own));
      // What the watch does not show by then was lost before it could.
      await pause(clock, AGAIN, signal);
      if (this.#isThere) await this.#gone.promise;
      await pause(clock, random() * Math.min(this.size * EACH, LONGEST), signal);
    }
  }

  async #write(own: Uint8Array): Promise<void> {
    const { records } = this.#options.mesh;
    const there = await records.get(this.#own);
    if (there !== undefined && isSame(there.value, own)) return;
    await records.put(this.#own, own, there?.revision ?? 0);
  }

  async #watch(membership: Promise<Uint8Array>): Promise<void> {
    const { mesh, onRefused } = this.#options;
    const own = await membership;
    let [isOwnThere, isCurrent] = [false, false];
    for await (const change of mesh.records.watch(PREFIX, this.#over.signal)) {
      if (change.kind === 'current') isCurrent = true;
      else if (change.key === this.#own) isOwnThere = change.kind === 'put' && isSame(change.value, own);
      if (isCurrent) this.#stands(isOwnThere);
      // Who was a member stays one.
      if (change.kind !== 'put' || this.#members.size >= MOST) continue;
      const read = decodeMembership(change.value, mesh.name);
      if ('refused' in read) onRefused({ key: change.key, problem: read.problem });
      else if (change.key !== `${PREFIX}.${read.did}`) onRefused({ key: change.key, problem: `it is of ${read.did}` });
      else this.#members.add(read.did);
    }
  }

  #stands(isThere: boolean): void {
    if (this.#isThere && !isThere) this.#gone.resolve();
    else if (!this.#isThere && isThere) this.#gone = Promise.withResolvers();
    this.#isThere = isThere;
  }

  async #keepOn(work: () => Promise<void>): Promise<void> {
    const { signal } = this.#over;
    while (!signal.aborted) {
      try {
        return await work();
      } catch (error) {
        if (!isDocketError(error)) throw error;
      }
      await pause(this.#options.clock, AGAIN, signal);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.abort();
    this.#gone.resolve();
    await Promise.allSettled(this.#work);
  }
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
