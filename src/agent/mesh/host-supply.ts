import { Gate } from '../../base/gate.ts';
import { Recent } from '../../base/recent.ts';
import { DocketError, isDocketError } from '../../errors.ts';
import type { Ipld } from '../../ipld/value.ts';
import { hexOf } from '../../scheduler/blob-view.ts';
import type { Engine } from '../engine.ts';
import { checkModule } from '../module-check.ts';
import type { Attempt } from './host-attempt.ts';
import { type Bring, bringAll, missingBlobs } from './host-blobs.ts';

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
  readonly #modules = new Recent<string, true>(MODULES);

  constructor(engine: Engine, bring: Bring) {
    this.#engine = engine;
    this.#bring = bring;
  }

  /** Whether all is here, and the module was looked into before. */
  isThere(attempt: Attempt): boolean {
    try {
      return this.#modules.get(hexOf(attempt.offered.module)) === true && missingBlobs(needsOf(attempt), attempt.view).length === 0;
    } catch (error) {
      // Something damaged; fetching says what, or mends it.
      if (isDocketError(error)) return false;
      throw error;
    }
  }

  /** Resolves when all is there. Throws the signal's reason, what fetching throws, `MODULE_INVALID`, and `BLOB_UNREACHABLE` when it took too long. */
  async fetch(attempt: Attempt, stop: AbortSignal): Promise<void> {
    const late = new AbortController();
    const cancel = this.#engine.clock.after(PATIENCE, () =>
      late.abort(new DocketError('BLOB_UNREACHABLE', `what it needs was not here within ${PATIENCE} ms`)),
    );
    const signal = AbortSignal.any([stop, late.signal]);
    try {
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

function needsOf({ offered: { module, input } }: Attempt): Ipld {
  return [module, input];
}
