import { createHash } from 'node:crypto';

/** Who is in the mesh, as far as its runs depend on it. */
export interface Company {
  /** Whether silence says that a member is gone: the link has been up for long enough. */
  readonly isJudging: boolean;
  /** This member. */
  readonly self: Present;
  /** Others that are present. */
  others(): readonly Present[];
}

export interface Present {
  readonly did: string;
  readonly incarnation: string;
  /** Takes no new runs. */
  readonly isDraining: boolean;
  /** As `MemberView` has it. */
  readonly grants?: readonly string[];
}

/**
 * How many members come before this one where each of those present could do something and one is to; undefined if it is to do nothing. All who see the same
 * members agree, and for another `what` the order is another, so the work is spread.
 */
export function rankOf(
  { self, others }: { readonly self: Present; readonly others: readonly Present[] },
  what: string,
): number | undefined {
  if (self.isDraining) return undefined;
  const own = weight(what, self.did);
  return others.filter(({ did, isDraining }) => !isDraining && did !== self.did && weight(what, did) < own).length;
}

/** Rendezvous hashing (https://en.wikipedia.org/wiki/Rendezvous_hashing). */
function weight(what: string, did: string): string {
  return createHash('sha256').update(`${what}\n${did}`).digest('hex');
}
