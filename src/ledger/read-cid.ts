import type { CID } from '../ipld/cid.ts';
import { fromBytes } from '../ipld/cid-bytes.ts';
import { DocketError } from '../errors.ts';

/** The CID in a column, which it takes over. `what` says of which row it is which. Throws `LEDGER_DAMAGED`. */
export function readCid(bytes: Uint8Array, what: string): CID {
  return fromBytes(bytes) ?? damaged(`${what} is no CID`);
}

/** A row that cannot be read does not make the rest of the ledger useless, as damage to its structure does. */
export function damaged(what: string): never {
  throw new DocketError('LEDGER_DAMAGED', `a row of the ledger is damaged: ${what}`, {
    next: '`docket store verify` names every damaged row and what becomes of it.',
  });
}
