import { hash } from 'node:crypto';

/**
 * Ties a key to the receipt filed under it. Rows name receipts by number, so one flipped bit would make another task's receipt the answer;
 * whoever reads a row compares its seal. Not a signature: it guards against damage, not against who can write the ledger.
 */
export function seal(key: Uint8Array, receipt: Uint8Array): Uint8Array {
  // By way of a text, as in `ipld/hash.ts`.
  return Buffer.from(hash('sha256', Buffer.concat([key, receipt]), 'latin1').slice(0, 8), 'latin1');
}
