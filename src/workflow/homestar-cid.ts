import { type CID, ofValue } from '../ipld/cid.ts';
import { type Ipld, isLink, isList, isMap } from '../ipld/value.ts';
import * as Resource from './resource.ts';

/** The CID that a workflow in Homestar's format has, also if it cannot be run. Of what is no workflow at all, the CID of that. */
export function homestarCid(workflow: Ipld): CID {
  if (!isMap(workflow) || !isList(workflow['tasks'])) return ofValue(workflow);
  return ofValue({ tasks: workflow['tasks'].map(taskOf) });
}

function taskOf(task: Ipld): Ipld {
  if (!isMap(task)) return task;
  const { run = null, cause = null, meta = null, prf = null } = task;
  return { run: instructionOf(run), cause, meta, prf };
}

function instructionOf(run: Ipld): Ipld {
  if (!isMap(run)) return run;
  const { rsc = null, op = null, input = null, nnc = '' } = run;
  return { rsc: isLink(rsc) ? `ipfs://${rsc.toV1()}` : typeof rsc === 'string' ? Resource.normalize(rsc) : rsc, op, input, nnc };
}
