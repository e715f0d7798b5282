import type { CID } from '../ipld/cid.ts';

/** Whose receipts are believed. Where they come from says nothing of that: the one question is who signed. */
export interface Trust {
  /** Asked anywhere, so it does not throw. */
  accepts(issuer: string): Acceptance;
  /** Something from elsewhere was not used: to be counted and told. */
  refused(refusal: Refusal): void;
}

export type Acceptance =
  | { readonly kind: 'yes' }
  | { readonly kind: 'no'; readonly reason: 'untrusted' | 'distrusted'; readonly why: string };

/**
 * Why something that was said to be a result is not used.
 *
 * - `unreadable`: not what members file, or of a version that is not known here.
 * - `unsigned`: a receipt in no envelope with a signature.
 * - `malformed`: a receipt that lacks something, or says what cannot be.
 * - `forged`: the signature is not one of this receipt by its issuer: it was altered, or somebody else signed.
 * - `other`: a sound receipt, of something else than was asked for.
 * - `statement`: a sound receipt, but that it belongs to this key was not said by whom it claims.
 * - `untrusted`: sound, by somebody who is not trusted; `distrusted`: by somebody who was found to be wrong, or was taken off by hand.
 */
export const REFUSAL_REASONS = ['unreadable', 'unsigned', 'malformed', 'forged', 'other', 'statement', 'untrusted', 'distrusted'] as const;

export type RefusalReason = (typeof REFUSAL_REASONS)[number];

export interface Refusal {
  readonly reason: RefusalReason;
  /** Who signed, if that is proven; else who is said to have. Whoever is named by what is `forged` did nothing. Undefined if nobody is named. */
  readonly issuer: string | undefined;
  readonly message: string;
  /** The receipt, where it has one. */
  readonly receipt?: CID;
}

/** For who takes part in no mesh: only what this key signed. */
export function onlySelf(self: string): Trust {
  return {
    accepts: (issuer) =>
      issuer === self ? { kind: 'yes' } : { kind: 'no', reason: 'untrusted', why: `${issuer} is another agent, and this one trusts none` },
    refused: () => {},
  };
}
