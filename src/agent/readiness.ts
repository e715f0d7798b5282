import { access, constants, statfs } from 'node:fs/promises';
import type { Ledger } from '../ledger/ledger.ts';
import type { Paths } from '../ledger/home.ts';

/** Less than this leaves no room for results, in bytes. */
const LEAST_FREE = 64 * 2 ** 20;

interface Disk {
  readonly bavail: number;
  readonly bsize: number;
  readonly files: number;
  readonly ffree: number;
}

interface State {
  readonly isDraining: boolean;
  /** Default: this system's. */
  readonly disk?: (path: string) => Promise<Disk>;
}

/**
 * Why an agent on this home can take no work; nothing if it can. Nothing is written to find out: the first write that fails is the ledger's last, and whoever
 * asks this has no token.
 */
export async function obstacles(
  { paths, ledger }: { readonly paths: Paths; readonly ledger: Pick<Ledger, 'failure'> },
  { isDraining, disk = statfs }: State,
): Promise<string[]> {
  const found: string[] = [];
  if (isDraining) found.push('it is being stopped');
  if (ledger.failure !== undefined) found.push(`its ledger takes no more (${ledger.failure.code})`);
  for (const [name, path] of [
    ['home', paths.home],
    ['ledger', paths.ledger],
    ['store', paths.store],
  ] as const)
    if (!(await isWritable(path))) found.push(`its ${name} cannot be written`);
  const room = await disk(paths.home).catch(() => undefined);
  if (room !== undefined && room.bavail * room.bsize < LEAST_FREE) found.push('its disk is full');
  // File systems that know no such number say 0 of 0.
  else if (room !== undefined && room.files > 0 && room.ffree === 0) found.push('its disk can hold no more files');
  return found;
}

async function isWritable(path: string): Promise<boolean> {
  return await access(path, constants.R_OK | constants.W_OK).then(
    () => true,
    () => false,
  );
}
