import { Access } from '../../src/api/access.ts';
import { createApp } from '../../src/api/app.ts';
import { blobRoutes } from '../../src/api/routes/blobs.ts';
import type { PeerService } from '../../src/protocol/peers.ts';
import type { Store } from '../../src/store/store.ts';
import { serveApp } from './serve-app.ts';

export const TOKEN = 'the-token-of-the-test';

/** The agent's own door to blobs, over any store. */
export async function serveBlobs(store: Store): Promise<AsyncDisposable & { readonly url: string }> {
  const access = new Access({ token: TOKEN, rightsOf: () => undefined, anonymous: [], hosts: new Set(['127.0.0.1']), anyAddress: false });
  const app = createApp(blobRoutes({ store, peers: { store: () => store } as unknown as PeerService }), access);
  return await serveApp(app);
}
