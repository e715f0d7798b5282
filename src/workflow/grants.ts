import { listNames } from '../base/suggest.ts';
import { DocketError } from '../errors.ts';
import { type Ipld, type IpldMap, isList, isMap } from '../ipld/value.ts';
import type { Task } from './model.ts';

/**
 * What a task may be granted beyond its declared inputs, sorted. For `wasi/run` it stands in the input. The input of `wasm/run` is Homestar's, so there
 * it stands in `meta`: granting something changes no instruction's CID, and so no promise on it.
 */
export const GRANTS = ['clock', 'random'] as const;

const NONE: readonly string[] = [];

/** The grants of a task, sorted. */
export function grantsOf({ run, meta }: Task): readonly string[] {
  const grant = run.op === 'wasm/run' ? meta['grant'] : isMap(run.input) ? run.input['grant'] : undefined;
  return isList(grant) ? grant.filter((name) => typeof name === 'string') : NONE;
}

/** What is wrong with a list of grants, or undefined. It is sorted and without repeats, so that the same grants give one CID. */
export function grantProblem(value: Ipld): string | undefined {
  const sorted = GRANTS.filter((grant) => isList(value) && value.includes(grant));
  const isFine = isList(value) && value.length === sorted.length && sorted.every((grant, i) => grant === value[i]);
  return isFine ? undefined : `must be a sorted list of ${listNames(GRANTS)}`;
}

/** Why a module that takes and gives numbers only is granted nothing: what is accepted must mean something. */
export function unusableGrants(grants: readonly string[]): string {
  return `the module has no WIT types and calls nothing of its host, so it cannot use what it is granted: ${grants.join(', ')}`;
}

/** Checks `grant` in the `meta` of a task of `op`. Throws `WORKFLOW_INVALID`. */
export function checkGrant(op: string, { grant }: IpldMap): void {
  if (grant === undefined) return;
  if (op !== 'wasm/run')
    throw new DocketError('WORKFLOW_INVALID', `"grant" in meta is for wasm/run`, { next: `For ${op} it stands in "input".` });
  const problem = grantProblem(grant);
  if (problem !== undefined) throw new DocketError('WORKFLOW_INVALID', `"grant" in meta ${problem}`);
}
