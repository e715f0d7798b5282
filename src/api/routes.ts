import { describe } from './openapi.ts';
import { json, type Route, route } from './route.ts';
import { blobRoutes } from './routes/blobs.ts';
import { jobRoutes } from './routes/jobs.ts';
import { meshRoutes } from './routes/mesh.ts';
import { monitorRoutes } from './routes/monitor.ts';
import { receiptRoutes } from './routes/receipts.ts';
import { runRoutes } from './routes/runs.ts';
import { storageRoutes } from './routes/storage.ts';
import { taskRoutes } from './routes/tasks.ts';
import type { Services } from '../protocol/services.ts';

/** Everything one agent answers to. */
export function routesOf(services: Services): Route[] {
  const routes = [
    ...monitorRoutes(services),
    ...blobRoutes(services),
    ...storageRoutes(services),
    ...jobRoutes(services),
    ...runRoutes(services),
    ...taskRoutes(services),
    ...receiptRoutes(services),
    ...meshRoutes(services),
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
