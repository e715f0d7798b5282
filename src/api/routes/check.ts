import { z } from 'zod';
import type { Services } from '../../protocol/services.ts';
import { jsonLinesReply } from '../json-lines.ts';
import { route, type Route } from '../route.ts';
import { StoredCid } from '../schemas.ts';

const MOST = 10_000;

/** Looking through what is kept. */
export function checkRoutes(services: Services): Route[] {
  return [
    route({
      method: 'POST',
      path: '/v1/check',
      summary:
        'Reads every byte of these blobs, or without any of all that is kept, with the ledger. Damaged blobs are set aside. A line for each thing.',
      tag: 'storage',
      scope: 'admin',
      json: z.object({ cids: z.array(StoredCid).max(MOST).default([]) }),
      replies: { 200: { description: 'Lines of what was looked at and what is wrong with it.', mediaType: 'application/jsonl' } },
      handle: ({ json: { cids }, signal }) => jsonLinesReply(services.check(cids, signal)),
    }),
  ];
}
