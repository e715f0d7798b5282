import { DocketError } from '../errors.ts';
import { decode, encode } from '../ipld/dag-cbor.ts';
import { encodeListHead } from '../ipld/dag-cbor-encode.ts';
import { type Ipld, type IpldMap, isLink, isList, isMap } from '../ipld/value.ts';
import type { Plan, PlannedTask, Task } from './model.ts';
import { build, type Draft } from './plan.ts';

/**
 * A plan as bytes, for taking a run up again without its workflow file. CIDs and edges are not stored: they follow from the tasks,
 * and building the plan anew checks them. `meta` is stored once for all tasks that share it.
 */
const FORMAT = 1;
const MAP_OF_SEVEN = 0xa7;

/** Tasks in a piece. */
const BATCH = 256;

/** Piece by piece, so that the bytes of a million tasks are never in memory at once. */
export async function* encodePlan({ name, workflow, tasks, groups, outputs }: Plan): AsyncGenerator<Uint8Array> {
  const metas = new Map<IpldMap, number>();
  for (const { task } of tasks) if (!metas.has(task.meta)) metas.set(task.meta, metas.size);
  const row = ({ task: { run, cause, meta, prf }, module, label, group, aliases }: PlannedTask): Ipld => {
    return [label, group, module ?? null, metas.get(meta)!, cause, prf, run.rsc, run.op, run.input, run.nnc, aliases ?? []];
  };
  // One map in the order DAG-CBOR wants, encoded as two that are cut where the tasks stand.
  const before = encode({ name, metas: [...metas.keys()], tasks: [] });
  const after = encode({ format: FORMAT, groups: groups.map((group) => group.name), outputs, workflow });
  before[0] = MAP_OF_SEVEN;
  yield before.subarray(0, -1);
  yield encodeListHead(tasks.length);
  for (let from = 0; from < tasks.length; from += BATCH) {
    const rows = tasks.slice(from, from + BATCH).map(row);
    yield encode(rows).subarray(encodeListHead(rows.length).length);
  }
  yield after.subarray(1);
}

/** Takes the whole of it. Throws `IPLD_INVALID` for bytes that are not DAG-CBOR, `WORKFLOW_INVALID` for others `encodePlan` did not write. */
export function decodePlan(bytes: Uint8Array): Plan {
  const stored = decode(bytes);
  if (!isMap(stored) || stored['format'] !== FORMAT) throw damaged();
  const { name, workflow, metas, groups, tasks, outputs } = stored;
  if (typeof name !== 'string' || !isLink(workflow) || !isList(metas) || !isList(groups) || !isList(tasks) || !isMap(outputs))
    throw damaged();
  const drafts = tasks.map((row) => readDraft(row, metas));
  const plan = build(drafts, { name, outputs, groups: groups.map(String), duplicates: 'refuse' });
  return { ...plan, workflow };
}

function readDraft(row: Ipld, metas: readonly Ipld[]): Draft {
  if (!isList(row)) throw damaged();
  const [label, group, module, metaIndex, cause, prf, rsc, op, input, nnc, aliases] = row;
  const meta = metas[Number(metaIndex)];
  const isFine =
    typeof label === 'string' &&
    typeof group === 'string' &&
    (module === null || isLink(module)) &&
    isMap(meta) &&
    cause !== undefined &&
    isList(prf) &&
    typeof rsc === 'string' &&
    typeof op === 'string' &&
    input !== undefined &&
    (typeof nnc === 'string' || nnc instanceof Uint8Array) &&
    isList(aliases);
  if (!isFine) throw damaged();
  const task: Task = { run: { rsc, op, input, nnc }, cause, meta, prf };
  return { task, module: module ?? undefined, label, group, ...(aliases.length === 0 ? {} : { aliases: aliases.map(String) }) };
}

function damaged(): DocketError {
  return new DocketError('WORKFLOW_INVALID', 'the stored plan is damaged or of a newer format', {
    next: 'Start the run again from its workflow file.',
  });
}
