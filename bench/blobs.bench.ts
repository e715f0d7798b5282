import { spawnSync } from 'node:child_process';
import { createHash, randomFillSync } from 'node:crypto';
import { closeSync, createReadStream, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DiskStore } from '../src/store/disk-store.ts';
import { median } from './median.ts';
import { printRow } from './print-row.ts';

/** Large blobs in and out of the disk store. Peers: `dd conv=fsync` of the same file, and reading it through a SHA2-256. The page cache is warm for all. */

const MIB = 256;
const ROUNDS = 3;

const scratch = mkdtempSync(join(tmpdir(), 'docket-bench-'));
try {
  const file = join(scratch, 'file');
  const fd = openSync(file, 'w');
  for (let i = 0; i < MIB; i++) writeSync(fd, randomFillSync(Buffer.alloc(1 << 20)));
  closeSync(fd);
  const chunks = (): AsyncIterable<Uint8Array> => createReadStream(file, { highWaterMark: 1 << 20 });

  const rates: Record<'put' | 'get' | 'dd' | 'read', number[]> = { put: [], get: [], dd: [], read: [] };
  const measure = async (into: keyof typeof rates, work: () => unknown): Promise<void> => {
    const began = performance.now();
    await work();
    rates[into].push((MIB / (performance.now() - began)) * 1000);
  };
  for (let round = 0; round < ROUNDS; round++) {
    const root = join(scratch, `store-${round}`);
    const store = await DiskStore.open(root);
    const copy = join(scratch, 'copy');
    await measure('dd', () => spawnSync('dd', [`if=${file}`, `of=${copy}`, 'bs=1M', 'conv=fsync']));
    rmSync(copy);
    let stored: Awaited<ReturnType<typeof store.put>> | undefined;
    await measure('put', async () => (stored = await store.put(chunks())));
    await measure('read', async () => {
      const hash = createHash('sha256');
      for await (const chunk of chunks()) hash.update(chunk);
      hash.digest();
    });
    // A fresh instance: what one has verified it need not verify again.
    const reader = await DiskStore.open(root);
    await measure('get', async () => {
      let size = 0;
      for await (const chunk of reader.get(stored!.cid)) size += chunk.length;
      if (size !== MIB << 20) throw new Error(`${size} bytes came back`);
    });
    rmSync(root, { recursive: true, force: true });
  }
  printRow({
    what: `blob put, ${MIB} MiB`,
    value: median(rates.put),
    unit: 'MiB/s',
    floor: median(rates.dd),
    target: median(rates.dd) * 0.6,
  });
  printRow({
    what: `verified get, ${MIB} MiB`,
    value: median(rates.get),
    unit: 'MiB/s',
    floor: median(rates.read),
    target: median(rates.read) * 0.6,
  });
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
