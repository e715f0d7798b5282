import { DocketError } from '../errors.ts';
import { type Ipld, isLink, isList, isMap } from '../ipld/value.ts';
import type { Failure } from '../receipt/outcome.ts';
import { toJsArgs } from '../sandbox/wit/calls.ts';
import { calleeOf } from '../sandbox/wit/look-up.ts';
import type { WitWorld } from '../sandbox/wit/model.ts';
import type { PlannedTask } from '../workflow/model.ts';
import { visitPromises } from '../workflow/promise.ts';

/**
 * Checks what a task calls of a world: that there is such a function, and that the arguments fit. Those that are only known in the run are not looked at: with
 * promises in them, and links, which stand for what they name. Throws `ARGUMENT_INVALID`.
 */
export function checkCall(world: WitWorld, { task, label }: PlannedTask): void {
  const { input } = task.run;
  if (!isMap(input) || typeof input['func'] !== 'string' || !isList(input['args'])) return;
  const found = calleeOf(world, input['func']);
  if ('failure' in found) throw invalid(label, found.failure);
  const converted = toJsArgs(found.callee.func, input['args'], isKnown);
  if ('failure' in converted) throw invalid(label, converted.failure);
}

function isKnown(arg: Ipld): boolean {
  if (isLink(arg)) return false;
  let promises = 0;
  visitPromises(arg, () => promises++);
  return promises === 0;
}

function invalid(label: string, { message, data }: Failure): DocketError {
  return new DocketError('ARGUMENT_INVALID', `task ${label}: ${message}`, { details: { task: label, ...data } });
}
