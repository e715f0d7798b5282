import type { CID } from '../ipld/cid.ts';
import { float, type Ipld, isLink, isMap } from '../ipld/value.ts';
import type { Change } from '../ledger/change.ts';
import * as Receipt from '../receipt/issue.ts';
import type { ReceiptMeta } from '../receipt/model.ts';
import { digestOf, outOf } from '../receipt/out.ts';
import type { Key } from '../receipt/key.ts';
import * as MemoKey from '../receipt/key.ts';
import type { FailureCode, Outcome, Usage } from '../receipt/outcome.ts';
import type { PlannedTask } from '../workflow/model.ts';
import { stateName } from './events.ts';
import type { Filed } from './filed.ts';
import type { Lookup } from './lookup.ts';
import type { Policy } from './policies.ts';
import type { Settled } from './state.ts';

/** Errors that the same work would give again, so that they may be memoized where the author asks. */
const DETERMINISTIC: ReadonlySet<FailureCode> = new Set([
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

/** Issues receipts, and says what is to be filed in the ledger for each. */
export class Filing {
  readonly #issuer: string;
  readonly #lookup: Lookup;
  readonly #version: string;

  /** `issuer`: DID of the key that will sign. */
  constructor(issuer: string, lookup: Lookup, version: string) {
    this.#issuer = issuer;
    this.#lookup = lookup;
    this.#version = version;
  }

  /** The receipt of an attempt, and its rows: the receipt always, memo rows if the result may be a hit. */
  issue(ended: Ended): { readonly receipt: CID; readonly changes: Filed[] } {
    const { task, outcome, key } = ended;
    const { instruction, invocation } = task;
    const { prf } = task.task;
    const { cid, r } = Receipt.issue({ invocation, outcome, meta: this.#meta(ended, instruction), issuer: this.#issuer, prf });
    const changes: Filed[] = [{ kind: 'unsigned', cid, instruction, invocation, r, at: Math.round(ended.started + ended.usage.wall) }];
    if (key !== undefined) changes.push(...this.#memoRows(ended, key, cid));
    return { receipt: cid, changes };
  }

  /** The row that lets a result found by its resolved key be found by its declared key as well. */
  declare(index: number, receipt: CID): Change[] {
    const key = this.#lookup.declaredKey(index);
    if (key === undefined) return [];
    return [declaredRow(key, receipt, this.#lookup.wasDamaged(key))];
  }

  /** The row that says how a task of a run ended. */
  row(
    run: string,
    index: number,
    task: PlannedTask,
    result: Settled,
    more: { readonly receipt: CID | null; readonly key: Uint8Array | null; readonly attempts: number },
  ): Change {
    const { label, instruction } = task;
    return {
      kind: 'run-task',
      run,
      index,
      label,
      instruction,
      state: stateName(result.status),
      via: 'via' in result ? result.via : null,
      cause: 'cause' in result ? result.cause : null,
      ...more,
    };
  }

  #memoRows({ index, task, policy, outcome }: Ended, key: Key, receipt: CID): Change[] {
    if (!this.#lookup.isMemoized(index)) return [];
    const out = digestOf(outOf(outcome));
    const replace = this.#lookup.wasDamaged(key.key) || !policy.pure;
    if (outcome.tag === 'error') {
      if (policy.memo !== 'errors' || !DETERMINISTIC.has(outcome.failure.code)) return [];
      return [resolvedRow({ ...key, key: MemoKey.forError(key.key) }, task, receipt, out, replace)];
    }
    const rows = [resolvedRow(key, task, receipt, out, replace)];
    const declared = this.#lookup.declaredKey(index);
    if (declared !== undefined) rows.push(declaredRow(declared, receipt, replace || this.#lookup.wasDamaged(declared)));
    return rows;
  }

  #meta({ task, policy, outcome, usage, started, attempt, key }: Ended, instruction: CID): ReceiptMeta {
    const { run } = task.task;
    const { func, extensions } = isMap(run.input) ? run.input : {};
    return {
      // Homestar's receipts carry the function's name here; other ops have none, so theirs carry the op.
      op: run.op === 'wasm/run' && typeof func === 'string' ? func : run.op,
      instruction,
      ...(policy.module === undefined ? {} : { module: policy.module }),
      ...(run.op === 'wasi/run' && extensions !== undefined ? { extensions: linksOf(extensions) } : {}),
      ...(key === undefined ? {} : { key: key.key }),
      agent: this.#issuer,
      attempt,
      docket: this.#version,
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

/** What is no link was refused, or makes the task fail. */
function linksOf(extensions: Ipld): Record<string, CID> {
  if (!isMap(extensions)) return {};
  return Object.fromEntries(Object.entries(extensions).filter((entry): entry is [string, CID] => isLink(entry[1])));
}

function resolvedRow({ key, preimage }: Key, { label }: PlannedTask, receipt: CID, out: Uint8Array, replace: boolean): Change {
  return { kind: 'memo', table: 'resolved', key, preimage, label, receipt, out, replace };
}

function declaredRow(key: Uint8Array, receipt: CID, replace: boolean): Change {
  return { kind: 'memo', table: 'declared', key, receipt, replace };
}
