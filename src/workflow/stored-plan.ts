import { DocketError } from '../errors.ts';
import { decode, encode } from '../ipld/dag-cbor.ts';
import { type Ipld, type IpldMap, isLink, isList, isMap } from '../ipld/value.ts';
import type { Plan, Task } from './model.ts';
import { build, type Draft } from './plan.ts';

/**
 * A plan as bytes, for taking a run up again without its workflow file. CIDs and edges are not stored: they follow from the tasks,
 * and building the plan anew checks them. `meta` is stored once for all tasks that share it.
 */
const FORMAT = 1;

export function encodePlan({ name, workflow, tasks, groups, outputs }: Plan): Uint8Array {
  const metas = new Map<IpldMap, number>();
  const rows = tasks.map(({ task, module, label, group, aliases }): Ipld => {
    const { run, cause, meta, prf } = task;
    if (!metas.has(meta)) metas.set(meta, metas.size);
    return [label, group, module ?? null, metas.get(meta)!, cause, prf, run.rsc, run.op, run.input, run.nnc, aliases ?? []];
  });
  return encode({
    format: FORMAT,
    name,
    workflow,
    metas: [...metas.keys()],
    groups: groups.map((group) => group.name),
    tasks: rows,
    outputs,
  });
}

/** Throws `IPLD_INVALID` for bytes that are not DAG-CBOR, `WORKFLOW_INVALID` for others `encodePlan` did not write. */
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
