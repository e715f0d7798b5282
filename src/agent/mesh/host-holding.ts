import { DocketError, isDocketError } from '../../errors.ts';
import { HostedJournal } from '../../ledger/hosted.ts';
import type { Mesh } from '../../mesh/mesh.ts';
import type { AttemptName, EndedTask, HeldTask } from '../../protocol/mesh/work.ts';
import type { Outcome } from '../../receipt/outcome.ts';
import { type BlobsAtRest, BlobView } from '../../scheduler/blob-view.ts';
import type { Hit } from '../../scheduler/lookup.ts';
import { KnownTrees } from '../../store/known-trees.ts';
import { blobsAtRest } from '../blobs-of.ts';
import type { Engine } from '../engine.ts';
import type { HostTerms } from './host-admit.ts';
import { type Attempt, heldTask, type Stage } from './host-attempt.ts';
import { type Back, Bench } from './host-bench.ts';
import type { Bring } from './host-blobs.ts';
import { HostClaims } from './host-claims.ts';
import type { HostCounts } from './host-counts.ts';
import { Drives } from './host-drives.ts';
import { endOf, type Ending } from './host-ends.ts';
import { type Committed, HostFiling } from './host-filing.ts';
import { HostMail } from './host-mail.ts';
import { findKnown } from './host-offer.ts';
import { HostSupply } from './host-supply.ts';
import type { Drive } from './host-table.ts';

/**
 * The attempts at tasks of others that this home holds, and what becomes of each, from when it was let in until nobody has to hear of it.
 *
 * Everything happens in single turns. What takes longer is with the parts it is made of (blobs, slots, claims, the ledger), and comes back as a call.
 *
 * Invariants
 * W1. What is held has one stage. It is left by what comes back from the part that has it, by being taken back, or because nobody is there who wants it.
 * W2. An end is told when its receipt is durable here, not before (`HostFiling`). A result that is known already is told by the receipt that stands for it.
 * W3. What runs ends by itself or by its limits, and is filed, whatever becomes of its coordinator.
 * W4. What was not begun leaves no receipt: it is given back, with the reason, and may be had elsewhere.
 */

export interface HoldingOptions {
  readonly engine: Engine;
  readonly messages: Pick<Mesh['messages'], 'send' | 'largest'>;
  readonly bring: Bring;
  readonly counts: HostCounts;
  readonly terms: HostTerms;
}

/** How long nothing is taken after something could not be written or started, in ms. */
const CONVALESCENCE = 10_000;

const WITHDRAWN = new DocketError('CANCELLED', 'its coordinator withdrew the task');
const STOPPED: Outcome = { tag: 'error', failure: { code: 'lost', message: 'the agent that ran it was stopped' } };

export class Holding {
  readonly drives: Drives;
  readonly claims: HostClaims;
  readonly mail: HostMail;
  readonly rest: BlobsAtRest;
  readonly #engine: Engine;
  readonly #counts: HostCounts;
  readonly #terms: HostTerms;
  readonly #journal: HostedJournal;
  readonly #filing: HostFiling;
  readonly #supply: HostSupply;
  readonly #homeClaims: Disposable;
  /** Bytes of the offers of what is held. */
  #bytes = 0;
  #running = 0;
  #ill: { readonly until: number; readonly why: string } | undefined;
  #onRest: (() => void) | undefined;

  constructor({ engine, messages, bring, counts, terms }: HoldingOptions) {
    const { clock } = engine;
    this.#engine = engine;
    this.#counts = counts;
    this.#terms = terms;
    this.rest = { ...blobsAtRest(engine), trees: new KnownTrees() };
    this.#journal = new HostedJournal(engine.paths.hosted);
    const home = engine.claims.forRun();
    this.#homeClaims = home;
    this.claims = new HostClaims(home, clock, {
      recheck: (attempt) => this.#recheck(attempt),
      again: (attempt) => this.#wait(attempt),
      joined: () => counts.joined(),
    });
    this.#filing = new HostFiling(engine, this.#journal, {
      committed: (ends) => this.#committed(ends),
      fail: (cause) => this.#lose(cause),
    });
    this.#supply = new HostSupply(engine, bring);
    this.mail = new HostMail(messages);
    this.drives = new Drives(clock, () => this.#bench());
  }

  /** Bytes of what is held, more or less. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The ledger is slower than what comes. */
  get isFull(): boolean {
    return this.#filing.isFull;
  }

  /** Why nothing can be run at the moment. */
  get illness(): string | undefined {
    const { failure } = this.#engine.ledger;
    if (failure !== undefined) return `the agent’s ledger takes no more: ${failure.message}`;
    return this.#ill !== undefined && this.drives.now() < this.#ill.until ? this.#ill.why : undefined;
  }

  #bench(): Bench {
    const { slots, slotCount, clock, key } = this.#engine;
    return new Bench({
      self: key.did,
      slots,
      size: slotCount,
      memory: this.#terms.memory,
      clock,
      claims: this.claims,
      journal: this.#journal,
      lack: (attempt) => {
        this.#supply.forget(attempt);
        this.#fetch(attempt);
      },
      started: (attempts) => this.#started(attempts),
      landed: () => void this.#running--,
      back: (attempt, back) => this.#back(attempt, back),
      gone: (attempt) => {
        this.forget(attempt, { isDone: true });
        this.#considerRest();
      },
      fail: (attempts, cause) => this.#fail(attempts, cause),
    });
  }

  /** It is held from now on. `hit`: its result, where that is known. */
  letIn(attempt: Attempt, hit: Hit | undefined): void {
    this.drives.add(attempt);
    this.#bytes += attempt.size;
    if (hit !== undefined) this.#known(attempt, hit);
    else if (this.#supply.isThere(attempt)) this.drives.bench(attempt).enqueue(attempt);
    else this.#fetch(attempt);
  }

  #fetch(attempt: Attempt): void {
    const stop = new AbortController();
    const stage: Stage = { tag: 'fetching', stop };
    attempt.stage = stage;
    const isMeant = (): boolean => attempt.stage === stage && this.drives.has(attempt);
    this.#supply.fetch(attempt, stop.signal).then(
      () => {
        if (isMeant()) this.#wait(attempt);
      },
      (cause: unknown) => {
        if (isMeant()) this.#notFetched(attempt, cause);
      },
    );
  }

  #notFetched(attempt: Attempt, cause: unknown): void {
    if (isDocketError(cause, 'MODULE_INVALID')) this.#giveBack([attempt], 'refused', cause.message);
    else this.#giveBack([attempt], 'unfetched', `what the task needs could not be had: ${textOf(cause)}`);
  }

  #wait(attempt: Attempt): void {
    const bench = this.drives.bench(attempt);
    bench.enqueue(attempt);
    bench.dispatch();
  }

  #started(attempts: readonly Attempt[]): void {
    this.#running += attempts.length;
    const [first] = attempts;
    const drive = first && this.drives.find(first.run);
    if (drive !== undefined) this.mail.states(drive.coordinator, drive, attempts.map(heldTask), { isAll: false });
  }

  #back(attempt: Attempt, { id, end, started }: Back): void {
    attempt.stage = { tag: 'filing' };
    const nothing = { small: new Map<string, Uint8Array>(), written: [] };
    const ended = end.kind === 'ended' ? end.end : { ...nothing, outcome: lossOf(attempt, end), usage: end.usage };
    const { outcome, usage, small, written } = ended;
    this.#counts.ended(outcome.tag === 'ok' ? 'ok' : outcome.failure.code);
    this.#filing.file(attempt, { id, outcome, usage, started, small, written }, this.#running === 0);
  }

  #committed(ends: readonly Committed[]): void {
    const byDrive = new Map<Drive<Attempt>, Attempt[]>();
    for (const { attempt, receipt, value } of ends) {
      if (this.drives.has(attempt)) {
        this.#end(attempt, { receipt, value, isHit: false });
        const drive = this.drives.find(attempt.run)!;
        const others = byDrive.get(drive);
        if (others === undefined) byDrive.set(drive, [attempt]);
        else others.push(attempt);
      }
      this.claims.release(attempt);
    }
    for (const [drive, attempts] of byDrive) this.tellEnds(drive, attempts);
    this.#considerRest();
  }

  /** From timers, so it does not throw: what cannot be looked up is run. */
  #recheck(attempt: Attempt): boolean {
    try {
      const [found] = findKnown([attempt]);
      if (found === undefined) return false;
      this.#known(attempt, found.hit);
    } catch (cause) {
      if (!isDocketError(cause)) throw cause;
      this.fallIll(cause);
      return false;
    }
    const drive = this.drives.find(attempt.run);
    if (drive !== undefined) this.tellEnds(drive, [attempt]);
    return true;
  }

  #known(attempt: Attempt, { receipt, value }: Hit): void {
    const { bytes } = this.#engine.ledger.receipt(receipt)!;
    this.#counts.ended('hit');
    this.#end(attempt, { receipt: bytes, value, isHit: true });
  }

  #end(attempt: Attempt, ending: Ending): void {
    const end = endOf(attempt, ending, new BlobView(this.rest));
    attempt.stage = { tag: 'ended', end, since: this.drives.now(), told: Number.NEGATIVE_INFINITY };
  }

  /** Tells those of them that ended. */
  tellEnds(drive: Drive<Attempt>, attempts: readonly Attempt[]): void {
    const ends: EndedTask[] = [];
    for (const attempt of attempts) {
      if (attempt.stage.tag !== 'ended') continue;
      ends.push(attempt.stage.end);
      attempt.stage = { ...attempt.stage, told: this.drives.now() };
    }
    this.mail.ends(drive.coordinator, drive, ends);
  }

  /** Its coordinator does not want it any more: it is not begun, or killed; what is being filed is filed. */
  takeBack(attempt: Attempt): void {
    const { stage } = attempt;
    attempt.isUnwanted = true;
    if (stage.tag === 'running') stage.stop.abort(WITHDRAWN);
    else this.letGo(attempt);
  }

  /** Nobody waits for it. What runs or is being filed goes on. */
  letGo(attempt: Attempt): void {
    if (attempt.stage.tag !== 'running' && attempt.stage.tag !== 'filing') this.forget(attempt, { isDone: true });
  }

  /** It is held no more, and has not begun or has ended. `isDone`: a late offer does not bring it back. */
  forget(attempt: Attempt, how: { readonly isDone: boolean }): void {
    const { stage } = attempt;
    if (!this.drives.has(attempt)) return;
    if (stage.tag === 'fetching') stage.stop.abort(WITHDRAWN);
    this.drives.bench(attempt).remove(attempt);
    this.claims.release(attempt);
    this.drives.drop(attempt, how);
    this.#bytes -= attempt.size;
  }

  /** Its coordinator places it elsewhere. */
  #giveBack(attempts: readonly Attempt[], why: 'unfetched' | 'refused' | 'broken', message: string): void {
    const state = why === 'broken' ? 'overload' : why;
    for (const attempt of attempts) {
      this.#counts.notTaken(why);
      const drive = this.drives.find(attempt.run);
      this.forget(attempt, { isDone: false });
      if (drive !== undefined) this.mail.states(drive.coordinator, drive, [heldNot(attempt, state, message)], { isAll: false });
    }
  }

  /** Nothing is taken for a while. */
  fallIll(cause: unknown): void {
    this.#ill = { until: this.drives.now() + CONVALESCENCE, why: textOf(cause) };
  }

  /** Something of this home fails, and nothing of these was begun. */
  #fail(attempts: readonly Attempt[], cause: unknown): void {
    this.fallIll(cause);
    this.#giveBack(attempts, 'broken', textOf(cause));
    this.#considerRest();
  }

  /** The ledger takes no more: what ended has no receipt, and gets that of a crash when the home is opened again. */
  #lose(cause: unknown): void {
    this.#fail(
      [...this.drives.attempts()].filter(({ stage }) => stage.tag === 'filing'),
      cause,
    );
  }

  get #isResting(): boolean {
    return this.#running === 0 && (!this.#filing.isBusy || this.#engine.ledger.failure !== undefined);
  }

  #considerRest(): void {
    if (this.#isResting) this.#onRest?.();
  }

  /** Begins nothing more, kills what runs, files it, tells it once. */
  async close(): Promise<void> {
    this.drives.stop();
    for (const attempt of [...this.drives.attempts()]) {
      if (attempt.stage.tag === 'running') attempt.stage.stop.abort(WITHDRAWN);
      else this.letGo(attempt);
    }
    this.#filing.flush();
    if (!this.#isResting) await new Promise<void>((resolve) => (this.#onRest = resolve));
    this.claims[Symbol.dispose]();
    this.#homeClaims[Symbol.dispose]();
    await this.drives.close();
    this.#journal[Symbol.dispose]();
  }
}

/** What was killed because the agent is stopped was not cancelled by anybody who wanted it. */
function lossOf({ isUnwanted }: Attempt, { code, message }: Extract<Back['end'], { kind: 'lost' }>): Outcome {
  return code === 'cancelled' && !isUnwanted ? STOPPED : { tag: 'error', failure: { code, message } };
}

function textOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

/** What was offered and is not held. */
export function heldNot({ task, attempt }: AttemptName, state: 'overload' | 'unfetched' | 'refused', message: string): HeldTask {
  return { task, attempt, state, message };
}
