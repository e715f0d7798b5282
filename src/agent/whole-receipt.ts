import { isDocketError } from '../errors.ts';
import * as Cid from '../ipld/cid.ts';
import * as LargeValue from '../ipld/large-value.ts';
import { type Ipld, isLink } from '../ipld/value.ts';
import { MOST_INLINE, type TaskReceipt } from '../protocol/run-told.ts';
import type { Receipt } from '../receipt/model.ts';
import type { BlobReader } from '../store/blob-reader.ts';

/**
 * A receipt of a function, with what it gave in its place if it stands there as a link, as Homestar has it. One that is too large, or gone, stays a link. No function
 * gives a link, so there is no other that it could be taken for.
 */
export function wholeReceipt(
  receipt: Receipt,
  isFunction: boolean,
  blobs: Pick<BlobReader, 'open' | 'readAll'>,
): Pick<TaskReceipt, 'content' | 'leftOut'> {
  const [tag, value] = receipt.out;
  if (!isFunction || tag === 'error' || !isLink(value) || !Cid.isStored(value) || Cid.isTree(value)) return { content: receipt };
  try {
    const bytes = blobs.readAll(value, MOST_INLINE);
    const whole: Ipld = Cid.isLargeValue(value) ? LargeValue.read(bytes) : bytes;
    return { content: { ...receipt, out: [tag, whole] } };
  } catch (error) {
    if (isDocketError(error, 'BLOB_TOO_LARGE')) return { content: receipt, leftOut: sizeOf(value, blobs) };
    if (!isDocketError(error)) throw error;
    return { content: receipt };
  }
}

function sizeOf(link: Cid.CID, blobs: Pick<BlobReader, 'open'>): number {
  using blob = blobs.open(link);
  return blob.size;
}
