import { z } from 'zod';
import { isDocketError } from '../../errors.ts';
import * as DagJson from '../../ipld/dag-json.ts';
import { json, route, type Route } from '../route.ts';
import { AnyCid } from '../schemas.ts';
import type { Services } from '../../protocol/services.ts';

/** Receipts by CID, as they are signed. */
export function receiptRoutes({ receipt }: Services): Route[] {
  return [
    route({
      method: 'GET',
      path: '/v1/receipts/:cid',
      summary: 'A receipt with its signature: DAG-JSON, or DAG-CBOR if that is asked for.',
      tag: 'receipts',
      scope: 'read',
      relay: {
        role: 'runner',
        isHere: ({ cid }) => {
          try {
            return receipt(cid) !== undefined;
          } catch (error) {
            if (isDocketError(error, 'RECEIPT_UNKNOWN')) return false;
            throw error;
          }
        },
      },
      params: z.object({ cid: AnyCid }),
      replies: { 200: { description: 'The receipt.' } },
      handle: ({ params: { cid }, header }) => {
        const { bytes, document } = receipt(cid);
        const headers = { 'cache-control': 'private, max-age=31536000, immutable', etag: `"${cid}"`, vary: 'accept' };
        if (header('accept')?.includes('application/vnd.ipld.dag-cbor') === true)
          return { status: 200, headers: { ...headers, 'content-type': 'application/vnd.ipld.dag-cbor' }, body: bytes };
        return { ...json(null, 200, headers), body: DagJson.encode(document) };
      },
    }),
  ];
}
