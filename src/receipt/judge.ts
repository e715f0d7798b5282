import type { CID } from '../ipld/cid.ts';
import type { FindVerifier } from '../ipld/identity.ts';
import type { Limits } from '../workflow/limits.ts';
import type { Receipt } from './model.ts';
import { outcomeOf } from './out.ts';
import type { Outcome } from './outcome.ts';
import type { Refusal, RefusalReason, Trust } from './trust.ts';
import { type Check, decode, examine } from './verify.ts';

/**
 * Whether a receipt from elsewhere is of what was asked for, sound, and by somebody who is trusted. Pure but for the question of trust.
 *
 * A receipt that differs from what it should be is refused whole, however small the difference: whoever made it did something else than was asked for.
 */

/** What the receipt must say. What is undefined here is not asked. */
export interface Expected {
  /** The resolved key. */
  readonly key?: Uint8Array | undefined;
  /** Named by whoever says that this receipt belongs to the key that was asked for. */
  readonly receipt?: CID | undefined;
  /** Only of one that was run for us: results are shared between all that have the same key. */
  readonly invocation?: CID | undefined;
  readonly instruction?: CID | undefined;
  readonly attempt?: number | undefined;
  /** Null if it has none. */
  readonly module: CID | null;
  readonly grants: readonly string[];
  /** Those a guest can notice; in a receipt of one that was run for us all of them. */
  readonly limits: Pick<Limits, 'memory' | 'output' | 'openFiles'> & Partial<Limits>;
  readonly outcome: 'ok' | 'error' | 'any';
}

export interface Accepted {
  readonly tag: 'accepted';
  readonly cid: CID;
  readonly receipt: Receipt;
  readonly outcome: Outcome;
}

export type Judgement = Accepted | ({ readonly tag: 'refused' } & Refusal);

/** Whoever refuses by it tells `trust.refused`. About 0.1 ms, for the signature. */
export function judge(bytes: Uint8Array, expected: Expected, trust: Pick<Trust, 'accepts'>, verifiers?: FindVerifier): Judgement {
  const examined = examine(bytes, expected.receipt, verifiers);
  if ('findings' in examined) {
    const [finding] = examined.findings;
    return { tag: 'refused', reason: REASONS[finding!.check], issuer: namedIn(bytes), message: finding!.message };
  }
  const { cid, receipt } = examined.sound;
  const refuse = (reason: RefusalReason, message: string): Judgement => ({
    tag: 'refused',
    reason,
    issuer: receipt.iss,
    message,
    receipt: cid,
  });
  const acceptance = trust.accepts(receipt.iss);
  if (acceptance.kind === 'no') return refuse(acceptance.reason, acceptance.why);
  const outcome = outcomeOf(receipt.out);
  const difference = differenceOf(receipt, outcome, expected);
  if (difference !== undefined) return refuse('other', `the receipt ${cid} ${difference}`);
  return { tag: 'accepted', cid, receipt, outcome };
}

const REASONS: Readonly<Record<Check, RefusalReason>> = {
  envelope: 'unsigned',
  cid: 'other',
  encoding: 'malformed',
  shape: 'malformed',
  outcome: 'malformed',
  issuer: 'malformed',
  signature: 'forged',
};

/** Where this is not a receipt, or has another issuer than it says, there is nobody to be named for certain. */
function namedIn(bytes: Uint8Array): string | undefined {
  try {
    return decode(bytes).receipt.iss;
  } catch {
    return undefined;
  }
}

function differenceOf({ ran, meta, iss }: Receipt, outcome: Outcome, expected: Expected): string | undefined {
  if (expected.key !== undefined && (meta.key === undefined || Buffer.compare(meta.key, expected.key) !== 0)) return 'has another key';
  if (expected.invocation?.equals(ran) === false) return 'is of another invocation';
  if (expected.instruction?.equals(meta.instruction) === false) return 'is of another instruction';
  if (expected.attempt !== undefined && expected.attempt !== meta.attempt) return 'is of another attempt';
  if (meta.agent !== iss) return 'says that another agent ran it than signed';
  if (!isSameModule(meta.module, expected.module)) return 'is of another module';
  if (meta.grants.length !== expected.grants.length || meta.grants.some((grant, i) => grant !== expected.grants[i]))
    return 'is of a task that was granted something else';
  for (const [name, limit] of Object.entries(expected.limits)) {
    if (limit !== undefined && (meta.limits[name] === undefined || BigInt(meta.limits[name]) !== BigInt(limit)))
      return `is of a task with another limit, ${name}`;
  }
  if (expected.limits.fuel === undefined && meta.limits['fuel'] !== undefined) return 'is of a task with limited fuel';
  if (expected.outcome !== 'any' && expected.outcome !== outcome.tag) return `is of a task that ended with ${outcome.tag}`;
  return undefined;
}

function isSameModule(module: CID | undefined, expected: CID | null): boolean {
  return module === undefined ? expected === null : expected?.equals(module) === true;
}
