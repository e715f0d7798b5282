import type { CID } from '../ipld/cid.ts';
import type { Ipld } from '../ipld/value.ts';
import type { RunTaskChange } from '../ledger/change.ts';
import type { MemoRow, MemoTable } from '../ledger/ledger.ts';
import * as Key from '../receipt/key.ts';
import * as Receipt from '../receipt/verify.ts';
import { failureOf } from '../receipt/out.ts';
import type { FailureCode } from '../receipt/outcome.ts';
import type { Branch, Plan } from '../workflow/model.ts';
import { namesFiles } from './files-by-name.ts';
import { nameOfBytes } from './name-of-bytes.ts';
import type { Policies, Policy } from './policies.ts';
import { accepts, FAILED, OK, type Result } from './state.ts';

/** What look-ups need of the ledger. */
export interface MemoSource {
  memo(table: MemoTable, keys: readonly Uint8Array[]): (MemoRow | undefined)[];
  /** Receipts of an instruction, newest first. */
  receiptsOfInstruction(instruction: CID, limit: number): readonly { readonly cid: CID; readonly bytes: Uint8Array }[];
  /** What an earlier drive of the run that looks has on record of a task that ended well in it, or would have if its output could have been kept. Default: there was none. */
  finished?(task: number): Finished | undefined;
}

/** What the row of a finished task names. */
export interface Finished extends Pick<RunTaskChange, 'via'> {
  /** The resolved key it had then. */
  readonly key: Uint8Array;
  readonly receipt: CID;
  /** Those of the receipt as filed: not verified here. */
  readonly bytes: Uint8Array;
}

/** A result found under a key. */
export type Hit = Extract<Result, { readonly receipt: CID }>;

/**
 * Finds results by their two keys (DESIGN: a memo hit gives what running would have given).
 *
 * A task is *clean* if it and all it awaits, transitively, is pure and not forced, and it awaits success: a failure (a time-out, a lost runner) may
 * not come again, and is in no key. Only a clean task may be found by its declared
 * key, since only then do the keys alone decide the result. The resolved key serves every task that may be memoized: one that is
 * pure, or whose author wants impure results kept (`memo: always`), and that is not forced.
 *
 * What was finished in an earlier drive of the same run is no earlier result but this one: it counts whatever the task is granted and its memo policy, as long as the
 * task has the same resolved key and is not forced. Agreement counts its votes itself.
 *
 * A clean task is *plain* if nothing has to be known to make its resolved key: it awaits nothing, and calls no file by a name that stands for another. Then its two keys say the
 * same, and other agents are asked for the resolved one only: that needs nobody's word but the issuer's.
 */
export class Lookup {
  readonly #plan: Plan;
  readonly #policies: Policies;
  readonly #memo: MemoSource;
  readonly #forced: (task: number) => boolean;
  readonly #isVoted: (task: number) => boolean;
  readonly #clean: Uint8Array;
  /** Declared keys of the clean tasks, end to end: a million objects would take more memory than the plan. */
  #declared: Uint8Array | undefined;
  /** Keys of both kinds whose row or receipt turned out damaged; a new one takes its place. */
  readonly #damaged = new Set<string>();

  /** `isVoted`: its output must be agreed on, so no single receipt is a hit, and no short cut leads past it. */
  constructor(
    plan: Plan,
    policies: Policies,
    memo: MemoSource,
    forced: (task: number) => boolean,
    isVoted: (task: number) => boolean = () => false,
  ) {
    this.#plan = plan;
    this.#policies = policies;
    this.#memo = memo;
    this.#forced = forced;
    this.#isVoted = isVoted;
    this.#clean = new Uint8Array(plan.tasks.length);
    plan.tasks.forEach((task, i) => {
      const own = task.external.length === 0 && this.#policies.of(i).pure && this.mayHit(i);
      this.#clean[i] = own && task.awaits.every(({ task: input, branch }) => branch === 'await/ok' && this.#clean[input] === 1) ? 1 : 0;
    });
  }

  /** Whether its output must be agreed on. */
  isVoted(task: number): boolean {
    return this.#isVoted(task);
  }

  /** Whether results of this task are filed under its keys. */
  isMemoized(task: number): boolean {
    const { pure, memo } = this.#policies.of(task);
    return memo !== 'never' && (pure || memo === 'always') && !this.#isVoted(task);
  }

  /** Whether it may take a result that is known. */
  mayHit(task: number): boolean {
    return this.isMemoized(task) && !this.#forced(task);
  }

  /** Whether it has a declared key. */
  isClean(task: number): boolean {
    return this.#clean[task] === 1;
  }

  /** Whether its resolved key can be made at once, wherever it is wanted. */
  isPlain(task: number): boolean {
    const { awaits, task: planned } = this.#plan.tasks[task]!;
    return this.#clean[task] === 1 && awaits.length === 0 && !namesFiles(planned.run.input);
  }

  /** The declared key, 32 bytes, or undefined for a task that is not clean. All are made at the first call, upstream first. */
  declaredKey(index: number): Uint8Array | undefined {
    if (this.#clean[index] !== 1) return undefined;
    this.#declared ??= this.#declare();
    return keyAt(this.#declared, index);
  }

  #declare(): Uint8Array {
    const { tasks } = this.#plan;
    const keys = new Uint8Array(tasks.length * KEY_LENGTH);
    const conditions = new Map<Policy, Uint8Array>();
    tasks.forEach((task, i) => {
      if (this.#clean[i] !== 1) return;
      const policy = this.#policies.of(i);
      let known = conditions.get(policy);
      if (known === undefined) conditions.set(policy, (known = Key.digestOf(policy)));
      const awaits = task.awaits.map((input) => keyAt(keys, input.task));
      keys.set(Key.declared(task.digest, awaits, known), i * KEY_LENGTH);
    });
    return keys;
  }

  resolvedKey(index: number, input: Ipld): Key.Key {
    return Key.resolved(this.#plan.tasks[index]!.task.run, input, this.#policies.of(index));
  }

  /** Results of these tasks by declared key; undefined where there is none. */
  byDeclared(tasks: readonly number[]): (Hit | undefined)[] {
    const clean = tasks.filter((task) => this.#clean[task] === 1);
    const found = this.#find(
      'declared',
      clean,
      clean.map((task) => this.declaredKey(task)!),
    );
    return tasks.map((task) => found.get(task));
  }

  /** Results of these tasks by resolved key, those of earlier drives of the run first. */
  byResolved(tasks: readonly { readonly task: number; readonly key: Uint8Array }[]): (Hit | undefined)[] {
    const own = new Map<number, Hit>();
    for (const { task, key } of tasks) {
      const hit = this.#finished(task, key);
      if (hit !== undefined) own.set(task, hit);
    }
    const allowed = tasks.filter(({ task }) => !own.has(task) && this.mayHit(task));
    const found = this.#find(
      'resolved',
      allowed.map(({ task }) => task),
      allowed.map(({ key }) => key),
    );
    const errors = allowed.filter(({ task }) => this.#policies.of(task).memo === 'errors' && !found.has(task));
    const failures = this.#find(
      'resolved',
      errors.map(({ task }) => task),
      errors.map(({ key }) => Key.forError(key)),
    );
    return tasks.map(({ task }) => own.get(task) ?? found.get(task) ?? failures.get(task));
  }

  /**
   * What a promise on an instruction of another run stands for: its newest sound receipt of the kind awaited. That its runner was lost, or it was
   * cancelled, or never got its inputs, says nothing of the instruction.
   */
  newest(instruction: CID, branch: Branch): Hit | undefined {
    for (const { cid, bytes } of this.#memo.receiptsOfInstruction(instruction, MOST_RECEIPTS)) {
      // No key with a seal leads there, so the row is believed nothing.
      const isOfIt = Receipt.verify(bytes, cid).length === 0 && Receipt.decodeAs(cid, bytes)?.meta.instruction.equals(instruction);
      const hit = isOfIt === true ? readHit(cid, bytes, 'declared') : undefined;
      if (hit === undefined || !accepts(branch, hit.status)) continue;
      if (hit.status === OK || !SAYS_NOTHING.has(failureOf(hit.value).code)) return hit;
    }
    return undefined;
  }

  /** Whether an earlier row under this key is useless and must be replaced. */
  wasDamaged(key: Uint8Array): boolean {
    return this.#damaged.size > 0 && this.#damaged.has(nameOfBytes(key));
  }

  #finished(task: number, key: Uint8Array): Hit | undefined {
    if (this.#forced(task) || this.#isVoted(task)) return undefined;
    const finished = this.#memo.finished?.(task);
    if (finished === undefined || Buffer.compare(finished.key, key) !== 0) return undefined;
    // No seal ties the row to the receipt, so that must say itself what it is of. By its key: a task may have taken what another with the same one gave.
    const receipt = Receipt.decodeAs(finished.receipt, finished.bytes);
    if (receipt?.meta.key === undefined || Buffer.compare(receipt.meta.key, key) !== 0) return undefined;
    const [tag, value] = receipt.out;
    return tag === 'error' ? undefined : { status: OK, value, receipt: finished.receipt, via: 'finished' };
  }

  #find(table: MemoTable, tasks: readonly number[], keys: readonly Uint8Array[]): Map<number, Hit> {
    const found = new Map<number, Hit>();
    if (keys.length === 0) return found;
    this.#memo.memo(table, keys).forEach((row, i) => {
      if (row === undefined) return;
      const hit = row.isIntact ? readHit(row.receipt, row.bytes, table) : undefined;
      if (hit === undefined) this.#damaged.add(nameOfBytes(keys[i]!));
      else found.set(tasks[i]!, hit);
    });
    return found;
  }
}

function readHit(cid: CID, bytes: Uint8Array, via: MemoTable): Hit | undefined {
  const out = Receipt.outAs(cid, bytes);
  if (out === undefined) return undefined;
  const [tag, value] = out;
  return { status: tag === 'error' ? FAILED : OK, value, receipt: cid, via };
}

/** Receipts of an instruction that are looked at. */
const MOST_RECEIPTS = 16;
const SAYS_NOTHING: ReadonlySet<FailureCode> = new Set(['lost', 'cancelled', 'unfetched', 'unresolved', 'unplaceable', 'unkept']);

const KEY_LENGTH = 32;

function keyAt(keys: Uint8Array, index: number): Uint8Array {
  return keys.subarray(index * KEY_LENGTH, (index + 1) * KEY_LENGTH);
}
