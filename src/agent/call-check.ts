import { DocketError } from '../errors.ts';
import { type Ipld, isList, isMap } from '../ipld/value.ts';
import type { Failure } from '../receipt/outcome.ts';
import { checkArgs } from '../sandbox/wit/calls.ts';
import { calleeOf } from '../sandbox/wit/look-up.ts';
import type { WitWorld } from '../sandbox/wit/model.ts';
import type { PlannedTask } from '../workflow/model.ts';
import { visitPromises } from '../workflow/promise.ts';
import { inputOf } from '../workflow/result-literal.ts';

/**
 * Checks what a task calls of a world: that there is such a function, and that the arguments fit. Those that are only known in the run, with
 * promises in them, are not looked at. Yields whenever others should have a turn. Throws `ARGUMENT_INVALID`.
 */
export function* checkCall(world: WitWorld, { task, label, awaits, external }: PlannedTask): Generator<void> {
  const input = inputOf(task.run);
  if (!isMap(input) || typeof input['func'] !== 'string' || !isList(input['args'])) return;
  const found = calleeOf(world, input['func']);
  if ('failure' in found) throw invalid(label, found.failure);
  // Looking for promises takes as long as a part of the check.
  const known = awaits.length + external.length === 0 ? () => true : isKnown;
  const refusal = yield* checkArgs(found.callee.func, input['args'], { known, bytesOf: () => NOT_READ });
  if (refusal !== undefined) throw invalid(label, refusal.failure);
}

/** Any bytes are as good as those of the resource: all that matters is that bytes are wanted there. Whether it can be had is seen when it is fetched. */
const NOT_READ = new Uint8Array();

function isKnown(arg: Ipld): boolean {
  let promises = 0;
  visitPromises(arg, () => promises++);
  return promises === 0;
}

function invalid(label: string, { message, data }: Failure): DocketError {
  return new DocketError('ARGUMENT_INVALID', `task ${label}: ${message}`, { details: { task: label, ...data } });
}
