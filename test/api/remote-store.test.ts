import { readFileSync, writeFileSync } from 'node:fs';
import { digestHex } from '../../src/store/digest.ts';
import { MemoryStore } from '../../src/store/memory-store.ts';
import { contentPath } from '../../src/store/paths.ts';
import { RemoteStore } from '../../src/store/remote-store.ts';
import { storeContract } from '../contract/store.ts';
import { serveBlobs, TOKEN } from './blob-server.ts';
import { Door } from './helpers.ts';

function flip(bytes: Uint8Array): Uint8Array {
  const at = bytes.length >> 1;
  bytes[at] = (bytes[at] as number) ^ 1;
  return bytes;
}

storeContract('remote, over memory', async () => {
  const blobs = new Map<string, Uint8Array>();
  const server = await serveBlobs(new MemoryStore(blobs));
  return {
    store: new RemoteStore({ url: server.url, token: TOKEN }),
    damage: async (cid) => void flip(blobs.get(digestHex(cid)) as Uint8Array),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
});

storeContract('remote, an agent', async () => {
  const door = await Door.open();
  const { engine } = door.agent;
  // What the home keeps for itself is not the suite's.
  for await (const { cid } of engine.store.list()) await engine.store.delete(cid);
  return {
    store: new RemoteStore({ url: door.agent.url, token: door.agent.token }),
    damage: async (cid) => {
      const hex = digestHex(cid);
      const small = engine.ledger.small.get(hex);
      if (small !== undefined) return await engine.ledger.small.put(new Map([[hex, flip(new Uint8Array(small))]]));
      const path = contentPath(engine.paths.store, hex);
      writeFileSync(path, flip(readFileSync(path)));
    },
    [Symbol.asyncDispose]: () => door[Symbol.asyncDispose](),
  };
});
