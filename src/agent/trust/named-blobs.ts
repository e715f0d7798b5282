import { isDocketError } from '../../errors.ts';
import * as Cid from '../../ipld/cid.ts';
import * as LargeValue from '../../ipld/large-value.ts';
import type { Ipld } from '../../ipld/value.ts';
import { digestHex } from '../../store/digest.ts';
import * as Tree from '../../store/tree.ts';

/**
 * The blobs a result names, each once, itself or through trees and large values; at most `most`. What `read` does not give, and what is no tree or value though it is
 * called one, is not looked into.
 */
export function* namedBlobs(value: Ipld, read: (cid: Cid.CID) => Uint8Array | undefined, most: number): Generator<Cid.CID> {
  const seen = new Set<string>();
  const pending: Ipld[] = [value];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    for (const cid of Cid.links(next)) {
      if (!Cid.isStored(cid) || seen.has(digestHex(cid))) continue;
      if (seen.size >= most) return;
      seen.add(digestHex(cid));
      yield cid;
      const within = partsOf(cid, read);
      if (within !== undefined) pending.push(within);
    }
  }
}

function partsOf(cid: Cid.CID, read: (cid: Cid.CID) => Uint8Array | undefined): Ipld | undefined {
  if (!Cid.isTree(cid) && !Cid.isLargeValue(cid)) return undefined;
  try {
    const bytes = read(cid);
    if (bytes === undefined) return undefined;
    if (Cid.isLargeValue(cid)) return LargeValue.read(bytes);
    return Object.values(Tree.decode(bytes)).flatMap((entry) => ('cid' in entry ? [entry.cid] : []));
  } catch (error) {
    if (!isDocketError(error)) throw error;
    return undefined;
  }
}
