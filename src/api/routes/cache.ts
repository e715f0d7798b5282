import { z } from 'zod';
import { DocketError, isDocketError } from '../../errors.ts';
import type { Services } from '../../protocol/services.ts';
import { blobCid, EMPTY_HEX } from '../../store/digest.ts';
import type { Store } from '../../store/store.ts';
import { namedByActionResult } from '../bazel/action-result.ts';
import { isComplete } from '../bazel/complete.ts';
import { MessageInvalid } from '../bazel/message.ts';
import { blobReply } from '../blob-replies.ts';
import { type Reply, route, type Route } from '../route.ts';

/**
 * Bazel's HTTP cache (https://bazel.build/remote/caching#http-caching) over the same store: blobs by SHA2-256, and what came of Bazel's actions, which Docket
 * keeps for Bazel and never takes for a result.
 */

/** Bytes of one output, and of an `ActionResult`. */
const MOST_BLOB = 16 * 2 ** 30;
const MOST_ENTRY = 16 * 2 ** 20;

const relay = { role: 'storage' } as const;
const Params = z.object({ digest: z.string().regex(/^[0-9a-f]{64}$/, 'it is no SHA2-256 in hexadecimal') });
const OCTETS = 'application/octet-stream';
const STORED = { 201: { description: 'It is stored, durably.' } } as const;

export function cacheRoutes({ store, actions }: Pick<Services, 'store' | 'actions'>): Route[] {
  return [
    route({
      method: 'GET',
      path: '/cache/cas/:digest',
      summary: 'A blob of Bazel’s, verified.',
      tag: 'bazel',
      scope: 'read',
      relay: { ...relay, blob: ({ digest }) => blobCid(digest), isHere: ({ digest }) => isHere(store, digest) },
      params: Params,
      replies: { 200: { description: 'Its bytes.', mediaType: OCTETS }, 206: { description: 'The range asked for.', mediaType: OCTETS } },
      handle: async (request) => {
        const { digest } = request.params;
        if (digest === EMPTY_HEX) return bytesReply(new Uint8Array());
        return await blobReply(store, blobCid(digest), request);
      },
    }),
    route({
      method: 'PUT',
      path: '/cache/cas/:digest',
      summary: 'Stores a blob for Bazel. What does not match its digest is not kept.',
      tag: 'bazel',
      scope: 'write',
      relay,
      params: Params,
      bytes: { mediaType: OCTETS, limit: MOST_BLOB },
      replies: STORED,
      handle: async ({ params: { digest }, bytes, signal }) => {
        await store.put(bytes, { expect: blobCid(digest), signal });
        return { status: 201 };
      },
    }),
    route({
      method: 'GET',
      path: '/cache/ac/:digest',
      summary: 'What came of an action of Bazel’s, if all its outputs are here.',
      tag: 'bazel',
      scope: 'read',
      relay,
      params: Params,
      replies: { 200: { description: 'An ActionResult.', mediaType: OCTETS } },
      handle: async ({ params: { digest }, signal }) => {
        const entry = await entryOf({ store, actions }, digest);
        if (entry === undefined || !(await isComplete(store, entry, signal)))
          throw new DocketError('ACTION_UNKNOWN', `there is no result of action ${digest} whose outputs are all here`);
        return bytesReply(entry);
      },
    }),
    route({
      method: 'PUT',
      path: '/cache/ac/:digest',
      summary: 'Files what came of an action of Bazel’s; the last one stays.',
      tag: 'bazel',
      scope: 'write',
      relay,
      params: Params,
      bytes: { mediaType: OCTETS, limit: MOST_ENTRY },
      replies: STORED,
      handle: async ({ params: { digest }, whole }) => {
        const entry = await whole();
        refuseGarbage(entry);
        await actions.file(digest, (await store.put(entry)).cid);
        return { status: 201 };
      },
    }),
  ];
}

/** Bazel takes it for granted that there is a blob of no bytes. */
async function isHere(store: Store, digest: string): Promise<boolean> {
  return digest === EMPTY_HEX || (await store.stat(blobCid(digest))) !== undefined;
}

function bytesReply(body: Uint8Array): Reply {
  return { status: 200, headers: { 'content-type': OCTETS, 'cache-control': 'no-store' }, body };
}

/** One whose bytes are lost or damaged is as good as none: Bazel runs the action and files it anew. */
async function entryOf({ store, actions }: Pick<Services, 'store' | 'actions'>, digest: string): Promise<Uint8Array | undefined> {
  const cid = actions.find(digest);
  if (cid === undefined) return undefined;
  try {
    return await store.read(cid, { limit: MOST_ENTRY });
  } catch (error) {
    if (isDocketError(error, 'BLOB_MISSING') || isDocketError(error, 'BLOB_DAMAGED')) return undefined;
    throw error;
  }
}

/** What is no `ActionResult` would never be served. Nothing at all would be one, of an action without outputs: Bazel has none, but cut-off uploads look like it. */
function refuseGarbage(entry: Uint8Array): void {
  try {
    if (entry.length === 0) throw new MessageInvalid('it is empty');
    namedByActionResult(entry);
  } catch (error) {
    if (!(error instanceof MessageInvalid)) throw error;
    throw new DocketError('REQUEST_INVALID', `the body is no ActionResult: ${error.message}`);
  }
}
