import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import * as Cid from '../../src/ipld/cid.ts';
import { DiskStore } from '../../src/store/disk-store.ts';
import { temporaryName } from '../../src/store/temporary-name.ts';
import { temporaryFolder, unfinished } from './helpers.ts';
import { blobNumber } from './numbered-blobs.ts';

const WRITER = join(import.meta.dirname, 'writer-process.ts');

/** Runs a writer until it has said `count` numbers, then kills it wherever it is. */
async function writeAndKill(root: string, first: number, step: number, count: number): Promise<number[]> {
  const child = spawn(process.execPath, [WRITER, root, String(first), String(step)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const said: number[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    said.push(Number(line));
    if (said.length === count) child.kill('SIGKILL');
  }
  await ended(child);
  return said;
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}

test('processes that write the same and other blobs and are killed lose nothing they finished', async () => {
  using folder = temporaryFolder();
  const finished = new Set<number>();
  for (let round = 0; round < 3; round++) {
    // Two write the same sequence, one every third of it, one another.
    const writers = [
      [0, 1],
      [0, 1],
      [0, 3],
      [1_000_000, 1],
    ] as const;
    const said = await Promise.all(writers.map(([first, step], i) => writeAndKill(folder.path, first, step, 8 + 7 * i + round)));
    for (const n of said.flat()) finished.add(n);
  }
  const store = await DiskStore.open(folder.path);
  assert.deepEqual(unfinished(folder.path), [], 'what the killed ones left is gone');
  assert.ok(finished.size > 20);
  for (const n of finished) assert.ok(Buffer.from(blobNumber(n)).equals(await store.read(Cid.ofBlob(blobNumber(n)))), `blob ${n}`);
  for await (const { cid, ok } of store.verify()) assert.ok(ok, `${cid} is damaged`);
});

test('opening a store leaves the unfinished files of living processes alone', async () => {
  using folder = temporaryFolder();
  await DiskStore.open(folder.path);
  const own = join(folder.path, 'tmp', temporaryName());
  writeFileSync(own, 'unfinished');
  const child = spawn(
    process.execPath,
    [
      '-e',
      `
    require('fs').writeFileSync(${JSON.stringify(join(folder.path, 'tmp'))} + '/' + process.argv[1].replace(/-\\d+-/, '-' + process.pid + '-'), '');
    console.log('written'); setInterval(() => {}, 1000);
  `,
      temporaryName(),
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  await once(child.stdout, 'data');
  const store = await DiskStore.open(folder.path);
  assert.equal(unfinished(folder.path).length, 2);
  child.kill('SIGKILL');
  await ended(child);
  store.sweep();
  assert.deepEqual(
    unfinished(folder.path).map((name) => join(folder.path, 'tmp', name)),
    [own],
  );
});
