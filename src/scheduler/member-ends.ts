import type { CID } from '../ipld/cid.ts';
import * as Cid from '../ipld/cid.ts';
import { rememberingVerifiers } from '../ipld/identity.ts';
import { Float, type Ipld } from '../ipld/value.ts';
import { failureMap } from '../receipt/out.ts';
import type { Outcome } from '../receipt/outcome.ts';
import { onlySelf } from '../receipt/trust.ts';
import { hexOf } from './blob-view.ts';
import type { Away, Crew, Receipted } from './crew.ts';
import { hostTrouble } from './host-trouble.ts';
import { judge, type Judged } from './judge.ts';
import { blobTrouble } from './missing.ts';
import { Moves } from './moves.ts';
import type { RunContext, Steps } from './run-context.ts';
import * as State from './state.ts';
import type { TaskKind } from './task-kind.ts';
import { isWord } from './words.ts';

type Good = Extract<Judged, { readonly tag: 'good' }>;

interface MemberSteps extends Pick<Steps, 'finish' | 'check' | 'enqueue' | 'refuse'> {
  /** The task's row, with a result that does not count yet. */
  fileHeld(task: number, result: Extract<State.Result, { readonly receipt: CID }>): void;
  /** The task's row, after an attempt that is not the last. */
  fileRetry(task: number, receipt: CID): void;
  kindOf(task: number): TaskKind;
  isStopped(): boolean;
  /** It ended as a task does that was run here, its receipt is filed. */
  conclude(task: number, outcome: Outcome, receipt: CID): void;
  /** An attempt that left no receipt gets one of this coordinator. */
  file(task: number, outcome: Outcome, started: number): CID;
  /** It is tried again after a while. */
  rest(task: number, message: string): void;
  /** It ran, as a good receipt says. */
  begun(task: number): void;
  /** A task of this group took so long. */
  learn(task: number, wall: number): void;
}

/**
 * What comes of tasks that were given to members of the mesh.
 *
 * Invariants
 * E1. Nothing a member gave is used before its receipt was found good. What is not is counted, told, and leaves no trace in the ledger; that member gets no more of the
 *     kind for a while, the longer the more often. The time its task may wait for somebody goes on.
 * E2. A good receipt is filed with the bytes its issuer signed, as if it had been made here; what is checked first (`SpotChecks`), under no key.
 * E3. A result whose blobs are wanted here is settled when they have come. If nobody gives them, the task runs again.
 * E4. An attempt that may have been running when its member was lost gets a receipt of this coordinator, one that was not counts as not begun.
 * E5. What members do not take, and give no reason for, is offered so many times (`Moves`).
 */
export class MemberEnds {
  readonly #context: RunContext;
  readonly #crew: Crew;
  readonly #steps: MemberSteps;
  readonly #moves = new Moves();
  readonly #verifiers = rememberingVerifiers();

  constructor(context: RunContext, crew: Crew, steps: MemberSteps) {
    this.#context = context;
    this.#crew = crew;
    this.#steps = steps;
  }

  /** Attempts that are not tries of the task. */
  uncounted(task: number): number {
    return this.#moves.uncounted(task);
  }

  /** How often it was lost with a member. */
  losses(task: number): number {
    return this.#moves.losses(task);
  }

  away(task: number, { member, hasBegun, lacks, isUntaken, message }: Omit<Away, 'kind'>, started: number): void {
    const { options, state } = this.#context;
    options.onEvent({ kind: 'moved', task, member, message });
    if (!hasBegun) {
      // Its number is used up: what is said of that attempt later is not to be taken for the next.
      options.flight.returned({ index: task, attempt: state.attempts[task]! });
      if (lacks) return this.#lacks(task, member, message);
      this.#moves.displaced(task);
      if (isUntaken && !this.#moves.untaken(task))
        return this.#steps.refuse(task, { code: 'unplaceable', message: `it was offered again and again, and not taken: ${message}` });
      return this.#place(task);
    }
    const outcome = { tag: 'error', failure: { code: 'lost', message } } as const;
    const failed: State.Settled = { status: State.FAILED, value: failureMap(outcome.failure), via: 'ran' };
    const receipt = this.#steps.file(task, outcome, started);
    if (!this.#moves.lost(task)) return this.#steps.finish(task, { ...failed, receipt });
    this.#steps.fileRetry(task, receipt);
    this.#place(task);
  }

  /** Elsewhere, at once. */
  #place(task: number): void {
    if (this.#steps.isStopped()) return this.#steps.finish(task, { status: State.CANCELLED });
    State.makeReady(this.#context.state, task);
    this.#steps.enqueue(task);
  }

  receipted(task: number, end: Receipted): void {
    const { options, state, policies, prepared, lookup, bringing, outbox, filing, checks } = this.#context;
    const { key } = prepared.get(task)!;
    const planned = state.plan.tasks[task]!;
    const asked = {
      member: end.member,
      task: planned,
      policy: policies.of(task),
      key: key.key,
      attempt: state.attempts[task]!,
      mayHit: lookup.mayHit(task),
    };
    const judged = judge(end.receipt, end.isHit, asked, options.trust ?? onlySelf(options.issuer), this.#verifiers);
    if (judged.tag === 'bad') return this.#refuse(task, end.member, judged.why);
    const { cid, receipt, outcome } = judged;
    this.#steps.begun(task);
    this.#context.agreements().coming(task, cid, receipt);
    const { member: holder, held } = end;
    const small = whole(end.small);
    outbox.addBlobs(small, []);
    options.blobs.elsewhere.add(holder, held);
    for (const { cid: blob } of held) bringing.made(blob);
    const { wall } = receipt.meta.usage;
    if (judged.via === 'ran') this.#steps.learn(task, Math.max(0, wall instanceof Float ? wall.value : wall));
    const at = options.clock.now();
    const adopted = { index: task, task: planned, policy: policies.of(task), outcome, key, cid, bytes: end.receipt, receipt, at };
    const take = (): void => {
      outbox.file(task, filing.adopt(adopted));
      this.#follow(task, holder, judged);
    };
    if (!isWord(outcome) || !checks().isDue(task, receipt.iss)) return take();
    // It has its receipt, and is no try of the task.
    options.flight.returned({ index: task, attempt: asked.attempt });
    this.#moves.displaced(task);
    this.#crew.praise(holder, this.#steps.kindOf(task));
    checks().begin(task, { cid, bytes: end.receipt, receipt, outcome, heardOf: undefined, small, held, holder }, take);
  }

  #refuse(task: number, member: string, why: string): void {
    this.#context.options.onEvent({ kind: 'refused', task, member, why });
    this.#crew.distrust(member, this.#steps.kindOf(task), `its receipt was not good: ${why}`);
    this.#context.options.flight.returned({ index: task, attempt: this.#context.state.attempts[task]! });
    this.#moves.displaced(task);
    this.#place(task);
  }

  #follow(task: number, member: string, { cid, outcome, via }: Good): void {
    const isDone = outcome.tag === 'ok' || (hostTrouble(outcome.failure) === undefined && outcome.failure.code !== 'unfetched');
    if (isDone) this.#crew.praise(member, this.#steps.kindOf(task));
    if (outcome.tag === 'ok') return this.#keep(task, { status: State.OK, value: outcome.value, receipt: cid, via });
    if (isDone) return this.#steps.conclude(task, outcome, cid);
    const { failure } = outcome;
    // The trouble of that member, not of the task: nor of this home.
    this.#steps.fileRetry(task, cid);
    this.#lacks(task, member, failure.message, cid);
  }

  /**
   * A member could not get what a task needs, or is in trouble itself. What is missing is brought here, where whoever gets the task next finds it; what nobody has
   * is made again. If all is here, others may have better luck. `receipt`: of that attempt, if it left one.
   */
  #lacks(task: number, member: string, message: string, receipt?: CID): void {
    const { options, state, prepared, bringing, policies } = this.#context;
    if (!this.#moves.lost(task)) {
      const failure = { code: 'lost', message } as const;
      const filed = receipt ?? this.#steps.file(task, { tag: 'error', failure }, options.clock.now());
      return this.#steps.finish(task, { status: State.FAILED, value: failureMap(failure), receipt: filed, via: 'ran' });
    }
    if (this.#steps.isStopped()) return this.#steps.finish(task, { status: State.CANCELLED });
    const { module } = policies.of(task);
    const { input } = prepared.get(task)!;
    const wanted = this.#missing(module === undefined ? [input] : [module, input]);
    if (bringing.begin(wanted, () => this.#again(task))) return State.rest(state, task);
    if (wanted.length === 0) {
      this.#crew.distrust(member, this.#steps.kindOf(task), message);
      return this.#steps.rest(task, message);
    }
    for (const blob of wanted) options.blobs.elsewhere.forget(blob);
    this.#again(task);
  }

  #again(task: number): void {
    State.makeReady(this.#context.state, task);
    this.#steps.check(task);
  }

  /** What is not here, or cannot be read. */
  #missing(value: Ipld): CID[] {
    const { blobs } = this.#context.options;
    try {
      return [...blobs.missing(value)];
    } catch (cause) {
      if (blobTrouble(cause) === undefined || blobs.unread === undefined) throw cause;
      return [blobs.unread];
    }
  }

  /** A result, once its blobs are here if they are wanted here. */
  #keep(task: number, result: Extract<State.Result, { readonly receipt: CID }>): void {
    const { options, state, targets, bringing } = this.#context;
    const wanted = targets.has(task) && options.bring !== undefined ? this.#missing(result.value) : [];
    if (wanted.length === 0) {
      this.#moves.ended(task);
      return this.#steps.finish(task, result);
    }
    this.#steps.fileHeld(task, result);
    if (bringing.begin(wanted, () => this.#keep(task, result))) return State.rest(state, task);
    if (this.#steps.isStopped()) return this.#steps.finish(task, { status: State.CANCELLED });
    const message = `nobody gives ${wanted[0]!.toString()}, which its result names`;
    if (this.#moves.lost(task)) return this.#again(task);
    const failure = { code: 'lost', message } as const;
    this.#steps.finish(task, { status: State.FAILED, value: failureMap(failure), receipt: result.receipt, via: 'ran' });
  }
}

/** Small blobs that are what they are called. */
function whole(small: ReadonlyMap<string, Uint8Array>): ReadonlyMap<string, Uint8Array> {
  const isWhole = ([name, bytes]: [string, Uint8Array]): boolean => hexOf(Cid.ofBlob(bytes)) === name;
  return new Map([...small].filter(isWhole));
}
