import { isSettled, sameStamp, type FileStamp } from './file-stamp.ts';

const CAPACITY = 100_000;

/** Which content files were hashed and found good, so that an unchanged file is not hashed at every read. */
export class VerifiedFiles {
  readonly #stamps = new Map<string, FileStamp>();

  has(hex: string, stamp: FileStamp): boolean {
    const known = this.#stamps.get(hex);
    return known !== undefined && sameStamp(known, stamp);
  }

  /** `since`: when hashing began, milliseconds since the epoch. A file changed just before is not remembered. */
  add(hex: string, stamp: FileStamp, since: number): void {
    if (!isSettled(stamp, since)) return;
    this.#stamps.delete(hex);
    this.#stamps.set(hex, stamp);
    if (this.#stamps.size > CAPACITY) this.#stamps.delete(this.#stamps.keys().next().value as string);
  }
}
