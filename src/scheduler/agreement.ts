import type { CID } from '../ipld/cid.ts';
import type { Agree } from '../workflow/agree.ts';

/**
 * The votes on the output of one task: pure.
 *
 * Invariants
 * V1. An agent has one vote, whatever it says how often: its first.
 * V2. That a limit was hit or a runner lost is no vote: it says nothing of the output. Whoever could not say anything is not asked again.
 * V3. Once decided it stays so as long as nobody asks anybody else, and it is decided after as many were asked as may be. At most one output can be agreed on, since more
 *     than half must; only results that were found beyond what is asked for can make it a tie, which decides nothing.
 */
export interface Votes {
  readonly agree: Agree;
  readonly cast: readonly Vote[];
  readonly silent: readonly Silent[];
}

export interface Vote {
  /** DID. */
  readonly issuer: string;
  readonly receipt: CID;
  /** What tells one output from another. */
  readonly output: string;
}

/** Somebody who was asked and had nothing to say. */
export interface Silent {
  readonly issuer: string;
  readonly why: string;
}

export type Verdict =
  /** Another agent is to be asked. */
  | { readonly tag: 'open' }
  | { readonly tag: 'agreed'; readonly output: string; readonly by: readonly Vote[]; readonly against: readonly Vote[] }
  /** So many that agree there will not be. */
  | { readonly tag: 'split' };

export function none(agree: Agree): Votes {
  return { agree, cast: [], silent: [] };
}

export function cast(votes: Votes, vote: Vote): Votes {
  return hasSpoken(votes, vote.issuer) ? votes : { ...votes, cast: [...votes.cast, vote] };
}

export function keepSilent(votes: Votes, silent: Silent): Votes {
  return hasSpoken(votes, silent.issuer) ? votes : { ...votes, silent: [...votes.silent, silent] };
}

function hasSpoken({ cast: votes, silent }: Votes, issuer: string): boolean {
  return votes.some((vote) => vote.issuer === issuer) || silent.some((one) => one.issuer === issuer);
}

/** Those who need not be asked any more. */
export function spoken({ cast: votes, silent }: Votes): ReadonlySet<string> {
  return new Set([...votes, ...silent].map(({ issuer }) => issuer));
}

export function verdict(votes: Votes): Verdict {
  const { agree } = votes;
  const counts = new Map<string, number>();
  for (const { output } of votes.cast) counts.set(output, (counts.get(output) ?? 0) + 1);
  const [first, second] = [...counts].toSorted(([, a], [, b]) => b - a);
  const most = first?.[1] ?? 0;
  if (first !== undefined && most >= agree.need && most > (second?.[1] ?? 0)) {
    const [output] = first;
    const by = votes.cast.filter((vote) => vote.output === output);
    return { tag: 'agreed', output, by, against: votes.cast.filter((vote) => vote.output !== output) };
  }
  const left = Math.max(0, agree.most - votes.cast.length - votes.silent.length);
  return left > 0 && most + left >= agree.need ? { tag: 'open' } : { tag: 'split' };
}

/** Who said what, for people. */
export function told({ cast: votes, silent }: Votes): string {
  const outputs = [...new Set(votes.map(({ output }) => output))];
  const camps = outputs.map((output) => {
    const camp = votes.filter((vote) => vote.output === output);
    return `${camp.map(({ issuer, receipt }) => `${issuer} (${receipt})`).join(' and ')} gave one output`;
  });
  return [...camps, ...silent.map(({ issuer, why }) => `${issuer} gave none: ${why}`)].join('; ');
}
