import { z } from 'zod';
import { nameKey } from '../../manifest/name.ts';
import { SCOPES } from '../../protocol/rights.ts';
import type { Services } from '../../protocol/services.ts';
import { json, type Reply, route, type Route } from '../route.ts';

const Amount = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER).optional();
const Request = z
  .object({
    scopes: z.array(z.enum(SCOPES)).min(1).max(SCOPES.length),
    modules: z.array(z.string().min(1).max(400)).min(1).max(1000).optional(),
    limits: z.strictObject({ memory: Amount, time: Amount, output: Amount, openFiles: Amount, fuel: Amount }).optional(),
    /** Milliseconds. */
    lifetime: z.number().int().min(1).max(Number.MAX_SAFE_INTEGER).optional(),
  })
  .refine(({ modules, scopes }) => modules === undefined || scopes.every((scope) => scope === 'run'), {
    message: 'a token for single modules has the scope run and no other',
  });

/** Tokens of less than every right. */
export function tokenRoutes({ tokens }: Services): Route[] {
  return [
    route({
      method: 'GET',
      path: '/v1/tokens',
      summary: 'What tokens there are. The tokens themselves are not kept.',
      tag: 'tokens',
      scope: 'admin',
      replies: { 200: { description: 'Their ids, rights and times.' } },
      handle: async () => json({ tokens: await tokens.list() }),
    }),
    route({
      method: 'POST',
      path: '/v1/tokens',
      summary: 'Makes a token, which is shown this once.',
      tag: 'tokens',
      scope: 'admin',
      json: Request,
      replies: { 201: { description: 'The token and what it may.' } },
      handle: async ({ json: { scopes, modules, limits, lifetime } }): Promise<Reply> => {
        const rights = {
          scopes: [...new Set(scopes)],
          ...(modules === undefined ? {} : { modules: modules.map(nameKey) }),
          ...(limits === undefined
            ? {}
            : { limits: Object.fromEntries(Object.entries(limits).filter(([, amount]) => amount !== undefined)) }),
        };
        return json(await tokens.create(rights, lifetime), 201);
      },
    }),
    route({
      method: 'DELETE',
      path: '/v1/tokens/:id',
      summary: 'No request with it is answered from now on.',
      tag: 'tokens',
      scope: 'admin',
      params: z.object({ id: z.string().regex(/^[0-9a-f]{1,64}$/, 'it is not the id of a token') }),
      replies: { 204: { description: 'It is revoked.' } },
      handle: async ({ params }): Promise<Reply> => {
        await tokens.revoke(params.id);
        return { status: 204 };
      },
    }),
  ];
}
