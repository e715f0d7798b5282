import { encode } from '../ipld/dag-cbor.ts';
import type { FindVerifier } from '../ipld/identity.ts';
import type { Ipld } from '../ipld/value.ts';
import { type Accepted, type Expected, judge as judgeReceipt } from '../receipt/judge.ts';
import type { FailureCode } from '../receipt/outcome.ts';
import type { Trust } from '../receipt/trust.ts';
import type { PlannedTask } from '../workflow/model.ts';
import { opIn } from './filing.ts';
import type { Policy } from './policies.ts';

/** What was asked for, which the receipt must be of. */
export interface Asked {
  readonly member: string;
  readonly task: PlannedTask;
  readonly policy: Policy;
  /** The resolved key, as it was computed here. */
  readonly key: Uint8Array;
  readonly attempt: number;
  /** Whether a result that is known under the key will do, whoever made it for whatever instruction. */
  readonly mayHit: boolean;
}

export type Judged =
  | (Omit<Accepted, 'tag'> & {
      readonly tag: 'good';
      /** `resolved`: it is of the same key, and was there before. */
      readonly via: 'ran' | 'resolved';
    })
  | { readonly tag: 'bad'; readonly why: string };

/** How tasks end in the hands of those who drive them; no member that runs one can say so. */
const NOT_OF_MEMBERS: ReadonlySet<FailureCode> = new Set(['cancelled', 'unresolved', 'unplaceable', 'unkept']);

/**
 * Judges the receipt that a member gave for a task it was asked to run. A good one is sound, signed by that very member, which is trusted, and says that exactly what was
 * asked for was done. A hit is good too if the task may have one: then only the key counts, and whoever signed must be trusted.
 */
export function judge(bytes: Uint8Array, isHit: boolean, asked: Asked, trust: Trust, verifiers?: FindVerifier): Judged {
  if (isHit && !asked.mayHit) return bad('a known result was not asked for');
  const judged = judgeReceipt(bytes, isHit ? expectedHit(asked) : expected(asked), trust, verifiers);
  if (judged.tag === 'refused') {
    trust.refused(judged);
    return bad(judged.message);
  }
  if (isHit) return { ...judged, tag: 'good', via: 'resolved' };
  const { receipt, outcome, cid } = judged;
  const message = difference(judged, asked);
  if (message === undefined) return { ...judged, tag: 'good', via: 'ran' };
  trust.refused({ reason: 'other', issuer: receipt.iss, message: `the receipt ${cid} ${message}`, receipt: cid });
  return bad(`${message}${outcome.tag === 'error' ? ` (${outcome.failure.code})` : ''}`);
}

function expected({ task, policy, key, attempt }: Asked): Expected {
  const { invocation, instruction } = task;
  const { limits, grants, module } = policy;
  return { key, invocation, instruction, attempt, module: module ?? null, grants, limits, outcome: 'any' };
}

function expectedHit({ policy, key }: Asked): Expected {
  const { limits, grants, module } = policy;
  const { memory, output, openFiles, fuel } = limits;
  const noticed = { memory, output, openFiles, ...(fuel === undefined ? {} : { fuel }) };
  return { key, module: module ?? null, grants, limits: noticed, outcome: 'ok' };
}

/** What else is not as it was asked for. */
function difference({ receipt, outcome }: Accepted, { member, task }: Asked): string | undefined {
  const { iss, meta, prf } = receipt;
  if (iss !== member) return `is signed by ${iss}, which was not asked`;
  if (meta.op !== opIn(task.task.run)) return 'is of another op';
  if (!isAlike([...prf], [...task.task.prf])) return 'has other proofs';
  if (outcome.tag === 'error' && NOT_OF_MEMBERS.has(outcome.failure.code)) return 'ends as no member can end a task';
  return undefined;
}

function isAlike(a: Ipld, b: Ipld): boolean {
  return Buffer.compare(encode(a), encode(b)) === 0;
}

function bad(why: string): Judged {
  return { tag: 'bad', why };
}
