import { readFileSync, writeFileSync } from 'node:fs';
import type { CID } from '../../src/ipld/cid.ts';
import { digestHex } from '../../src/store/digest.ts';
import { DiskStore } from '../../src/store/disk-store.ts';
import { holderOf } from '../../src/store/holders.ts';
import { LayeredStore } from '../../src/store/layered-store.ts';
import { MemoryStore } from '../../src/store/memory-store.ts';
import { contentPath } from '../../src/store/paths.ts';
import { SplitStore } from '../../src/store/split-store.ts';
import { storeContract } from '../contract/store.ts';
import { MemorySmallBlobs, temporaryFolder } from './helpers.ts';

function flip(bytes: Uint8Array): Uint8Array {
  const at = bytes.length >> 1;
  bytes[at] = (bytes[at] as number) ^ 1;
  return bytes;
}

function flipFile(root: string, cid: CID): void {
  const path = contentPath(root, digestHex(cid));
  writeFileSync(path, flip(readFileSync(path)));
}

storeContract('memory', async () => {
  const blobs = new Map<string, Uint8Array>();
  return {
    store: new MemoryStore(blobs),
    damage: async (cid) => void flip(blobs.get(digestHex(cid)) as Uint8Array),
    [Symbol.asyncDispose]: async () => undefined,
  };
});

storeContract('disk', async () => {
  const folder = temporaryFolder();
  return {
    store: await DiskStore.open(folder.path),
    damage: async (cid) => flipFile(folder.path, cid),
    [Symbol.asyncDispose]: async () => folder[Symbol.dispose](),
  };
});

storeContract('split over disk', async () => {
  const folder = temporaryFolder();
  const small = new MemorySmallBlobs();
  return {
    store: new SplitStore(small, await DiskStore.open(folder.path)),
    damage: async (cid) => {
      const bytes = small.get(digestHex(cid));
      if (bytes === undefined) flipFile(folder.path, cid);
      else flip(bytes);
    },
    [Symbol.asyncDispose]: async () => folder[Symbol.dispose](),
  };
});

storeContract('layered, memory before memory', async () => {
  const blobs = new Map<string, Uint8Array>();
  const slow = new MemoryStore();
  return {
    store: new LayeredStore(new MemoryStore(blobs), () => [holderOf('slow', slow)]),
    damage: async (cid) => void flip(blobs.get(digestHex(cid)) as Uint8Array),
    [Symbol.asyncDispose]: async () => undefined,
  };
});
