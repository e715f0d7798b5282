import type { CID } from '../ipld/cid.ts';
import { sha3 } from '../ipld/hash.ts';
import { decode } from '../ipld/dag-cbor.ts';
import * as DagJson from '../ipld/dag-json.ts';
import { Float, isLink, isList, isMap } from '../ipld/value.ts';
import type { FiledKey } from '../ledger/ledger.ts';
import type { ReceiptRow } from '../ledger/results.ts';
import type { RunTaskRow } from '../ledger/change.ts';
import type { RunRow } from '../ledger/runs.ts';
import { forError } from '../receipt/key.ts';
import type { Receipt } from '../receipt/model.ts';
import { digestOf } from '../receipt/out.ts';
import { outAs } from '../receipt/verify.ts';
import type { Plan, PlannedTask } from '../workflow/model.ts';

/** What rows of the ledger say of a receipt, held against the receipt itself: each gives what is wrong. */

/** What a receipt is filed under, and when: one of another agent as of when it came, since clocks differ. `own`: DID of this home; undefined if it is not known. */
export function* receiptRowProblems(row: ReceiptRow, { ran, meta, iss }: Receipt, own: string | undefined): Generator<string> {
  if (!isSameCid(row.instruction, meta.instruction)) yield `filed under instruction ${row.instruction}, but it is of ${meta.instruction}`;
  if (!isSameCid(row.invocation, ran)) yield `filed under invocation ${row.invocation}, but it is of ${ran}`;
  const { wall } = meta.usage;
  const ended = Math.round(meta.started + (wall instanceof Float ? wall.value : wall));
  if (iss === own && row.at !== ended) yield `filed as of ${row.at}, but it ended at ${ended} (milliseconds)`;
}

/** A key and the receipt it leads to. */
export function keyProblem({ key, receipt, isIntact, made }: FiledKey): string | undefined {
  if (receipt === undefined) return 'there is no receipt where it leads';
  if (!isIntact) return `its seal does not tie it to ${receipt.cid}, where it leads`;
  if (made === undefined) return undefined;
  const hashed = sha3(made.preimage);
  if (!isSame(hashed, key) && !isSame(forError(hashed), key)) return 'what it was made of does not hash to it';
  const out = outAs(receipt.cid, receipt.bytes);
  return out === undefined || isSame(digestOf(out), made.out)
    ? undefined
    : `the digest kept of what came out is not that of ${receipt.cid}`;
}

/** How a task of a run stands, against its receipt and the task in the plan, as far as they are here. */
export function taskProblem(
  { instruction, label, state, via, receipt: cid, key }: RunTaskRow,
  { receipt, planned }: { readonly receipt: Receipt | undefined; readonly planned: PlannedTask | undefined },
): string | undefined {
  if (planned !== undefined && label !== planned.label) return `it is called ${label}, in the plan ${planned.label}`;
  if (planned !== undefined && !isSameCid(instruction, planned.instruction))
    return `it is of instruction ${instruction}, in the plan of ${planned.instruction}`;
  if (!TASK_ENDS.has(state) || (via !== null && !TASK_WAYS.has(via)))
    return `it ended as ${state}, ${via}, which is none of the ways there are`;
  if (cid === null) return state === 'ok' ? 'it ended well without a receipt' : undefined;
  if (receipt === undefined) return undefined;
  const { meta, out } = receipt;
  if (via === 'ran' && !isSameCid(instruction, meta.instruction))
    return `it is of instruction ${instruction}, its receipt of ${meta.instruction}`;
  if ((state === 'ok' || state === 'held') !== (out[0] !== 'error')) return `it ended as ${state}, its receipt says ${out[0]}`;
  return key === null || meta.key === undefined || isSame(key, meta.key) ? undefined : 'its key is not that of its receipt';
}

/** A run, against its plan. */
export function runProblem({ name, workflow, state, counts }: RunRow, plan: Plan | undefined): string | undefined {
  if (!RUN_STATES.has(state)) return `its state is ${state}, which is none of those there are`;
  if (plan === undefined) return undefined;
  if (name !== plan.name) return `it is called ${name}, its plan ${plan.name}`;
  if (!isSameCid(workflow, plan.workflow)) return `it is of workflow ${workflow}, its plan of ${plan.workflow}`;
  if (counts === null) return undefined;
  const { total, ran, cached, failed, skipped, cancelled } = counts;
  const sum = ran + cached + failed + skipped + cancelled;
  // Of a run that was cut off, and perhaps cancelled then, not every task is counted.
  const isSound = state === 'completed' || state === 'failed' ? sum === total : sum <= total;
  return total === plan.tasks.length && isSound ? undefined : 'its counts do not add up to the tasks of its plan';
}

const RUN_STATES: ReadonlySet<string> = new Set<RunRow['state']>(['running', 'completed', 'failed', 'cancelled', 'interrupted']);
const TASK_ENDS: ReadonlySet<string> = new Set<RunTaskRow['state']>(['ok', 'failed', 'skipped', 'cancelled', 'retrying', 'held']);
const TASK_WAYS: ReadonlySet<string> = new Set<NonNullable<RunTaskRow['via']>>(['ran', 'declared', 'resolved', 'unneeded']);

/** What a key was made of, against what the receipt says of the run: the module, the limits a guest can notice, and the grants. */
export function preimageProblem(preimage: Uint8Array, { meta }: Receipt): string | undefined {
  const made = decode(preimage);
  if (!isMap(made)) return 'what it was made of is no map';
  const { module, limits, grants, input } = made;
  if (meta.module !== undefined && !(module !== undefined && isLink(module) && module.equals(meta.module)))
    return `it was made of another module than ${meta.module}`;
  const differs = isMap(limits) ? Object.keys(limits).find((name) => limits[name] !== meta.limits[name]) : 'limits';
  if (differs !== undefined) return `it was made with another limit of ${differs}`;
  const extensions = input !== undefined && isMap(input) ? input['extensions'] : undefined;
  if (DagJson.encode(extensions ?? {}) !== DagJson.encode(meta.extensions ?? {})) return 'it was made with other extensions';
  const same =
    grants !== undefined && isList(grants) && grants.length === meta.grants.length && grants.every((grant, i) => grant === meta.grants[i]);
  return same ? undefined : 'it was made with other grants';
}

/** Not a type guard, as the method is: where CIDs differ they are still CIDs. */
export function isSameCid(one: CID, other: CID): boolean {
  return one.equals(other);
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
