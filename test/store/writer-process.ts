/** Puts an endless, reproducible sequence of blobs into a store, and says each one's number when it is durable. Killed by the test. */
import { DiskStore } from '../../src/store/disk-store.ts';
import { blobNumber } from './numbered-blobs.ts';

const [root, first, step] = process.argv.slice(2);
const store = await DiskStore.open(root as string);
async function* chunks(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 50_000) yield bytes.subarray(at, at + 50_000);
}
for (let n = Number(first); ; n += Number(step)) {
  const bytes = blobNumber(n);
  await store.put(n % 2 === 0 ? bytes : chunks(bytes));
  process.stdout.write(`${n}\n`);
}
