import { constants } from 'node:fs';
import { access, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolders } from '../base/make-folders.ts';
import { DocketError, isDocketError, systemCode } from '../errors.ts';
import type { CID } from '../ipld/cid.ts';
import * as Cid from '../ipld/cid.ts';
import * as DagJson from '../ipld/dag-json.ts';
import { type Ipld, type IpldMap, isLink, isList, isMap } from '../ipld/value.ts';
import type { Store } from '../store/store.ts';
import { isLargeValue, largeValue } from './large-value.ts';

/** Makes the folder of `--out`, or throws `OUTPUT_UNWRITABLE`: to be called before the work whose outputs go there. */
export async function prepareOut(dir: string): Promise<void> {
  await attempt(dir, async () => {
    makeFolders(dir);
    await access(dir, constants.W_OK | constants.X_OK);
  });
}

/**
 * Outputs as files in `dir`, which exists. Bytes, strings and blobs become a file, trees a folder, lists a folder of numbered entries, maps that hold
 * any of these a folder with an entry per key; whatever else is left becomes a file of DAG-JSON. Throws `OUTPUT_UNWRITABLE`, and what the
 * store throws.
 */
export async function writeOutputs(store: Store, outputs: Readonly<Record<string, Ipld>>, dir: string): Promise<void> {
  for (const [name, value] of Object.entries(outputs)) {
    const path = join(dir, fileName(name));
    await attempt(path, () => write(store, value, path));
  }
}

async function attempt(path: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (cause) {
    if (isDocketError(cause)) throw cause;
    const why = systemCode(cause) === 'EEXIST' ? 'something that is no folder is in the way' : (cause as Error).message;
    throw new DocketError('OUTPUT_UNWRITABLE', `cannot write ${path}: ${why}`, { cause });
  }
}

async function write(store: Store, value: Ipld, path: string): Promise<void> {
  // Loaded only here: most runs write no files.
  const { exportBlob, exportTree } = await import('../store/export.ts');
  const file = fileEntry(value);
  if (file !== undefined) await exportBlob(store, file.cid, path, { replace: true, executable: file.executable });
  else if (isLink(value) && Cid.isTree(value)) await exportTree(store, value, path, { replace: true });
  else if (isLargeValue(value)) await write(store, await largeValue(store, value), path);
  else if (isLink(value) && Cid.isStored(value)) await exportBlob(store, value, path, { replace: true });
  else if (value instanceof Uint8Array || typeof value === 'string') await writeFresh(path, value);
  else if (holdsFiles(value)) {
    makeFolders(path);
    const entries = isList(value)
      ? value.map((item, i): [string, Ipld] => [String(i).padStart(4, '0'), item])
      : Object.entries(value as IpldMap);
    for (const [name, item] of entries) await write(store, item, join(path, fileName(name)));
  } else await writeFresh(path, `${DagJson.encode(value, { indent: 2 })}\n`);
}

/** Replaces whatever file or link is there, without writing through it. */
async function writeFresh(path: string, content: string | Uint8Array): Promise<void> {
  await rm(path, { force: true });
  await writeFile(path, content, { flag: 'wx' });
}

/** The file that `value` is, if it is an entry of a tree, as a pointer into one gives it. */
export function fileEntry(value: Ipld): { readonly cid: CID; readonly executable: boolean } | undefined {
  if (!isMap(value)) return undefined;
  const { cid, size, executable } = value;
  return isLink(cid) && typeof size === 'number' && typeof executable === 'boolean' ? { cid, executable } : undefined;
}

function holdsFiles(value: Ipld): boolean {
  if (isList(value)) return value.some((item) => item instanceof Uint8Array || isLink(item) || holdsFiles(item));
  return isMap(value) && Object.values(value).some((item) => item instanceof Uint8Array || isLink(item) || holdsFiles(item));
}

/** A name of one path part, another for every name: labels such as `count[docs/a.md]` hold slashes. */
export function fileName(name: string): string {
  const safe = name.replaceAll('%', '%25').replaceAll('/', '%2F').replaceAll('\0', '%00');
  return safe === '.' || safe === '..' || safe === '' ? `%${safe}` : safe;
}
