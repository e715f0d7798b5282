import { DocketError } from '../errors.ts';
import type { IpldMap } from '../ipld/value.ts';
import { grantsOf } from './grants.ts';
import type { MemoPolicy, Task } from './model.ts';
import { isFixed } from './resource.ts';

const MEMO_POLICIES: ReadonlySet<unknown> = new Set<MemoPolicy>(['always', 'never', 'errors']);

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
