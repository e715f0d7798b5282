import { Gate } from '../../base/gate.ts';
import { Recent } from '../../base/recent.ts';
import { DocketError, isDocketError } from '../../errors.ts';
import type { Ipld } from '../../ipld/value.ts';
import { type BlobView, hexOf } from '../../scheduler/blob-view.ts';
import type { Engine } from '../engine.ts';
import { checkModule } from '../module-check.ts';
import type { Attempt } from './host-attempt.ts';
import { type Bring, bringAll } from './host-blobs.ts';
import { Look } from './host-look.ts';

/** Tasks whose blobs are fetched at a time; the others wait. */
const AT_A_TIME = 16;
/** What may be spent on getting the blobs of one task, the wait for its turn included, in ms. */
const PATIENCE = 600_000;
/** Modules that are known to be let in. */
const MODULES = 1_024;

/** Makes sure that what a task needs is here before it waits for a slot: module, inputs, and what these name. */
export class HostSupply {
  readonly #engine: Engine;
  readonly #bring: Bring;
  readonly #gate = new Gate(AT_A_TIME);
  /** Whoever looks at many blobs does so alone, so that a turn of it is short. */
  readonly #looking = new Gate(1);
  readonly #modules = new Recent<string, true>(MODULES);
  /** Of tasks that were offered together, which see the same. */
  readonly #looks = new WeakMap<BlobView, Look>();

  constructor(engine: Engine, bring: Bring) {
    this.#engine = engine;
    this.#bring = bring;
  }

  /** Whether all is here, and the module was looked into before. False also if it takes long to see: `fetch` finds it so then. */
  isThere(attempt: Attempt): boolean {
    try {
      return this.#isChecked(attempt) && this.#look(attempt).atOnce(needsOf(attempt)) === true;
    } catch (error) {
      return orLacking(error);
    }
  }

  /** Something of it has gone meanwhile. */
  forget({ view }: Pick<Attempt, 'view'>): void {
    this.#looks.delete(view);
  }

  #isChecked({ offered: { module } }: Attempt): boolean {
    return this.#modules.get(hexOf(module)) === true;
  }

  #look({ view }: Pick<Attempt, 'view'>): Look {
    let look = this.#looks.get(view);
    if (look === undefined) this.#looks.set(view, (look = new Look(view)));
    return look;
  }

  async #isThere(attempt: Attempt, signal: AbortSignal): Promise<boolean> {
    if (!this.#isChecked(attempt)) return false;
    using _ = await this.#looking.enter(signal);
    return await this.#look(attempt).inTurns(needsOf(attempt)).catch(orLacking);
  }

  /** Resolves when all is there. Throws the signal's reason, what fetching throws, `MODULE_INVALID`, and `BLOB_UNREACHABLE` when it took too long. */
  async fetch(attempt: Attempt, stop: AbortSignal): Promise<void> {
    const late = new AbortController();
    const cancel = this.#engine.clock.after(PATIENCE, () =>
      late.abort(new DocketError('BLOB_UNREACHABLE', `what it needs was not here within ${PATIENCE} ms`)),
    );
    const signal = AbortSignal.any([stop, late.signal]);
    try {
      if (await this.#isThere(attempt, signal)) return;
      using _ = await this.#gate.enter(signal);
      const { module, holders, label } = attempt.offered;
      await bringAll(needsOf(attempt), attempt.view, { bring: this.#bring, holders, signal });
      await this.#check(attempt, label);
      signal.throwIfAborted();
      this.#modules.set(hexOf(module), true);
    } finally {
      cancel();
    }
  }

  /** A small module that came with the offer is not in the store yet. */
  async #check({ offered: { module }, supplies }: Attempt, label: string): Promise<void> {
    const given = supplies.get(hexOf(module));
    if (given !== undefined) await this.#engine.ledger.commit([{ kind: 'small', blobs: new Map([[hexOf(module), given]]) }]);
    await checkModule(this.#engine, module, `the module of task ${label}`);
  }
}

/** Something damaged; fetching says what, or mends it. */
function orLacking(error: unknown): false {
  if (isDocketError(error)) return false;
  throw error;
}

function needsOf({ offered: { module, input } }: Attempt): Ipld {
  return [module, input];
}
