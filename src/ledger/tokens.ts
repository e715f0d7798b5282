import { damaged } from './read-cid.ts';
import type { Reading } from './reading.ts';

/** Reads of tokens of less than every right. */

export interface TokenRow {
  readonly id: string;
  /** As it was given. */
  readonly rights: unknown;
  /** Milliseconds since the epoch; null for one that does not expire. */
  readonly created: number;
  readonly expires: number | null;
}

type Columns = [id: string, rights: string, created: number, expires: number | null];

const ROWS = 'SELECT id, rights, created, expires FROM tokens';

/** By the SHA2-256 of the token. */
export function tokenOfHash(reading: Reading, hash: Uint8Array): TokenRow | undefined {
  const row = reading.get(`${ROWS} WHERE hash = ?`, hash) as Columns | undefined;
  return row && toRow(row);
}

/** The oldest first. */
export function tokens(reading: Reading): TokenRow[] {
  return (reading.all(`${ROWS} ORDER BY created, id`) as Columns[]).map(toRow);
}

function toRow([id, rights, created, expires]: Columns): TokenRow {
  return { id, rights: parsed(rights, id), created, expires };
}

/** Throws `LEDGER_DAMAGED`. */
function parsed(rights: string, id: string): unknown {
  try {
    return JSON.parse(rights);
  } catch {
    return damaged(`the rights of token ${id} cannot be read`);
  }
}
