import { DocketError } from '../errors.ts';
import * as Cid from '../ipld/cid.ts';
import type { BlobStat, Store } from '../store/store.ts';
import { parseRange } from './range.ts';
import type { ApiRequest, Reply } from './route.ts';

/** A blob never changes, so a copy is good for as long as anybody keeps it. */
const FOR_EVER = 'private, max-age=31536000, immutable';

/**
 * A blob, or the part of it that is asked for. Where its bytes turn out damaged that is told instead, since they are verified before the first is sent. Throws
 * `BLOB_MISSING`, `BLOB_DAMAGED`, `RANGE_INVALID`.
 */
export async function blobReply(store: Store, cid: Cid.CID, request: ApiRequest): Promise<Reply> {
  const { header } = request;
  // The request itself: its signal is made only if somebody has to be waited for.
  const found = (await store.stat(cid, request)) ?? (await look(store, cid, request));
  const etag = `"${cid}"`;
  const headers = {
    'content-type': 'application/octet-stream',
    'accept-ranges': 'bytes',
    'cache-control': FOR_EVER,
    etag,
    'docket-integrity': Cid.toSri(cid),
    'content-security-policy': 'sandbox',
  };
  if (matches(header('if-none-match'), etag)) return { status: 304, headers };
  const range = header('if-range') === undefined || header('if-range') === etag ? parseRange(header('range'), found.size) : undefined;
  const { start, end } = range ?? { start: 0, end: found.size };
  const open = (): AsyncIterable<Uint8Array> => store.get(cid, { start, end, signal: request.signal });
  return {
    status: range === undefined ? 200 : 206,
    headers: {
      ...headers,
      'content-length': String(end - start),
      ...(range === undefined ? {} : { 'content-range': `bytes ${start}-${end - 1}/${found.size}` }),
    },
    body: open,
  };
}

/** Says why it is not there: it may be known to be damaged. Where it came meanwhile, or others have it who had not answered, it is found. */
async function look(store: Store, cid: Cid.CID, request: ApiRequest): Promise<BlobStat> {
  // Left in order after its first bytes: an open file that is only forgotten ends the process.
  for await (const chunk of store.get(cid, { signal: request.signal })) {
    void chunk;
    break;
  }
  const found = await store.stat(cid, request);
  if (found === undefined) throw new DocketError('BLOB_MISSING', `${cid} is not in the store`);
  return found;
}

function matches(header: string | undefined, etag: string): boolean {
  return header !== undefined && (header.trim() === '*' || header.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag));
}
