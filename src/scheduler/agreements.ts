import type { CID } from '../ipld/cid.ts';
import type { Receipt } from '../receipt/model.ts';
import { failureMap, outcomeOf } from '../receipt/out.ts';
import type { Failure, Outcome } from '../receipt/outcome.ts';
import * as Verify from '../receipt/verify.ts';
import { type Agree, agreeFromMeta } from '../workflow/agree.ts';
import * as Agreement from './agreement.ts';
import type { RunContext, Steps } from './run-context.ts';
import type { FoundResult } from './shared-results.ts';
import * as State from './state.ts';
import type { Voting } from './voting.ts';
import { isWord, outcomeIn, outputOf, tellDissent } from './words.ts';

/** Votes on one task. */
interface Ballot {
  votes: Agreement.Votes;
  /** What was known before was counted. */
  hasLooked: boolean;
  /** Something was run for it in this drive. */
  hasRun: boolean;
  isOver: boolean;
  /** By output. */
  readonly outcomes: Map<string, Outcome>;
  /** Of each who voted, the kind of processor its receipt names. */
  readonly cpus: Map<string, string | undefined>;
  /** The receipt that is on its way in, if it is another agent's. */
  coming: { readonly cid: CID; readonly receipt: Receipt } | undefined;
}

interface AgreementSteps extends Pick<Steps, 'enqueue' | 'refuse'> {
  /** The task is settled, past all votes. */
  settle(task: number, result: State.Result): void;
  isStopped(): boolean;
}

/** Receipts of an instruction that are looked at. */
const MOST_RECEIPTS = 64;

/**
 * Tasks that count as done when so many different agents agree.
 *
 * Invariants
 * G1. No result of such a task is a hit, and none is filed under its keys, before it is agreed on. What is agreed on takes the place of what stood there.
 * G2. Receipts of earlier runs count as votes, here and in the mesh, unless the task is forced.
 * G3. Each vote but those comes from a place that has given none; how many there are is bounded, so this ends.
 */
export class Agreements implements Voting {
  readonly #context: RunContext;
  readonly #steps: AgreementSteps;
  readonly #ballots = new Map<number, Ballot>();

  constructor(context: RunContext, steps: AgreementSteps) {
    this.#context = context;
    this.#steps = steps;
  }

  has(task: number): boolean {
    return this.#ballots.get(task)?.isOver === false;
  }

  spoken(task: number): ReadonlySet<string> {
    const ballot = this.#ballots.get(task);
    return ballot === undefined || ballot.isOver ? new Set() : Agreement.spoken(ballot.votes);
  }

  begin(task: number, agree: Agree, askAll: () => boolean): void {
    const ballot = this.#open(task, agree);
    if (!ballot.hasLooked) {
      ballot.hasLooked = true;
      if (!this.#context.options.forced(task)) {
        this.#castKnown(task, ballot);
        if (Agreement.verdict(ballot.votes).tag === 'open' && askAll()) return;
      }
    }
    this.#follow(task, ballot);
  }

  found(task: number, results: readonly FoundResult[]): void {
    const ballot = this.#ballots.get(task)!;
    for (const result of results) {
      this.#keep(task, result);
      this.#cast(ballot, result.receipt.iss, { receipt: result.cid, outcome: result.outcome, cpu: result.receipt.meta.cpu });
    }
    this.#follow(task, ballot);
  }

  coming(task: number, cid: CID, receipt: Receipt): void {
    const ballot = this.#ballots.get(task);
    if (ballot !== undefined) ballot.coming = { cid, receipt };
  }

  /** A run of it ended. Whether it is not to be settled so. */
  returned(task: number, result: State.Result): boolean {
    const ballot = this.#ballots.get(task);
    if (ballot === undefined || ballot.isOver || !('receipt' in result)) return false;
    const { options, state } = this.#context;
    // One that came may not have been what the task ended with: its member was in trouble, and it was run again elsewhere.
    const foreign = ballot.coming?.cid.equals(result.receipt) === true ? ballot.coming.receipt : undefined;
    const [issuer, cpu] = foreign === undefined ? [options.issuer, options.cpu] : [foreign.iss, foreign.meta.cpu];
    ballot.coming = undefined;
    const outcome = outcomeIn(result);
    if (outcome.tag === 'error' && ENDS.has(outcome.failure.code)) return this.#end(ballot);
    ballot.hasRun = true;
    this.#cast(ballot, issuer, { receipt: result.receipt, outcome, cpu });
    if (Agreement.verdict(ballot.votes).tag === 'split' && ballot.votes.cast.length === 0) return this.#end(ballot);
    if (Agreement.verdict(ballot.votes).tag === 'open' && this.#steps.isStopped()) {
      ballot.isOver = true;
      this.#steps.settle(task, { status: State.CANCELLED });
      return true;
    }
    // It has its receipt, and nobody runs the task now.
    if (Agreement.verdict(ballot.votes).tag === 'open') options.flight.returned({ index: task, attempt: state.attempts[task]! });
    State.makeReady(state, task);
    this.#follow(task, ballot);
    return true;
  }

  #open(task: number, agree: Agree): Ballot {
    const known = this.#ballots.get(task);
    if (known !== undefined && !known.isOver) return known;
    const ballot: Ballot = {
      votes: Agreement.none(agree),
      hasLooked: false,
      hasRun: false,
      isOver: false,
      outcomes: new Map(),
      cpus: new Map(),
      coming: undefined,
    };
    this.#ballots.set(task, ballot);
    return ballot;
  }

  #end(ballot: Ballot): false {
    ballot.isOver = true;
    return false;
  }

  /** Receipts of the same instruction in the ledger of this home, whoever signed them. */
  #castKnown(task: number, ballot: Ballot): void {
    const { options, state, prepared } = this.#context;
    const { key } = prepared.get(task)!.key;
    for (const { cid, bytes } of options.memo.receiptsOfInstruction(state.plan.tasks[task]!.instruction, MOST_RECEIPTS)) {
      if (Verify.verify(bytes, cid).length > 0) continue;
      const { iss, meta, out } = Verify.decode(bytes).receipt;
      const isOfIt = meta.key !== undefined && Buffer.compare(meta.key, key) === 0 && meta.grants.length === 0;
      const isBelieved = iss === options.issuer || options.trust?.accepts(iss).kind === 'yes';
      const outcome = outcomeOf(out);
      if (isOfIt && isBelieved && isWord(outcome)) this.#cast(ballot, iss, { receipt: cid, outcome, cpu: meta.cpu });
    }
  }

  /** The receipt and the small blobs of a vote, under no key. */
  #keep(task: number, found: FoundResult): void {
    const { options, outbox, filing } = this.#context;
    outbox.addBlobs(found.small, []);
    options.blobs.elsewhere.add(found.holder, found.held);
    outbox.file(task, [filing.underNoKey(found, options.clock.now())]);
  }

  #cast(
    ballot: Ballot,
    issuer: string,
    said: { readonly receipt: CID; readonly outcome: Outcome; readonly cpu: string | undefined },
  ): void {
    if (!isWord(said.outcome)) {
      ballot.votes = Agreement.keepSilent(ballot.votes, { issuer, why: codeOf(said.outcome) });
      return;
    }
    const output = outputOf(said.outcome);
    if (!ballot.cpus.has(issuer)) ballot.cpus.set(issuer, said.cpu);
    ballot.outcomes.set(output, ballot.outcomes.get(output) ?? said.outcome);
    ballot.votes = Agreement.cast(ballot.votes, { issuer, receipt: said.receipt, output });
  }

  #follow(task: number, ballot: Ballot): void {
    const verdict = Agreement.verdict(ballot.votes);
    switch (verdict.tag) {
      case 'open':
        return this.#steps.enqueue(task);
      case 'split': {
        ballot.isOver = true;
        const { need, most } = ballot.votes.agree;
        const message = `no ${need} of at most ${most} agents agree: ${Agreement.told(ballot.votes)}`;
        return this.#steps.refuse(task, { code: 'disagreement', message } satisfies Failure);
      }
      case 'agreed': {
        ballot.isOver = true;
        for (const vote of verdict.against) this.#tell(task, ballot, vote, verdict.by);
        // Its own, if it is one, since that is what this home tells others.
        const { receipt } = verdict.by.find(({ issuer }) => issuer === this.#context.options.issuer) ?? verdict.by[0]!;
        return this.#settle(task, ballot, receipt, ballot.outcomes.get(verdict.output)!);
      }
    }
  }

  #settle(task: number, ballot: Ballot, receipt: CID, outcome: Outcome): void {
    const { state, policies, prepared, filing, outbox } = this.#context;
    const { key } = prepared.get(task)!;
    outbox.file(task, filing.agreed({ index: task, task: state.plan.tasks[task]!, policy: policies.of(task), outcome, key }, receipt));
    const via = ballot.hasRun ? 'ran' : 'resolved';
    if (outcome.tag === 'ok') return this.#steps.settle(task, { status: State.OK, value: outcome.value, receipt, via });
    this.#steps.settle(task, { status: State.FAILED, value: failureMap(outcome.failure), receipt, via });
  }

  #tell(task: number, { cpus }: Ballot, { issuer, receipt }: Agreement.Vote, by: readonly Agreement.Vote[]): void {
    const cpu = cpus.get(issuer);
    // Floating point may leave other bits in what is not a number, on processors of another kind.
    const isProof = cpu !== undefined && by.some((vote) => cpus.get(vote.issuer) === cpu);
    const agreed = by.map((vote) => ({ issuer: vote.issuer, receipt: vote.receipt }));
    tellDissent(this.#context.options, { task, issuer, receipt, agreed, isProof });
  }
}

/** The task ends so, whatever others say. */
const ENDS: ReadonlySet<string> = new Set(['cancelled', 'unresolved', 'unplaceable', 'unfetched', 'unkept', 'disagreement']);

function codeOf(outcome: Outcome): string {
  return outcome.tag === 'ok' ? 'ok' : outcome.failure.code;
}

/** What the author of a task, or else of its run, asks for. */
export function agreeOf({ options, state, policies }: Pick<RunContext, 'options' | 'state' | 'policies'>, task: number): Agree | undefined {
  const asked = agreeFromMeta(state.plan.tasks[task]!.task.meta) ?? options.agree;
  return asked === undefined || asked.most === 1 || !policies.of(task).pure ? undefined : asked;
}
