import * as Cid from '../../ipld/cid.ts';
import { semanticsOf } from '../../runner/ops.ts';
import type { BlobView } from '../../scheduler/blob-view.ts';
import { Filing } from '../../scheduler/filing.ts';
import { Lookup, type MemoSource } from '../../scheduler/lookup.ts';
import { Policies } from '../../scheduler/policies.ts';
import type { OfferedTask } from '../../protocol/mesh/work.ts';
import { invocationOf } from '../../workflow/identify.ts';
import type { Awaited, Plan, PlannedTask } from '../../workflow/model.ts';
import { visitPromises } from '../../workflow/promise.ts';
import { VERSION } from '../version.ts';

/**
 * Tasks that were offered together, as a plan of tasks that await nothing here: so their policies, keys and receipts are made by the code by which a coordinator
 * makes its own, and are the same. Nothing the offer says of them is taken over, all is computed from what is to run.
 */
export interface OfferedWork {
  readonly plan: Plan;
  readonly policies: Policies;
  readonly lookup: Lookup;
  readonly filing: Filing;
}

interface Home {
  readonly memo: MemoSource;
  readonly blobs: Pick<BlobView, 'standsFor'>;
  /** DID of the key that signs here. */
  readonly issuer: string;
}

type Offered = Pick<OfferedTask, 'work' | 'module' | 'label' | 'isForced'>;

/** Throws `LIMIT_REFUSED`, `WORKFLOW_INVALID` only for tasks that no decoder let in. */
export function offeredWork(tasks: readonly Offered[], { memo, blobs, issuer }: Home): OfferedWork {
  const plan = planOfOffered(tasks);
  const policies = new Policies(plan, semanticsOf, (cid) => blobs.standsFor(cid));
  const lookup = new Lookup(plan, policies, memo, (task) => tasks[task]!.isForced);
  return { plan, policies, lookup, filing: new Filing(issuer, lookup, VERSION, { cpu: process.arch }) };
}

function planOfOffered(offered: readonly Offered[]): Plan {
  const tasks = offered.map(plannedTask);
  // What an offer is part of is not known here, and nothing that is filed here depends on it.
  return { name: '', workflow: tasks[0]?.invocation ?? Cid.ofValue(null), tasks, groups: [], outputs: {} };
}

function plannedTask({ work, module, label }: Offered): PlannedTask {
  const { rsc, op, input, nnc } = work.run;
  const instruction = Cid.ofValue({ rsc, op, input, nnc });
  const external: Awaited[] = [];
  visitPromises(input, (awaited) => external.push(awaited));
  return {
    task: work,
    instruction,
    digest: instruction.multihash.digest,
    invocation: invocationOf(work),
    module,
    label,
    group: label,
    awaits: [],
    external,
  };
}
