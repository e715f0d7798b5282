import { hash } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FileStamp } from '../../src/store/file-stamp.ts';
import type { SmallBlobs } from '../../src/store/split-store.ts';
import type { StatRow, StatTable } from '../../src/store/stat-index.ts';

/** A folder of its own, removed when disposed. */
export function temporaryFolder(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), 'docket-store-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** A file system of its own in memory, or undefined where this user may not mount one. */
export function mountTmpfs(options: string): (Disposable & { readonly path: string; remount(options: string): void }) | undefined {
  const folder = temporaryFolder();
  const mount = (...words: string[]): boolean => spawnSync('mount', [...words, folder.path]).status === 0;
  if (!mount('-t', 'tmpfs', '-o', options, 'docket-test')) {
    folder[Symbol.dispose]();
    return undefined;
  }
  return {
    path: folder.path,
    remount: (changed) => {
      if (!mount('-o', `remount,${changed}`)) throw new Error(`cannot remount ${folder.path} as ${changed}`);
    },
    [Symbol.dispose]: () => {
      spawnSync('umount', ['-l', folder.path]);
      folder[Symbol.dispose]();
    },
  };
}

/** Names in the store's folder of unfinished files. */
export function unfinished(root: string): string[] {
  return readdirSync(join(root, 'tmp'));
}

export class MemorySmallBlobs implements SmallBlobs {
  readonly blobs = new Map<string, Uint8Array>();

  get(hex: string): Uint8Array | undefined {
    return this.blobs.get(hex);
  }

  async put(blobs: ReadonlyMap<string, Uint8Array>): Promise<void> {
    for (const [hex, bytes] of blobs) this.blobs.set(hex, bytes);
  }

  async delete(hexes: Iterable<string>): Promise<void> {
    for (const hex of hexes) this.blobs.delete(hex);
  }

  isDamaged(hex: string): boolean {
    const bytes = this.blobs.get(hex);
    return bytes !== undefined && hash('sha256', bytes) !== hex;
  }

  *list(): Generator<{ digest: string; size: number }> {
    for (const [digest, bytes] of this.blobs) yield { digest, size: bytes.length };
  }
}

export class MemoryStatTable implements StatTable {
  readonly rows = new Map<string, StatRow>();

  get(files: readonly Pick<FileStamp, 'dev' | 'ino'>[]): (StatRow | undefined)[] {
    return files.map(({ dev, ino }) => this.rows.get(`${dev}:${ino}`));
  }

  async put(rows: readonly StatRow[]): Promise<void> {
    for (const row of rows) this.rows.set(`${row.dev}:${row.ino}`, row);
  }
}
