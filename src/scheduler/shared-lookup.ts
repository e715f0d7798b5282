import type { MemoTable } from '../ledger/ledger.ts';
import type { Expected } from '../receipt/judge.ts';
import * as MemoKey from '../receipt/key.ts';
import { failureMap } from '../receipt/out.ts';
import { type Answered, Inquiries } from './inquiries.ts';
import type { Hit } from './lookup.ts';
import type { RunContext } from './run-context.ts';
import type { Answer, FoundResult, Question, SharedResults } from './shared-results.ts';
import * as State from './state.ts';

interface Steps {
  /** `go` is to be called in the next turn. */
  later(go: () => void): void;
  fail(cause: unknown): void;
  /** What is known of a task that was asked about. */
  answered(table: MemoTable, task: number, found: readonly FoundResult[]): void;
}

/** Refusals that a run tells of one by one; metrics and `docket trust ls` count them all. */
const MOST_TOLD = 100;
/** Agents whose earlier word on one task is of use. */
const MOST_VOTES = 64;
/** For how long at the beginning questions of a run that was driven before wait for an answer, in ms: a cluster of NATS that lost a server takes some seconds. */
const PATIENCE = 10_000;

/**
 * Looks for results at other agents, between the look-up here and the giving away.
 *
 * Invariants
 * L1. Only what other agents could know is asked: results of pure tasks that may be a hit, and what an earlier drive of the run finished.
 * L2. The first question by declared keys is for what the run is for: a finished graph is one question. Once such questions are in vain, each batch is filled with keys
 *     from further upstream, so that a long chain costs few of them. Of a plain task (`Lookup`) only the resolved key is asked for.
 * L3. A run that was driven before has most likely finished something: at the beginning, when many members and servers may be hurt, its questions wait for an answer.
 * L4. What is found is in the outbox, with its small blobs, before anything rests on it; as what other agents said where only they did.
 */
export class SharedLookup {
  readonly #context: RunContext;
  readonly #steps: Steps;
  readonly #inquiries: Inquiries;
  /** Tasks that wait for the answer; the others were asked about ahead of time. */
  readonly #waiting: Record<MemoTable, Set<number>> = { declared: new Set(), resolved: new Set() };
  /** Found ahead of time. */
  readonly #known = new Map<number, FoundResult>();
  #askedInVain = false;
  #told = 0;
  readonly #stopping = new AbortController();

  constructor(context: RunContext, source: SharedResults, steps: Steps) {
    this.#context = context;
    this.#steps = steps;
    const { clock, movable } = context.options;
    const patientUntil = movable !== undefined && movable.before.length > 0 ? clock.monotonic() + PATIENCE : Number.NEGATIVE_INFINITY;
    this.#inquiries = new Inquiries({
      source,
      tasks: context.state.plan.tasks.length,
      onAnswer: (answered) => steps.later(() => this.#answer(answered)),
      onFailure: (cause) => steps.fail(cause),
      asking: () => ({ patience: Math.max(0, patientUntil - clock.monotonic()), signal: this.#stopping.signal }),
    });
  }

  /** Tasks that wait. */
  get waiting(): number {
    return this.#waiting.declared.size + this.#waiting.resolved.size;
  }

  get isFull(): boolean {
    return this.#inquiries.isFull;
  }

  /** Whether the task is to wait: `answered` is called for it, once. Else what is known, or undefined if there is nothing to be learned. */
  ask(table: MemoTable, task: number): 'wait' | FoundResult | undefined {
    const known = table === 'declared' ? this.#known.get(task) : undefined;
    this.#known.delete(task);
    if (known !== undefined) return known;
    if (this.#stopping.signal.aborted) return undefined;
    if (!this.#inquiries.isAsked(table, task)) {
      if (!this.#inquiries.mayAsk(table, task)) return undefined;
      const questions = this.#questions(table, task);
      if (questions.length === 0) return undefined;
      this.#inquiries.ask(table, task, questions);
    }
    this.#waiting[table].add(task);
    return 'wait';
  }

  /** Sends off what was asked in this step. */
  flush(): void {
    if (this.#askedInVain) this.#askFurther();
    this.#inquiries.flush();
  }

  /** Files what was found; a hit like any other. */
  adopt(table: MemoTable, task: number, found: FoundResult): Hit {
    const { options, state, policies, prepared, filing, outbox } = this.#context;
    const { cid, bytes, receipt, outcome, small, held, holder, heardOf } = found;
    // Of a resolved key nobody's word is needed but the issuer's: that is one of a run key.
    const isOfRun = table === 'resolved' && heardOf !== undefined;
    if (isOfRun) State.begunBefore(state, task, receipt.meta.attempt);
    outbox.addBlobs(small, []);
    options.blobs.elsewhere.add(holder, held);
    const adopted = {
      index: task,
      task: state.plan.tasks[task]!,
      policy: policies.of(task),
      outcome,
      cid,
      bytes,
      receipt,
      at: options.clock.now(),
    };
    outbox.file(
      task,
      table === 'declared'
        ? filing.hear({ ...adopted, heardOf: heardOf! })
        : filing.adopt({ ...adopted, key: prepared.get(task)!.key, foundAt: holder }),
    );
    if (outcome.tag === 'ok') return { status: State.OK, value: outcome.value, receipt: cid, via: isOfRun ? 'finished' : table };
    return { status: State.FAILED, value: failureMap(outcome.failure), receipt: cid, via: table };
  }

  /** Tells what was refused. */
  tell(task: number, { refused }: Answer): void {
    for (const { issuer, reason, message } of refused) {
      if (++this.#told > MOST_TOLD) return;
      this.#context.options.onEvent({ kind: 'refused', task, member: issuer ?? '', why: `${reason}: ${message}` });
    }
  }

  #answer({ table, tasks, answers }: Answered): void {
    if (this.#stopping.signal.aborted) return;
    tasks.forEach((task, i) => {
      for (const answer of answers[i]!) this.tell(task, answer);
      const found = answers[i]!.flatMap((answer) => answer.found);
      if (found.length === 0 && table === 'declared') this.#askedInVain = true;
      if (this.#waiting[table].delete(task)) this.#steps.answered(table, task, found);
      else if (found[0] !== undefined) this.#known.set(task, found[0]);
    });
  }

  /** Fills the batch that leaves next with what the tasks in it await. */
  #askFurther(): void {
    const { state } = this.#context;
    const line = [...this.#waiting.declared];
    let room = this.#inquiries.roomFor('declared');
    if (room <= 0 || !this.#inquiries.isGathering('declared') || this.isFull) return;
    for (let at = 0; at < line.length && room > 0; at++) {
      for (const { task } of state.plan.tasks[line[at]!]!.awaits) {
        if (room <= 0 || state.status[task] !== State.IDLE || !this.#inquiries.mayAsk('declared', task)) continue;
        const questions = this.#questions('declared', task);
        if (questions.length === 0) continue;
        this.#inquiries.ask('declared', task, questions);
        line.push(task);
        room--;
      }
    }
  }

  /** None if nobody else can know. */
  #questions(table: MemoTable, task: number): Question[] {
    return table === 'declared' ? this.#ofDeclared(task) : this.#ofResolved(task);
  }

  #ofDeclared(task: number): Question[] {
    const { lookup } = this.#context;
    const key = lookup.isPlain(task) ? undefined : lookup.declaredKey(task);
    return key === undefined ? [] : [{ table: 'declared', key, expected: this.#expected(task), most: 1 }];
  }

  /** What earlier drives of the run filed first. */
  #ofResolved(task: number): Question[] {
    const { lookup, policies, prepared, runKeys } = this.#context;
    const { pure, memo } = policies.of(task);
    const { key } = prepared.get(task)!.key;
    const expected = { ...this.#expected(task), key };
    const questions: Question[] = runKeys.before(task, key).map((own) => ({ table: 'declared', key: own, expected, most: 1 }));
    const isVoted = lookup.isVoted(task);
    if (!pure || !(lookup.mayHit(task) || isVoted)) return questions;
    const result: Question = { table: 'resolved', key, expected, most: isVoted ? MOST_VOTES : 1 };
    questions.push(result);
    if (memo === 'errors') questions.push({ ...result, key: MemoKey.forError(key), expected: { ...expected, outcome: 'error' } });
    return questions;
  }

  #expected(task: number): Expected {
    const { module, grants, limits } = this.#context.policies.of(task);
    const { memory, output, openFiles, fuel } = limits;
    return {
      module: module ?? null,
      grants,
      limits: { memory, output, openFiles, ...(fuel === undefined ? {} : { fuel }) },
      outcome: 'ok',
    };
  }

  /** Nobody is answered any more. */
  stop(): void {
    this.#stopping.abort();
    for (const tasks of Object.values(this.#waiting)) tasks.clear();
  }
}
