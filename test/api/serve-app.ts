import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { createApp } from '../../src/api/app.ts';

/** An app on a port of its own, without the server an agent has below it. */
export async function serveApp(
  app: ReturnType<typeof createApp>,
): Promise<AsyncDisposable & { readonly url: string; readonly port: number }> {
  const server = createServer((request, reply) => void app(request, reply));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
