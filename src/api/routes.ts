import { describe } from './openapi.ts';
import { json, type Route, route } from './route.ts';
import { aliasRoutes } from './routes/aliases.ts';
import { blobRoutes } from './routes/blobs.ts';
import { cacheRoutes } from './routes/cache.ts';
import { docsRoutes } from './routes/docs.ts';
import { checkRoutes } from './routes/check.ts';
import { jobRoutes } from './routes/jobs.ts';
import { meshRoutes } from './routes/mesh.ts';
import { moduleRoutes } from './routes/modules.ts';
import { monitorRoutes } from './routes/monitor.ts';
import { receiptRoutes } from './routes/receipts.ts';
import { runRoutes } from './routes/runs.ts';
import { storageRoutes } from './routes/storage.ts';
import { taskRoutes } from './routes/tasks.ts';
import { tokenRoutes } from './routes/tokens.ts';
import { trustRoutes } from './routes/trust.ts';
import { workRoutes } from './routes/work.ts';
import type { MemberService } from '../protocol/members.ts';
import type { Offered } from '../protocol/peers.ts';

/** Everything one agent answers to. */
export function routesOf(services: Offered & { readonly members: MemberService }): Route[] {
  const routes = [
    ...monitorRoutes(services),
    ...blobRoutes(services),
    ...aliasRoutes(services),
    ...storageRoutes(services),
    ...moduleRoutes(services),
    ...jobRoutes(services),
    ...workRoutes(services),
    ...runRoutes(services),
    ...taskRoutes(services),
    ...receiptRoutes(services),
    ...meshRoutes(services),
    ...cacheRoutes(services),
    ...docsRoutes(),
    ...checkRoutes(services),
    ...tokenRoutes(services),
    ...trustRoutes(services),
  ];
  const description = JSON.stringify(describe(routes, services.status().version));
  return [
    ...routes,
    route({
      method: 'GET',
      path: '/openapi.json',
      summary: 'This description.',
      tag: 'description',
      replies: { 200: { description: 'OpenAPI 3.1.' } },
      handle: () => ({ ...json(null), body: description }),
    }),
  ];
}
