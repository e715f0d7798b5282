import { sha256 } from '../ipld/hash.ts';
import type { SmallBlobs } from '../store/split-store.ts';
import type { Change } from './change.ts';
import { locator } from './locator.ts';
import type { Reading } from './reading.ts';

/** Rows listed at a time. */
const PAGE = 1_000;

/** Blobs too small for a file of their own, by lower-case hex SHA2-256. */
export class SmallTable implements SmallBlobs {
  readonly #reading: Reading;
  readonly #commit: (change: Change) => Promise<unknown>;

  constructor(reading: Reading, commit: (change: Change) => Promise<unknown>) {
    this.#reading = reading;
    this.#commit = commit;
  }

  /** The bytes, verified; a damaged row is as good as none, and the next `put` heals it. */
  get(digest: string): Uint8Array | undefined {
    const bytes = this.#bytes(digest);
    return bytes !== undefined && isOf(bytes, digest) ? bytes : undefined;
  }

  isDamaged(digest: string): boolean {
    const bytes = this.#bytes(digest);
    return bytes !== undefined && !isOf(bytes, digest);
  }

  /** Resolves when they are durable. */
  async put(blobs: ReadonlyMap<string, Uint8Array>): Promise<void> {
    await this.#commit({ kind: 'small', blobs });
  }

  async delete(digests: Iterable<string>): Promise<void> {
    await this.#commit({ kind: 'small-delete', digests });
  }

  /** Everything held, sizes in bytes. */
  *list(): Generator<{ readonly digest: string; readonly size: number }> {
    let after = 0;
    for (;;) {
      const page = this.#reading.all(`SELECT id, digest, length(bytes) FROM small WHERE id > ? ORDER BY id LIMIT ${PAGE}`, after) as [
        number,
        Uint8Array,
        number,
      ][];
      for (const [, digest, size] of page) yield { digest: Buffer.from(digest).toString('hex'), size };
      if (page.length < PAGE) return;
      after = page[page.length - 1]![0];
    }
  }

  #bytes(digest: string): Uint8Array | undefined {
    const name = Buffer.from(digest, 'hex');
    return (
      this.#reading.get('SELECT bytes FROM small WHERE place = ? AND digest = ?', locator(name), name) as [Uint8Array] | undefined
    )?.[0];
  }
}

function isOf(bytes: Uint8Array, digest: string): boolean {
  return Buffer.compare(sha256(bytes), Buffer.from(digest, 'hex')) === 0;
}
