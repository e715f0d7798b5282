import * as Cid from '../../ipld/cid.ts';
import type { OfferedTask } from '../../protocol/mesh/work.ts';
import type { BlobView, HeldBlob } from '../blob-view.ts';
import type { TaskFacts, Wanted, Work } from '../crew.ts';
import type { Bytes } from './choose.ts';
import type { Holders } from './holders.ts';
import type { TreeInputs } from './tree-inputs.ts';

/** Members that are named to whoever is offered a task. */
const MOST_HOLDERS = 8;

/** The large blobs a task needs whose sizes are known; of those in trees as many as are weighed (`TreeInputs`). */
export function inputsOf(
  task: number,
  facts: TaskFacts,
  blobs: BlobView,
  { holders, trees }: { holders: Holders; trees: TreeInputs },
): HeldBlob[] {
  const inputs: HeldBlob[] = [];
  const add = (cid: Cid.CID): void => {
    const size = holders.of(cid)?.size ?? blobs.sizeHere(cid);
    if (size !== undefined) inputs.push({ cid, size });
  };
  const module = facts.module(task);
  if (module !== undefined) add(module);
  for (const cid of Cid.links(facts.input(task))) {
    if (!Cid.isStored(cid)) continue;
    add(cid);
    if (Cid.isTree(cid) && blobs.has(cid)) inputs.push(...trees.of(cid, blobs));
  }
  return inputs;
}

/** How many bytes of these lie where. */
export function bytesOf(inputs: readonly HeldBlob[], blobs: BlobView, holders: Holders): Bytes {
  const at = new Map<string, number>();
  for (const { cid, size } of inputs) {
    for (const did of holders.of(cid)?.dids ?? []) at.set(did, (at.get(did) ?? 0) + size);
  }
  let here = 0;
  if (at.size > 0) for (const { cid, size } of inputs) if (blobs.has(cid)) here += size;
  return { here, at };
}

/** What a member is told of a task. */
export function offeredTask({ task, attempt, job }: Work, wanted: Wanted, facts: TaskFacts, holders: readonly string[]): OfferedTask {
  const { task: work, label } = facts.planned(task);
  return {
    task,
    attempt,
    priority: facts.priority(task),
    depth: wanted.depth,
    alone: wanted.alone,
    slots: wanted.kind.needs.slots,
    isForced: facts.isForced(task),
    label,
    work,
    module: job.module,
    input: job.input,
    small: Object.fromEntries(job.small),
    holders: holders.slice(0, MOST_HOLDERS),
  };
}
