import type { MemoTable } from '../ledger/ledger.ts';
import type { Answer, Asking, Question, SharedResults } from './shared-results.ts';

/** Answers to what was asked about some tasks of one run: in the order of the tasks, each with those to its questions. */
export interface Answered {
  readonly table: MemoTable;
  readonly tasks: readonly number[];
  readonly answers: readonly (readonly Answer[])[];
}

interface Gathered {
  readonly task: number;
  readonly questions: readonly Question[];
}

/** Questions in one message, and under way. */
const BATCH = 256;
const MOST_PENDING = 2_048;

const UNASKED = 0;
const ASKED = 1;
const ANSWERED = 2;

/**
 * What a run asks of other agents before it runs a task.
 *
 * Invariants
 * Q1. Nothing is asked twice in a drive: neither by the declared nor by the resolved key of a task.
 * Q2. Questions of one step leave in batches; so many are under way at most, and `isFull` says when there are.
 * Q3. Each batch is answered once, by `onAnswer`; `find` sees to it that this takes no longer than about a second, or than `patience` says.
 */
export class Inquiries {
  readonly #source: SharedResults;
  readonly #onAnswer: (answered: Answered) => void;
  readonly #onFailure: (cause: unknown) => void;
  readonly #asking: () => Asking;
  readonly #states: Readonly<Record<MemoTable, Uint8Array>>;
  #gathered: Record<MemoTable, Gathered[]> = { declared: [], resolved: [] };
  #pending = 0;

  constructor(options: {
    readonly source: SharedResults;
    /** How many the plan has. */
    readonly tasks: number;
    readonly onAnswer: (answered: Answered) => void;
    readonly onFailure: (cause: unknown) => void;
    readonly asking: () => Asking;
  }) {
    this.#source = options.source;
    this.#onAnswer = options.onAnswer;
    this.#onFailure = options.onFailure;
    this.#asking = options.asking;
    this.#states = { declared: new Uint8Array(options.tasks), resolved: new Uint8Array(options.tasks) };
  }

  /** Tasks that are asked about. */
  get pending(): number {
    return this.#pending;
  }

  get isFull(): boolean {
    return this.#pending >= MOST_PENDING;
  }

  /** The answer is under way. */
  isAsked(table: MemoTable, task: number): boolean {
    return this.#states[table][task] === ASKED;
  }

  /** Whether there is anything to be learned by asking. */
  mayAsk(table: MemoTable, task: number): boolean {
    return this.#states[table][task] === UNASKED;
  }

  /** The task is not to be asked about any more: the answer is known otherwise. */
  settle(table: MemoTable, task: number): void {
    this.#states[table][task] = ANSWERED;
  }

  ask(table: MemoTable, task: number, questions: readonly Question[]): void {
    this.#states[table][task] = ASKED;
    this.#gathered[table].push({ task, questions });
    this.#pending++;
  }

  isGathering(table: MemoTable): boolean {
    return this.#gathered[table].length > 0;
  }

  /** Room in the batch that leaves next. */
  roomFor(table: MemoTable): number {
    return BATCH - this.#gathered[table].length;
  }

  /** Sends off what gathered. */
  flush(): void {
    for (const table of ['declared', 'resolved'] as const) {
      const gathered = this.#gathered[table];
      if (gathered.length === 0) continue;
      this.#gathered[table] = [];
      for (let at = 0; at < gathered.length; at += BATCH) void this.#send(table, gathered.slice(at, at + BATCH));
    }
  }

  async #send(table: MemoTable, batch: readonly Gathered[]): Promise<void> {
    try {
      const answers = await this.#source.find(
        batch.flatMap(({ questions }) => questions),
        this.#asking(),
      );
      let at = 0;
      const own = batch.map(({ questions }) => answers.slice(at, (at += questions.length)));
      this.#pending -= batch.length;
      for (const { task } of batch) this.settle(table, task);
      this.#onAnswer({ table, tasks: batch.map(({ task }) => task), answers: own });
    } catch (cause) {
      this.#onFailure(cause);
    }
  }
}
