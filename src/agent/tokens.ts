import { randomBytes } from 'node:crypto';
import { hashOf } from '../api/access.ts';
import { type Rights } from '../protocol/rights.ts';
import { DocketError } from '../errors.ts';
import { toMeta } from '../workflow/limits.ts';
import type { Engine } from './engine.ts';

/** Tokens of less than every right. What is kept is their hash: who reads the ledger has no token. */

const ID_BYTES = 6;
const SECRET_BYTES = 32;

export interface TokenView {
  readonly id: string;
  readonly rights: Rights;
  /** Milliseconds since the epoch; null for one that does not expire. */
  readonly created: number;
  readonly expires: number | null;
}

/** Makes one. It is given once, here. Throws `LIMIT_REFUSED`. */
export async function create(
  engine: Engine,
  rights: Rights,
  lifetime: number | undefined,
): Promise<TokenView & { readonly token: string }> {
  toMeta(rights.limits ?? {});
  const id = randomBytes(ID_BYTES).toString('hex');
  const token = `docket_${id}_${randomBytes(SECRET_BYTES).toString('base64url')}`;
  const created = engine.clock.now();
  const expires = lifetime === undefined ? null : created + lifetime;
  await engine.ledger.commit([{ kind: 'token', id, hash: hashOf(token), rights, created, expires }]);
  return { id, rights, created, expires, token };
}

export function list({ ledger }: Engine): TokenView[] {
  return ledger.tokens().map((row) => ({ ...row, rights: row.rights as Rights }));
}

/** Throws `TOKEN_UNKNOWN`. */
export async function revoke({ ledger }: Engine, id: string): Promise<void> {
  if (!ledger.tokens().some((row) => row.id === id)) throw new DocketError('TOKEN_UNKNOWN', `there is no token ${id}`);
  await ledger.commit([{ kind: 'token-delete', id }]);
}

/** The rights of a token, by its hash; undefined if it is not known or has expired. */
export function rightsOf({ ledger, clock }: Engine, hash: Uint8Array): Rights | undefined {
  const row = ledger.tokenOfHash(hash);
  return row === undefined || (row.expires !== null && row.expires <= clock.now()) ? undefined : (row.rights as Rights);
}
