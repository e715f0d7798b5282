import type { CID } from '../ipld/cid.ts';
import { locator } from './locator.ts';
import { readCid } from './read-cid.ts';
import type { Reading } from './reading.ts';

/** What other build tools filed under the names of their actions. Nothing of Docket's own reads this table: these results have no receipts. */
export function action(reading: Reading, digest: Uint8Array): CID | undefined {
  const row = reading.get('SELECT entry FROM actions WHERE place = ? AND action = ?', locator(digest), digest) as [Uint8Array] | undefined;
  return row && readCid(row[0], 'the entry of an action');
}
