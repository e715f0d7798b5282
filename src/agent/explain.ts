import type { CID } from '../ipld/cid.ts';
import * as Cid from '../ipld/cid.ts';
import { decode } from '../ipld/dag-cbor.ts';
import * as DagJson from '../ipld/dag-json.ts';
import { type Ipld, isLink, isList, isMap } from '../ipld/value.ts';
import type { KeyRow } from '../ledger/results.ts';
import type { RunTaskRow } from '../ledger/runs.ts';
import * as Tree from '../store/tree.ts';
import type { PlannedTask } from '../workflow/model.ts';
import { grantsOf, memoOf } from '../workflow/policy.ts';
import type { Engine } from './engine.ts';

/** One field of a key that differs between two runs; undefined where the field is absent. */
export interface Difference {
  /** `input.files["in.md"]`, `limits.memory`. */
  readonly field: string;
  readonly before: Ipld | undefined;
  readonly after: Ipld | undefined;
}

/** Why a task of a run was run, or was not. */
export type Explanation =
  | { readonly kind: 'found'; readonly by: 'declared' | 'resolved'; readonly receipt: CID }
  | { readonly kind: 'unneeded' }
  | { readonly kind: 'skipped'; readonly cause: number | null }
  | { readonly kind: 'cancelled' }
  | {
      readonly kind: 'ran';
      readonly receipt: CID | null;
      /** Why earlier results did not count, if it was not the key. */
      readonly because: 'forced' | 'impure' | 'memo: never' | 'blobs gone' | undefined;
      /** The nearest earlier result under another key, and what differs; undefined if there is none. */
      readonly nearest: { readonly receipt: CID; readonly at: number; readonly label: string; readonly differences: readonly Difference[] } | undefined;
    };

/** `row` is what the ledger holds of the task in this run; undefined if nobody needed the task. */
export function explain(engine: Engine, task: PlannedTask, row: RunTaskRow | undefined, forced: boolean): Explanation {
  if (row === undefined || row.via === 'unneeded') return { kind: 'unneeded' };
  if (row.state === 'skipped') return { kind: 'skipped', cause: row.cause };
  if (row.state === 'cancelled') return { kind: 'cancelled' };
  if (row.via !== 'ran' && row.via !== null && row.receipt !== null) return { kind: 'found', by: row.via, receipt: row.receipt };
  return { kind: 'ran', receipt: row.receipt, because: because(engine, task, row, forced), nearest: nearest(engine, task, row) };
}

function because(engine: Engine, task: PlannedTask, row: RunTaskRow, forced: boolean): 'forced' | 'impure' | 'memo: never' | 'blobs gone' | undefined {
  const memo = memoOf(task.task.meta);
  if (forced) return 'forced';
  if (memo === 'never') return 'memo: never';
  if (grantsOf(task.task).length > 0 && memo !== 'always') return 'impure';
  const filed = row.key === null ? undefined : engine.ledger.key(row.key);
  const isOlder = filed !== undefined && row.receipt !== null && !filed.receipt.equals(row.receipt);
  return isOlder && row.state === 'ok' ? 'blobs gone' : undefined;
}

/** How many keys are compared to find the nearest. */
const CANDIDATES = 50;

function nearest(engine: Engine, task: PlannedTask, row: RunTaskRow): Extract<Explanation, { kind: 'ran' }>['nearest'] {
  const own = row.key === null ? undefined : engine.ledger.key(row.key);
  if (own === undefined) return undefined;
  const after = decode(own.preimage);
  let best: { key: KeyRow; differences: Difference[] } | undefined;
  for (const key of engine.ledger.similarKeys({ instruction: task.instruction, label: task.label }, CANDIDATES)) {
    if (Buffer.compare(key.key, own.key) === 0 || key.at > own.at) continue;
    const differences = [...compare('', decode(key.preimage), after, engine)];
    if (best === undefined || differences.length < best.differences.length) best = { key, differences };
  }
  return best && { receipt: best.key.receipt, at: best.key.at, label: best.key.label, differences: best.differences };
}

function* compare(field: string, before: Ipld | undefined, after: Ipld | undefined, engine: Engine): Generator<Difference> {
  if (before !== undefined && after !== undefined) {
    if (isMap(before) && isMap(after)) {
      for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
        yield* compare(within(field, key), own(before, key), own(after, key), engine);
      }
      return;
    }
    if (isList(before) && isList(after)) {
      for (let i = 0; i < Math.max(before.length, after.length); i++) yield* compare(`${field}[${i}]`, before[i], after[i], engine);
      return;
    }
    if (DagJson.encode(before) === DagJson.encode(after)) return;
    const trees = isLink(before) && isLink(after) ? bothTrees(before, after, engine) : undefined;
    if (trees !== undefined) return yield* compare(field, trees[0], trees[1], engine);
  }
  yield { field, before, after };
}

/** Two trees are told apart by their files, if both are still there. */
function bothTrees(before: CID, after: CID, engine: Engine): [Ipld, Ipld] | undefined {
  if (!Cid.isTree(before) || !Cid.isTree(after)) return undefined;
  try {
    const reader = engine.reader();
    const [one, other] = [before, after].map((cid) => ({ ...Tree.decode(reader.readAll(cid)) }) as unknown as Ipld);
    return [one!, other!];
  } catch {
    return undefined;
  }
}

function own(map: { readonly [key: string]: Ipld }, key: string): Ipld | undefined {
  return Object.hasOwn(map, key) ? map[key] : undefined;
}

function within(field: string, key: string): string {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(key)) return `${field}[${JSON.stringify(key)}]`;
  return field === '' ? key : `${field}.${key}`;
}
