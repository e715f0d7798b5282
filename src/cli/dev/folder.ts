import { existsSync, lstatSync, readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { makeFolders } from '../../base/make-folders.ts';
import { DocketError } from '../../errors.ts';
import { Lock } from '../../ledger/locks.ts';

/**
 * Where a trial lies: a folder that stays, or one that goes with it.
 *
 * D1. Who is at work in a folder holds the lock `dev.lock` in it; the kernel frees it when he is killed.
 * D2. He begins to fill the folder when he holds the lock: one that is filled and not locked was left behind, one that is empty may be about to be locked.
 */
export interface DevFolder extends AsyncDisposable {
  readonly folder: string;
}

const PREFIX = 'docket-dev-';
const LOCK = 'dev.lock';
/** What is made first under the lock. */
const FIRST = 'nats';

/** A folder of the user's. Throws `HOME_UNUSABLE`, `STORE_FULL`, and `AGENT_BUSY` if another trial is at work there. */
export function keptFolder(dir: string): DevFolder {
  const folder = resolve(dir);
  try {
    makeFolders(folder);
  } catch (cause) {
    throw new DocketError('HOME_UNUSABLE', `the folder ${folder} cannot be made: ${(cause as Error).message}`, {
      cause,
      next: 'Name another with --dir.',
    });
  }
  const lock = Lock.tryAcquire(join(folder, LOCK));
  if (lock === undefined)
    throw new DocketError('AGENT_BUSY', `docket dev is at work in ${folder} already`, {
      next: 'Stop that one, or name another folder with --dir.',
    });
  return { folder, [Symbol.asyncDispose]: async () => lock.remove() };
}

/** A new folder that goes at the end; those that were left by trials that were killed go at once. */
export async function temporaryFolder(place = tmpdir()): Promise<DevFolder> {
  await sweep(place);
  const folder = await mkdtemp(join(place, PREFIX));
  const lock = Lock.tryAcquire(join(folder, LOCK));
  return {
    folder,
    async [Symbol.asyncDispose]() {
      await rm(folder, { recursive: true, force: true });
      lock?.[Symbol.dispose]();
    },
  };
}

/** What cannot be removed (its processes are still ending) is for the next one. */
async function sweep(place: string): Promise<void> {
  for (const name of readdirSync(place)) {
    const folder = join(place, name);
    if (!name.startsWith(PREFIX) || !isLeft(folder)) continue;
    using lock = Lock.tryAcquire(join(folder, LOCK));
    if (lock !== undefined) await rm(folder, { recursive: true, force: true }).catch(() => {});
  }
}

/** Others use this place too, and may have put anything there under such a name. */
function isLeft(folder: string): boolean {
  const stats = lstatSync(folder, { throwIfNoEntry: false });
  if (stats === undefined || !stats.isDirectory() || stats.uid !== process.getuid?.()) return false;
  return existsSync(join(folder, FIRST)) && existsSync(join(folder, LOCK));
}
