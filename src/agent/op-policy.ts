import { DocketError } from '../errors.ts';
import { OPS } from '../runner/ops.ts';

/** Every op there is. */
export function allOps(): string[] {
  return Object.keys(OPS);
}

/** Throws `OP_REFUSED` for an op that is not among those an agent runs; `what` names the task. */
export function requireOp(op: string, ops: readonly string[], what: string): void {
  if (ops.includes(op)) return;
  throw new DocketError('OP_REFUSED', `${what} is ${op}, which this agent does not run`, {
    details: { op, ops },
    next: `Ask an agent that does, or start this one with --ops ${[...ops, op].join(',')}. It runs: ${ops.join(', ')}.`,
  });
}
