import { z } from 'zod';
import { DocketError } from '../../errors.ts';
import * as DagJson from '../../ipld/dag-json.ts';
import type { Services } from '../../protocol/services.ts';
import { encode } from '../../protocol/wire.ts';
import { receiptDocument } from '../../receipt/show.ts';
import { jsonLinesReply } from '../json-lines.ts';
import { json, type Relaying, route, type Route } from '../route.ts';
import { AnyCid } from '../schemas.ts';

const Params = z.object({ cid: AnyCid });
const MOST = 1000;

/** Receipts by CID, as they are signed. */
export function receiptRoutes({ receipts }: Services): Route[] {
  const relay: Relaying<z.output<typeof Params>> = { role: 'runner', isHere: async ({ cid }) => (await receipts.get(cid)) !== undefined };
  return [
    route({
      method: 'GET',
      path: '/v1/receipts/:cid',
      summary: 'A receipt with its signature: DAG-JSON, or DAG-CBOR if that is asked for.',
      tag: 'receipts',
      scope: 'read',
      relay,
      params: Params,
      replies: { 200: { description: 'The receipt.' } },
      handle: async ({ params: { cid }, header }) => {
        const bytes = await receipts.get(cid);
        if (bytes === undefined) throw new DocketError('RECEIPT_UNKNOWN', `there is no receipt ${cid} in this home`);
        const isCbor = /application\/(vnd\.ipld\.dag-)?cbor/.test(header('accept') ?? '');
        const headers = {
          'cache-control': 'private, max-age=31536000, immutable',
          etag: `"${cid}.${isCbor ? 'cbor' : 'json'}"`,
          vary: 'accept',
        };
        if (isCbor) return { status: 200, headers: { ...headers, 'content-type': 'application/vnd.ipld.dag-cbor' }, body: bytes };
        return { ...json(null, 200, headers), body: DagJson.encode(receiptDocument(cid, bytes)) };
      },
    }),
    route({
      method: 'GET',
      path: '/v1/receipts/:cid/check',
      summary: 'Checks a receipt with all it rests on that is here. A line for each thing looked at, as it is done.',
      tag: 'receipts',
      scope: 'read',
      relay,
      params: Params,
      replies: {
        200: { description: 'Lines of what, and whether it is good, bad, absent, or unchecked.', mediaType: 'application/jsonl' },
      },
      handle: ({ params: { cid } }) => jsonLinesReply(receipts.check(cid)),
    }),
    route({
      method: 'GET',
      path: '/v1/receipts',
      summary: 'The receipts of an instruction, the newest first.',
      tag: 'receipts',
      scope: 'read',
      // The newest are with whoever runs; each one that is here is given from here.
      relay: { role: 'runner' },
      query: z.object({ instruction: AnyCid, limit: z.coerce.number().int().min(1).max(MOST).default(50) }),
      replies: { 200: { description: 'Their CIDs, times, and whether they are ok, as DAG-JSON.' } },
      handle: async ({ query: { instruction, limit } }) => ({
        ...json(null),
        body: encode({ receipts: await receipts.ofInstruction(instruction, limit) }),
      }),
    }),
  ];
}
