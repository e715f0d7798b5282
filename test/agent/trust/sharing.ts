import { setImmediate as nextTurn } from 'node:timers/promises';
import { ResultFiler } from '../../../src/agent/trust/result-filer.ts';
import { ResultFinder } from '../../../src/agent/trust/result-finder.ts';
import { HomeTrust, type Distrusted, type TrustMode } from '../../../src/agent/trust/trust.ts';
import { hexOf } from '../../../src/scheduler/blob-view.ts';
import type { LocalMesh } from '../../../src/mesh/local/local-mesh.ts';
import type { Mesh } from '../../../src/mesh/mesh.ts';
import type { Refusal } from '../../../src/receipt/trust.ts';
import type { CoordinatorOptions } from '../../../src/scheduler/coordinator-options.ts';
import type { Plan } from '../../../src/workflow/model.ts';
import { HandClock } from '../../hand-clock.ts';
import { type Behavior, Bench, type RunResult } from '../../scheduler/harness.ts';

/** An agent of a mesh as far as results go: a ledger, runs on it whose jobs end as a test says, and what files, finds and judges results. */
export class Site implements AsyncDisposable {
  readonly bench: Bench;
  readonly mesh: Mesh;
  readonly clock = new HandClock();
  readonly trust: HomeTrust;
  readonly finder: ResultFinder;
  readonly filed: { resolved: number; declared: number } = { resolved: 0, declared: 0 };
  readonly refused: Refusal[] = [];
  readonly distrusted: Distrusted[] = [];
  readonly asked: { keys: number; found: number; isAnswered: boolean }[] = [];
  readonly troubles: unknown[] = [];
  /** Whoever is in here is or was a member. */
  readonly #members: Set<string>;
  #filer: ResultFiler;

  private constructor(bench: Bench, mesh: Mesh, members: Set<string>, mode: TrustMode) {
    this.bench = bench;
    this.mesh = mesh;
    this.#members = members;
    const fail = (cause: unknown): void => void this.troubles.push(cause);
    this.trust = new HomeTrust({
      self: bench.key.did,
      mode,
      isMember: (did) => this.#members.has(did),
      ledger: bench.ledger,
      clock: this.clock,
      onRefused: (refusal) => this.refused.push(refusal),
      onDistrusted: (distrusted) => this.distrusted.push(distrusted),
      onFailure: fail,
    });
    this.finder = new ResultFinder({ mesh, trust: this.trust, clock: this.clock, onAsked: (asked) => this.asked.push(asked) });
    this.#filer = this.#openFiler();
  }

  static async open(mesh: LocalMesh, members: Set<string>, mode: TrustMode = 'members'): Promise<Site> {
    const bench = await Bench.open();
    members.add(bench.key.did);
    return new Site(bench, mesh.join(bench.key.did), members, mode);
  }

  get did(): string {
    return this.bench.key.did;
  }

  #openFiler(): ResultFiler {
    const { ledger } = this.bench;
    return new ResultFiler({
      mesh: this.mesh,
      ledger,
      read: (cid) => ledger.small.get(hexOf(cid)),
      sizeOf: () => undefined,
      key: this.bench.key,
      clock: this.clock,
      onFiled: ({ table, filed }) => void (this.filed[table] += filed),
      onTrouble: (cause) => this.troubles.push(cause),
    });
  }

  async run(plan: Plan, behave: Behavior, options: Partial<CoordinatorOptions> & { readonly slots?: never } = {}): Promise<RunResult> {
    return await this.bench.run(plan, behave, {
      shared: this.finder,
      trust: this.trust,
      ...options,
    });
  }

  /** Until all that is committed was filed, or as often as it is tried. */
  async fileAll(tries = 10_000): Promise<void> {
    for (let turns = 0; turns < tries && this.#filer.behind > 0; turns++) {
      this.clock.advance(1_000);
      await nextTurn();
      await nextTurn();
    }
  }

  /** As of the filer. */
  async told(ms: number): Promise<void> {
    await this.#filer.told(ms);
  }

  /** As of the filer. */
  async kept(ms: number): Promise<void> {
    await this.#filer.kept(ms);
  }

  get behind(): number {
    return this.#filer.behind;
  }

  /** As after a restart. */
  async reopenFiler(): Promise<void> {
    await this.#filer[Symbol.asyncDispose]();
    this.#filer = this.#openFiler();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#filer[Symbol.asyncDispose]();
    await this.trust[Symbol.asyncDispose]();
    await this.mesh[Symbol.asyncDispose]();
    await this.bench[Symbol.asyncDispose]();
  }
}
