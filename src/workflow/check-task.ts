import { agreeFromMeta } from './agree.ts';
import { durableFromMeta } from './durable.ts';
import { DocketError } from '../errors.ts';
import type { IpldMap } from '../ipld/value.ts';
import { checkGrant } from './grants.ts';
import { checkInput } from './input.ts';
import * as Limit from './limits.ts';
import type { Task } from './model.ts';
import * as Needs from './needs.ts';
import { isNonce } from './nonce.ts';
import { memoOf } from './policy.ts';

/** Whether a task that no compiler here made may be run. Throws `WORKFLOW_INVALID`, `OP_UNKNOWN`, `LIMIT_REFUSED`. */
export function checkTask({ run, meta }: Task, ops: readonly string[]): void {
  if (!ops.includes(run.op))
    throw new DocketError('OP_UNKNOWN', `the op "${run.op}" is not known`, { next: `Known ops: ${ops.toSorted().join(', ')}.` });
  if (!isNonce(run.nnc)) throw new DocketError('WORKFLOW_INVALID', '"nnc" must be "", 12 or 16 bytes, or these in base32hex');
  checkMeta(run.op, meta);
  checkInput(run.op, run.input);
}

/** Whether all that the `meta` of a task of `op` says can be kept. Throws `LIMIT_REFUSED`, `WORKFLOW_INVALID`. */
export function checkMeta(op: string, meta: IpldMap): void {
  Limit.fromMeta(meta);
  Limit.retryFromMeta(meta);
  memoOf(meta);
  Needs.fromMeta(meta);
  agreeFromMeta(meta);
  durableFromMeta(meta);
  checkGrant(op, meta);
}
