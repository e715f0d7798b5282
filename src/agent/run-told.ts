import { DocketError } from '../errors.ts';
import type { CID } from '../ipld/cid.ts';
import type { RunTaskRow } from '../ledger/change.ts';
import type { RunRow } from '../ledger/runs.ts';
import type { RunTold, TaskReceipt } from '../protocol/run-told.ts';
import type { Receipt } from '../receipt/model.ts';
import type { BlobReader } from '../store/blob-reader.ts';
import type { Plan } from '../workflow/model.ts';
import type { ActiveRuns } from './active-runs.ts';
import type { Engine } from './engine.ts';
import { planOf } from './plan-of.ts';
import { readReceipt } from './read-receipt.ts';
import { wholeReceipt } from './whole-receipt.ts';
import { wasUnneeded } from './was-unneeded.ts';
import { endOf } from './watch-rows.ts';

/**
 * What the receipts of a run tell, as they are committed.
 *
 * Invariants
 * T1. Nothing is told that is not committed: what is told is read back from the ledger.
 * T2. A task is told once. Only one that was told early, as found behind another, and is run all the same is told again.
 * T3. A receipt is read when it is its reader's turn, which lasts until they ask for more.
 * T4. Who reads slowly holds no more than which tasks were told: what was forgotten in between is read from the rows.
 */
export async function* runTold(
  engine: Engine,
  active: Pick<ActiveRuns, 'live'>,
  run: string,
  signal: AbortSignal,
  turn: Turn = async () => FREE,
): AsyncGenerator<RunTold> {
  const live = active.live(run);
  const plan = live?.plan ?? (await planOf(engine, run));
  const teller = new Teller(engine, run, plan, turn);
  for await (const { kind, data } of live?.log.read(0, signal) ?? []) {
    if (kind === 'gap') yield* teller.ended();
    else if (kind === 'settled') yield* teller.ofTask((JSON.parse(data) as { readonly task: number }).task);
  }
  signal.throwIfAborted();
  // Not kept while its reader takes what is told before: it has the outputs.
  rowOf(engine, run);
  yield* teller.all();
  yield* teller.unneeded();
  const row = rowOf(engine, run);
  // One that broke off has no end in its row.
  yield { kind: 'ended', ...endOf(engine, row, row.state === 'running' ? 'interrupted' : row.state) };
}

function rowOf({ ledger }: Engine, run: string): RunRow {
  const row = ledger.run(run);
  if (row === undefined) throw new DocketError('RUN_UNKNOWN', `the run ${run} was deleted`);
  return row;
}

/** Waits for one's turn, and gives what ends it. */
type Turn = () => Promise<Disposable>;
const FREE: Disposable = { [Symbol.dispose]() {} };

/** Nothing was told of a task; it was, as found behind another; or it was, as it ended. */
const [NO, EARLY, YES] = [0, 1, 2];

/** Receipts looked at for one that is good. */
const MOST_READ = 10;

class Teller {
  readonly #engine: Engine;
  readonly #run: string;
  readonly #plan: Plan;
  readonly #blobs: BlobReader;
  readonly #told: Uint8Array;
  /** Tasks behind found ones that were looked at. */
  readonly #passed: Uint8Array;

  readonly #turn: Turn;

  constructor(engine: Engine, run: string, plan: Plan, turn: Turn) {
    this.#engine = engine;
    this.#turn = turn;
    this.#run = run;
    this.#plan = plan;
    this.#blobs = engine.reader();
    this.#told = new Uint8Array(plan.tasks.length);
    this.#passed = new Uint8Array(plan.tasks.length);
  }

  /** Every task that ended and was not told. */
  async *ended(): AsyncGenerator<RunTold> {
    for (const row of this.#engine.ledger.runTasks(this.#run)) if (hasEnded(row)) yield* this.#ofRow(row);
  }

  async *ofTask(task: number): AsyncGenerator<RunTold> {
    if (this.#told[task] === YES) return;
    const row = this.#engine.ledger.runTask(this.#run, task);
    if (row !== undefined && hasEnded(row)) yield* this.#ofRow(row);
  }

  /** Of a run that is over: those too that would have been tried again, with how their last attempt ended. */
  async *all(): AsyncGenerator<RunTold> {
    for (const row of this.#engine.ledger.runTasks(this.#run)) if (row.state !== 'held') yield* this.#ofRow(row);
  }

  /** Of a run that is over: tasks that nobody needed, since what awaits them was found. */
  async *unneeded(): AsyncGenerator<RunTold> {
    if (this.#told.every((told) => told !== NO)) return;
    const rows = new Map([...this.#engine.ledger.runTasks(this.#run)].map(({ index, state }) => [index, { state }]));
    const isUnneeded = wasUnneeded(this.#plan, rows);
    for (const [index, { label, instruction }] of this.#plan.tasks.entries()) {
      if (this.#told[index] !== NO) continue;
      if (isUnneeded(index)) yield* this.#found(index);
      if (this.#told[index] !== NO) continue;
      this.#told[index] = YES;
      yield { kind: 'unrun', label, instruction, state: isUnneeded(index) ? 'unreadable' : 'cancelled', cause: null };
    }
  }

  async *#ofRow({ index, label, instruction, state, via, receipt, cause }: RunTaskRow): AsyncGenerator<RunTold> {
    const told = this.#told[index];
    if (told === YES) return;
    this.#told[index] = YES;
    const isFound = via !== 'ran';
    if (told === EARLY && isFound) return;
    if (receipt === null) {
      const because = cause === null ? null : (this.#plan.tasks[cause]?.label ?? null);
      yield { kind: 'unrun', label, instruction, state: state === 'skipped' ? 'skipped' : 'cancelled', cause: because };
      return;
    }
    if (via !== null && isFound) yield* this.#behind(index);
    using _turn = await this.#turn();
    const content = readReceipt(this.#engine, receipt)?.receipt;
    if (content === undefined) yield { kind: 'unrun', label, instruction, state: 'unreadable', cause: null };
    else yield { kind: 'receipt', label, instruction, receipt, ...this.#whole(index, content), isFound: via !== null && isFound };
  }

  /** Tasks that were not looked at because this one was found, in order. Those that are run after all have a row then, or will. */
  async *#behind(index: number): AsyncGenerator<TaskReceipt> {
    const found: number[] = [];
    const pending = [index];
    for (let next = pending.pop(); next !== undefined; next = pending.pop())
      for (const { task } of this.#plan.tasks[next]!.awaits) {
        if (this.#passed[task] !== 0 || this.#told[task] !== NO) continue;
        this.#passed[task] = 1;
        pending.push(task);
        if (this.#engine.ledger.runTask(this.#run, task) === undefined) found.push(task);
      }
    for (const task of found.toSorted((a, b) => a - b)) yield* this.#found(task);
  }

  async *#found(index: number): AsyncGenerator<TaskReceipt> {
    const { label, instruction } = this.#plan.tasks[index]!;
    using _turn = await this.#turn();
    const good = this.#goodReceipt(instruction);
    if (good === undefined) return;
    this.#told[index] = EARLY;
    const { receipt, content } = good;
    yield { kind: 'receipt', label, instruction, receipt, ...this.#whole(index, content), isFound: true };
  }

  #whole(index: number, receipt: Receipt): ReturnType<typeof wholeReceipt> {
    return wholeReceipt(receipt, this.#plan.tasks[index]!.task.run.op === 'wasm/run', this.#blobs);
  }

  #goodReceipt(instruction: CID): Pick<TaskReceipt, 'receipt' | 'content'> | undefined {
    for (const { cid } of this.#engine.ledger.receiptsOfInstruction(instruction, MOST_READ)) {
      const read = readReceipt(this.#engine, cid);
      if (read?.outcome.tag === 'ok') return { receipt: cid, content: read.receipt };
    }
    return undefined;
  }
}

function hasEnded({ state }: RunTaskRow): boolean {
  return state !== 'retrying' && state !== 'held';
}
