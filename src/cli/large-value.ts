import type { CID } from '../ipld/cid.ts';
import * as Cid from '../ipld/cid.ts';
import * as DagJson from '../ipld/dag-json.ts';
import * as LargeValue from '../ipld/large-value.ts';
import { type Ipld, isLink } from '../ipld/value.ts';
import type { Store } from '../store/store.ts';

export function isLargeValue(value: Ipld | undefined): value is CID {
  return value !== undefined && isLink(value) && Cid.isLargeValue(value);
}

/** Throws `IPLD_INVALID`, and what `Store.read` throws. */
export async function largeValue(store: Store, link: CID): Promise<Ipld> {
  return LargeValue.read(await store.read(link));
}

/** A large value as people read it: a string as it is, anything else as DAG-JSON. Throws `IPLD_INVALID`, and what `Store.read` throws. */
export async function largeText(store: Store, link: CID): Promise<string> {
  const value = await largeValue(store, link);
  return typeof value === 'string' ? value : `${DagJson.encode(value, { indent: 2 })}\n`;
}
