import type { BigIntStats } from 'node:fs';

/**
 * What tells one state of a file from another without reading it. Signed 64 bits each, as SQLite stores them (inode
 * numbers of some file systems use the top bit). Times in nanoseconds since the Unix epoch.
 */
export interface FileStamp {
  readonly dev: bigint;
  readonly ino: bigint;
  readonly size: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
}

export function stampOf(stats: BigIntStats): FileStamp {
  return {
    dev: BigInt.asIntN(64, stats.dev),
    ino: BigInt.asIntN(64, stats.ino),
    size: stats.size,
    mtimeNs: BigInt.asIntN(64, stats.mtimeNs),
    ctimeNs: BigInt.asIntN(64, stats.ctimeNs),
  };
}

export function sameStamp(a: FileStamp, b: FileStamp): boolean {
  return a.ino === b.ino && a.ctimeNs === b.ctimeNs && a.mtimeNs === b.mtimeNs && a.size === b.size && a.dev === b.dev;
}

/** As `sameStamp`, but blind to another link or a rename of the file, which move its ctime and not its bytes. */
export function sameContent(a: FileStamp, b: FileStamp): boolean {
  return sameStamp({ ...a, ctimeNs: 0n }, { ...b, ctimeNs: 0n });
}

/** Kernel ticks are 10 ms at most; the rest is safety. */
const FINE_NS = 100_000_000n;
/** FAT, the coarsest file system, counts in two seconds. */
const COARSE_NS = 2_100_000_000n;

/**
 * Whether a file that was read from `since` on (milliseconds since the epoch) can no longer change without its stamp
 * changing: git's rule for racy entries. A write within the same tick of the file system's clock as the last change
 * seen would leave the same times. A time without any fraction may come from a file system that counts in seconds.
 */
export function isSettled(stamp: FileStamp, since: number): boolean {
  const granularity = stamp.ctimeNs % 1_000_000_000n === 0n ? COARSE_NS : FINE_NS;
  const limit = BigInt(Math.floor(since)) * 1_000_000n - granularity;
  return stamp.mtimeNs < limit && stamp.ctimeNs < limit;
}
