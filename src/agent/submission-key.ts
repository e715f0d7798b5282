import { createHash } from 'node:crypto';
import { DocketError } from '../errors.ts';
import type { Submitted } from '../ledger/runs.ts';
import type { RunSubmission } from '../protocol/services.ts';
import type { Source } from '../workflow/compile.ts';

/** What makes a submission another one under the same idempotency key. */
export function digestOf({ what, options }: RunSubmission): string {
  const parts = what.kind === 'plan' ? [what.plan.toString(), options] : [textOf(what.source), what.inputs, options];
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url');
}

/** Of DAG-CBOR what no text of a workflow is. */
function textOf(source: Source): unknown {
  return typeof source === 'string' ? source : { cbor: Buffer.from(source).toString('base64') };
}

/** The run that was submitted with the key. Throws `KEY_REUSED` if that was for something else. */
export function sameOrThrow(earlier: Submitted, key: string, digest: string): string {
  const { run } = earlier;
  if (earlier.digest === digest) return run;
  throw new DocketError('KEY_REUSED', `the idempotency key "${key}" was used for another workflow, by run ${run}`, { details: { run } });
}
