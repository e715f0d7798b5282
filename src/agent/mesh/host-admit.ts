import { isDocketError } from '../../errors.ts';
import * as Cid from '../../ipld/cid.ts';
import { Float, type Ipld, isLink, isList, isMap } from '../../ipld/value.ts';
import type { Permission } from '../../manifest/model.ts';
import type { OfferedTask } from '../../protocol/mesh/work.ts';
import { checkInput } from '../../workflow/input.ts';
import * as Needs from '../../workflow/needs.ts';
import type { PlannedTask } from '../../workflow/model.ts';
import { asPromise } from '../../workflow/promise.ts';
import { cidOf } from '../../workflow/resource.ts';
import { inputOf } from '../../workflow/result-literal.ts';
import { admit } from '../admission.ts';

/** What this agent runs for others. */
export interface HostTerms {
  /** What modules may be given. */
  readonly policy: readonly Permission[];
  readonly ops: readonly string[];
  readonly tags: Readonly<Record<string, string>>;
  /** Bytes that tasks may have together. */
  readonly memory: number;
  readonly slots: number;
}

/**
 * Why a task that was offered is never run here; undefined if it may be. Its receipt will say that this input and this module are those of its instruction, so they must
 * be, as far as that can be seen from here: what a promise gave, and what a path or a plain URL stands for, its coordinator alone knows.
 */
export function whyRefused(
  { input, module, slots }: Pick<OfferedTask, 'input' | 'module' | 'slots'>,
  planned: PlannedTask,
  { terms, standsFor }: { readonly terms: HostTerms; readonly standsFor: (cid: Cid.CID) => Cid.CID },
): string | undefined {
  try {
    admit({ tasks: [planned] }, terms, false);
    checkInput(planned.task.run.op, planned.task.run.input);
  } catch (error) {
    if (!isDocketError(error)) throw error;
    return error.message;
  }
  const { run } = planned.task;
  const carried = cidOf(run.rsc);
  const named = carried && standsFor(carried);
  if (named !== undefined && Cid.isStored(named) && !named.equals(module)) return `its module is not what ${run.rsc} names`;
  if (input !== run.input && !isResolved(inputOf(run), input, standsFor)) return 'its input is not that of its instruction';
  const needs = Needs.fromMeta(planned.task.meta);
  if (needs.slots !== slots) return `it is offered for ${slots} slots, and needs ${needs.slots}`;
  const lacks = Needs.lacking(needs, terms);
  if (lacks.length > 0) return lacks.join(', ');
  return undefined;
}

/** Whether `given` is `declared` with promises, and names of UnixFS files, replaced by something. */
function isResolved(declared: Ipld, given: Ipld, standsFor: (cid: Cid.CID) => Cid.CID): boolean {
  if (declared === given) return true;
  if (isLink(declared)) return isLink(given) && (given.equals(declared) || isBlobOf(declared, given, standsFor));
  if (isList(declared)) {
    return isList(given) && given.length === declared.length && declared.every((item, i) => isResolved(item, given[i]!, standsFor));
  }
  if (isMap(declared)) {
    if (asPromise(declared) !== undefined) return true;
    const keys = Object.keys(declared);
    if (!isMap(given) || Object.keys(given).length !== keys.length) return false;
    return keys.every((key) => Object.hasOwn(given, key) && isResolved(declared[key]!, given[key]!, standsFor));
  }
  if (declared instanceof Uint8Array) return given instanceof Uint8Array && Buffer.compare(declared, given) === 0;
  if (declared instanceof Float) return given instanceof Float && Object.is(declared.value, given.value);
  return false;
}

/** A name that is not known here may stand for any. */
function isBlobOf(name: Cid.CID, blob: Cid.CID, standsFor: (cid: Cid.CID) => Cid.CID): boolean {
  if (!Cid.isUnixFs(name) || !Cid.isBlob(blob)) return false;
  const known = standsFor(name);
  return Cid.isUnixFs(known) || known.equals(blob);
}
