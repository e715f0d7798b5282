import type { CID } from '../ipld/cid.ts';
import { float, type Ipld, isLink, isMap } from '../ipld/value.ts';
import type { Change, DeclaredChange, RunTaskChange } from '../ledger/change.ts';
import * as Receipt from '../receipt/issue.ts';
import type { Receipt as SignedReceipt, ReceiptMeta } from '../receipt/model.ts';
import { digestOf, outOf } from '../receipt/out.ts';
import type { Key } from '../receipt/key.ts';
import * as MemoKey from '../receipt/key.ts';
import type { FailureCode, Outcome, Usage } from '../receipt/outcome.ts';
import type { Instruction, PlannedTask } from '../workflow/model.ts';
import { stateName, viaName } from './events.ts';
import type { Filed } from './filed.ts';
import type { Lookup } from './lookup.ts';
import type { Policy } from './policies.ts';
import type { RunKeys } from './run-keys.ts';
import type { Settled } from './state.ts';

/** Errors that the same work would give again, so that they may be memoized where the author asks. */
export const DETERMINISTIC: ReadonlySet<FailureCode> = new Set([
  'exit',
  'trap',
  'invalid',
  'limit/output',
  'limit/memory',
  'limit/fuel',
  'limit/call-depth',
]);

/** One attempt that ended. */
export interface Ended {
  readonly index: number;
  readonly task: PlannedTask;
  readonly policy: Policy;
  readonly outcome: Outcome;
  readonly usage: Usage;
  /** Milliseconds since the epoch. */
  readonly started: number;
  readonly attempt: number;
  /** Absent when the promises could not be resolved. */
  readonly key: Key | undefined;
}

/** A receipt from elsewhere, and what it is filed under. */
export interface Adopted extends Pick<Ended, 'index' | 'task' | 'policy' | 'outcome'> {
  readonly key: Key;
  readonly cid: CID;
  readonly bytes: Uint8Array;
  readonly receipt: SignedReceipt;
  /** When it came, in ms since the epoch: the clock of who issued it may be another. */
  readonly at: number;
  /** DID of who had filed it where all find it. Absent if it was made for this run. */
  readonly foundAt?: string;
}

/** How a task stands that has not ended: what its last attempt came to. */
export interface Standing extends Pick<RunTaskChange, 'key' | 'attempts' | 'via'> {
  readonly state: 'retrying' | 'held';
  readonly receipt: CID;
}

export const RETRYING = { state: 'retrying', via: 'ran' } as const;

/** Issues receipts, and says what is to be filed in the ledger for each. */
export class Filing {
  readonly #issuer: string;
  readonly #lookup: Lookup;
  readonly #version: string;
  readonly #cpu: string | undefined;
  readonly #runKeys: RunKeys | undefined;

  /** `issuer`: DID of the key that will sign; `cpu`: as in a receipt. Without `runKeys` nothing is filed for others who go on with the run. */
  constructor(
    issuer: string,
    lookup: Lookup,
    version: string,
    { cpu, runKeys }: { readonly cpu?: string | undefined; readonly runKeys?: RunKeys } = {},
  ) {
    this.#issuer = issuer;
    this.#lookup = lookup;
    this.#version = version;
    this.#cpu = cpu;
    this.#runKeys = runKeys;
  }

  /** The receipt of an attempt, and its rows: the receipt always, memo rows if the result may be a hit. */
  issue(ended: Ended): { readonly receipt: CID; readonly changes: Filed[] } {
    const { task, outcome, key } = ended;
    const { instruction, invocation } = task;
    const { prf } = task.task;
    const { cid, r } = Receipt.issue({ invocation, outcome, meta: this.#meta(ended, instruction), issuer: this.#issuer, prf });
    const changes: Filed[] = [{ kind: 'unsigned', cid, instruction, invocation, r, at: Math.round(ended.started + ended.usage.wall) }];
    if (key !== undefined) changes.push(...this.#keyRows(ended, key, cid));
    return { receipt: cid, changes };
  }

  /** A receipt from elsewhere that is no hit: it is kept for what it says. `at`: as in `Adopted`. */
  underNoKey({ cid, bytes, receipt }: Pick<Adopted, 'cid' | 'bytes' | 'receipt'>, at: number): Filed {
    return { kind: 'receipt', cid, instruction: receipt.meta.instruction, invocation: receipt.ran, bytes, at };
  }

  /** What is filed of a receipt that a member issued and that was found good: its own bytes, and memo rows as for results of this home. */
  adopt(adopted: Adopted): Filed[] {
    const { cid, at, key, foundAt } = adopted;
    return [this.underNoKey(adopted, at), ...this.#keyRows(adopted, key, cid, foundAt)];
  }

  /** The row of a result that was agreed on, which takes the place of any other. */
  agreed(
    { task, policy, outcome, key }: Pick<Ended, 'index' | 'task' | 'policy' | 'outcome'> & { readonly key: Key },
    receipt: CID,
  ): Filed[] {
    if (policy.memo === 'never') return [];
    const out = digestOf(outOf(outcome));
    if (outcome.tag === 'ok') return [resolvedRow(key, task, receipt, out, true)];
    if (policy.memo !== 'errors' || !DETERMINISTIC.has(outcome.failure.code)) return [];
    return [resolvedRow({ ...key, key: MemoKey.forError(key.key) }, task, receipt, out, true)];
  }

  /** The same of a result that another agent says belongs to a declared key: which resolved key is between them was not seen here. */
  hear({ heardOf, ...adopted }: Omit<Adopted, 'key' | 'foundAt'> & { readonly heardOf: string }): Filed[] {
    const key = this.#lookup.declaredKey(adopted.index)!;
    return [this.underNoKey(adopted, adopted.at), declaredRow(key, adopted.cid, this.#lookup.wasDamaged(key), { heardOf })];
  }

  /** The row that lets a result found by its resolved key be found by its declared key as well, or by whoever goes on with the run. */
  declare(index: number, receipt: CID, resolved: Uint8Array): Change[] {
    const key = this.#lookup.declaredKey(index);
    if (key === undefined) return this.#runRows(index, resolved, receipt, false);
    return [declaredRow(key, receipt, this.#lookup.wasDamaged(key), this.#wordOf(index))];
  }

  /** The row of a task that has not ended: an attempt of it did. */
  standing(run: string, index: number, { label, instruction }: Pick<PlannedTask, 'label' | 'instruction'>, standing: Standing): Change {
    return { kind: 'run-task', run, index, label, instruction, cause: null, ...standing };
  }

  /** The row that says how a task of a run ended. */
  row(
    run: string,
    index: number,
    task: PlannedTask,
    result: Settled,
    more: { readonly receipt: CID | null; readonly key: Uint8Array | null; readonly attempts: number },
  ): RunTaskChange {
    const { label, instruction } = task;
    return {
      kind: 'run-task',
      run,
      index,
      label,
      instruction,
      state: stateName(result.status),
      via: 'via' in result ? viaName(result.via) : null,
      cause: 'cause' in result ? result.cause : null,
      ...more,
    };
  }

  /** Whose word it takes that a result belongs to the declared key. */
  #wordOf(index: number, foundAt?: string): Word {
    if (!this.#lookup.isPlain(index)) return {};
    return foundAt === undefined ? { isPlain: true } : { heardOf: foundAt };
  }

  /** Of a task that ended well. */
  #runRows(index: number, resolved: Uint8Array, receipt: CID, replace: boolean, word: Word = {}): Change[] {
    const key = this.#runKeys?.of(index, resolved);
    return key === undefined ? [] : [declaredRow(key, receipt, replace, word)];
  }

  #keyRows(ended: Pick<Ended, 'index' | 'task' | 'policy' | 'outcome'>, key: Key, receipt: CID, foundAt?: string): Change[] {
    const rows = this.#memoRows(ended, key, receipt, foundAt);
    if (ended.outcome.tag === 'error') return rows;
    // One that ran once more did so since its output had gone.
    return [...rows, ...this.#runRows(ended.index, key.key, receipt, true, foundAt === undefined ? {} : { heardOf: foundAt })];
  }

  #memoRows(
    { index, task, policy, outcome }: Pick<Ended, 'index' | 'task' | 'policy' | 'outcome'>,
    key: Key,
    receipt: CID,
    foundAt?: string,
  ): Change[] {
    if (!this.#lookup.isMemoized(index)) return [];
    const out = digestOf(outOf(outcome));
    const replace = this.#lookup.wasDamaged(key.key) || !policy.pure;
    if (outcome.tag === 'error') {
      if (policy.memo !== 'errors' || !DETERMINISTIC.has(outcome.failure.code)) return [];
      return [resolvedRow({ ...key, key: MemoKey.forError(key.key) }, task, receipt, out, replace)];
    }
    const rows = [resolvedRow(key, task, receipt, out, replace)];
    const declared = this.#lookup.declaredKey(index);
    if (declared !== undefined)
      rows.push(declaredRow(declared, receipt, replace || this.#lookup.wasDamaged(declared), this.#wordOf(index, foundAt)));
    return rows;
  }

  #meta({ task, policy, outcome, usage, started, attempt, key }: Ended, instruction: CID): ReceiptMeta {
    const { run } = task.task;
    const { extensions } = isMap(run.input) ? run.input : {};
    return {
      op: opIn(run),
      instruction,
      ...(policy.module === undefined ? {} : { module: policy.module }),
      ...(run.op === 'wasi/run' && extensions !== undefined ? { extensions: linksOf(extensions) } : {}),
      ...(key === undefined ? {} : { key: key.key }),
      agent: this.#issuer,
      attempt,
      docket: this.#version,
      ...(this.#cpu === undefined ? {} : { cpu: this.#cpu }),
      ...(outcome.tag === 'ok' && outcome.logs !== undefined ? { logs: outcome.logs } : {}),
      grants: [...policy.grants],
      limits: { ...policy.limits },
      started: Math.round(started),
      usage: {
        wall: float(usage.wall),
        cpu: float(usage.cpu),
        memory: usage.memory,
        output: usage.output,
        ...(usage.fuel === undefined ? {} : { fuel: usage.fuel }),
      },
    };
  }
}

/** Homestar's receipts carry the function's name there; other ops have none, so theirs carry the op. */
export function opIn({ op, input }: Instruction): string {
  const func = isMap(input) ? input['func'] : undefined;
  return op === 'wasm/run' && typeof func === 'string' ? func : op;
}

/** What is no link was refused, or makes the task fail. */
function linksOf(extensions: Ipld): Record<string, CID> {
  if (!isMap(extensions)) return {};
  return Object.fromEntries(Object.entries(extensions).filter((entry): entry is [string, CID] => isLink(entry[1])));
}

function resolvedRow({ key, preimage }: Key, { label }: PlannedTask, receipt: CID, out: Uint8Array, replace: boolean): Change {
  return { kind: 'memo', table: 'resolved', key, preimage, label, receipt, out, replace };
}

type Word = Pick<DeclaredChange, 'heardOf' | 'isPlain'>;

function declaredRow(key: Uint8Array, receipt: CID, replace: boolean, word: Word): Change {
  return { kind: 'memo', table: 'declared', key, receipt, replace, ...word };
}
