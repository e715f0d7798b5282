import { DocketError } from '../errors.ts';
import { type IpldMap, isList, isMap } from '../ipld/value.ts';
import type { MemoPolicy, Task } from './model.ts';
import { isFixed } from './resource.ts';

/** What a task may be granted beyond its declared inputs, sorted. */
export const GRANTS = ['clock', 'random'] as const;

const MEMO_POLICIES: ReadonlySet<unknown> = new Set<MemoPolicy>(['always', 'never', 'errors']);

const NONE: readonly string[] = [];

/** The grants of a task, sorted; only `wasi/run` knows any. */
export function grantsOf({ run }: Task): readonly string[] {
  if (run.op !== 'wasi/run' || !isMap(run.input)) return NONE;
  const { grant } = run.input;
  return isList(grant) ? grant.filter((name) => typeof name === 'string') : NONE;
}

/** Whether nothing but its instruction and limits can decide the result: no grants, and a module that cannot change behind its name. */
export function isPure(task: Task): boolean {
  return grantsOf(task).length === 0 && isFixed(task.run.rsc);
}

/** The memo policy of a task's `meta`. Throws `WORKFLOW_INVALID`. */
export function memoOf(meta: IpldMap): MemoPolicy {
  const { memo } = meta;
  if (memo === undefined) return 'default';
  if (!MEMO_POLICIES.has(memo)) throw new DocketError('WORKFLOW_INVALID', '"memo" in meta must be "always", "never" or "errors"');
  return memo as MemoPolicy;
}
