import type { CID } from '../ipld/cid.ts';
import { fromBytes } from '../ipld/cid-bytes.ts';
import { locator, SHORTEST_NAME } from './locator.ts';
import type { Reading } from './reading.ts';
import { seal } from './seal.ts';

/** The blob that is known by another name, too. A damaged row says nothing: the name is to be had again where it came from. */
export function alias(reading: Reading, name: CID): CID | undefined {
  if (name.bytes.length < SHORTEST_NAME) return undefined;
  const row = reading.get('SELECT blob, seal FROM aliases WHERE place = ? AND alias = ?', locator(name.bytes), name.bytes) as
    | [blob: Uint8Array, seal: Uint8Array]
    | undefined;
  if (row === undefined || Buffer.compare(row[1], seal(name.bytes, row[0])) !== 0) return undefined;
  return fromBytes(row[0]);
}
