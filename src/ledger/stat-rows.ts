import type { FileStamp } from '../store/file-stamp.ts';
import type { StatRow, StatTable } from '../store/stat-index.ts';
import type { Change } from './change.ts';
import type { Reading } from './reading.ts';

type Columns = [size: bigint, mtime: bigint, ctime: bigint, checked: bigint, digest: Uint8Array];

/** What is known of input files. */
export class StatRows implements StatTable {
  readonly #reading: Reading;
  readonly #commit: (change: Change) => Promise<unknown>;

  constructor(reading: Reading, commit: (change: Change) => Promise<unknown>) {
    this.#reading = reading;
    this.#commit = commit;
  }

  get(files: readonly Pick<FileStamp, 'dev' | 'ino'>[]): (StatRow | undefined)[] {
    return files.map(({ dev, ino }) => {
      const row = this.#reading.getExact('SELECT size, mtime, ctime, checked, digest FROM stats WHERE dev = ? AND ino = ?', dev, ino) as
        | Columns
        | undefined;
      if (row === undefined) return undefined;
      const [size, mtimeNs, ctimeNs, checked, digest] = row;
      return { dev, ino, size, mtimeNs, ctimeNs, checkedAt: Number(checked), digest: Buffer.from(digest).toString('hex') };
    });
  }

  async put(rows: readonly StatRow[]): Promise<void> {
    await this.#commit({ kind: 'stat', rows });
  }
}
