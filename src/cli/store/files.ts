import { lstatSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DocketError, isDocketError } from '../../errors.ts';
import * as Cid from '../../ipld/cid.ts';
import { exportBlob, exportTree } from '../../store/export.ts';
import { type ImportOptions, importFile, importFolder } from '../../store/import.ts';
import type { Call } from '../command.ts';
import type { Desk } from '../desk.ts';
import { importOptions } from '../execution.ts';
import { jsonLine, printable } from '../present.ts';
import { storedCid } from './blobs.ts';

/** `docket store put` and `get`: between the store and files of the user's. */

interface Stored {
  readonly path: string;
  readonly cid: Cid.CID;
  /** Bytes of the file, or of all files of the folder. */
  readonly size: number;
  /** What IPFS calls the file, if that was asked for. */
  readonly unixfs?: Cid.CID | undefined;
}

export async function put(call: Call, desk: Desk, paths: readonly string[]): Promise<number> {
  const { stdout } = call.streams;
  if (paths.indexOf('-') !== paths.lastIndexOf('-')) throw call.usage('stdin can be read only once');
  const options = importOptions(call, desk);
  const stored: Stored[] = [];
  for (const path of paths) {
    const found = await (call.flag('unixfs') ? putUnixFs : putOne)(call, desk, path, options);
    stored.push(found);
    const cid = found.unixfs ?? found.cid;
    if (!call.flag('json')) stdout.write(paths.length === 1 ? `${cid}\n` : `${cid}  ${printable(path)}\n`);
  }
  if (call.flag('json')) stdout.write(jsonLine({ stored: stored.map(shown) }));
  return 0;
}

function shown({ path, cid, size, unixfs }: Stored): unknown {
  return { path, cid: cid.toString(), size, ...(unixfs === undefined ? {} : { unixfs: unixfs.toString() }) };
}

/** Under the names that IPFS has. A folder is no tree then, but has what `ipfs add -r` would take of it. */
async function putUnixFs(call: Call, desk: Desk, path: string, options: ImportOptions): Promise<Stored> {
  const { aliases } = await desk.records();
  if (path !== '-' && isFolder(path, statSync)) {
    const { importUnixFs } = await import('../../store/unixfs/import-folder.ts');
    const { cid, bytes } = await importUnixFs(desk.store, path, { ...options, nameFile: (blob) => aliases.name(blob) });
    return { path, cid: Cid.fromSha256(cid.multihash.digest), size: bytes, unixfs: cid };
  }
  const found = await putOne(call, desk, path, options);
  return { ...found, unixfs: await aliases.name(found.cid) };
}

async function putOne(call: Call, desk: Desk, path: string, options: ImportOptions): Promise<Stored> {
  if (path === '-') return { path, ...(await desk.store.put(call.streams.stdin as AsyncIterable<Uint8Array>, { signal: call.signal })) };
  if (!isFolder(path, statSync)) return { path, ...(await importFile(desk.store, path, options)) };
  const { cid, bytes } = await importFolder(desk.store, path, options);
  return { path, cid, size: bytes };
}

export async function get(call: Call, desk: Desk, [word, path]: readonly string[]): Promise<number> {
  const cid = await storedCid(desk, word!);
  const options = { replace: call.flag('force'), signal: call.signal };
  const target = !Cid.isTree(cid) && isFolder(path!, lstatSync) ? join(path!, cid.toString()) : path!;
  try {
    await (Cid.isTree(cid) ? exportTree : exportBlob)(desk.store, cid, target, options);
  } catch (error) {
    if (!isDocketError(error, 'OUTPUT_UNWRITABLE') || 'target' in error.details) throw error;
    const next = 'The folder must be there and writable; files that exist are replaced only with --force.';
    throw new DocketError(error.code, error.message, { cause: error.cause, next });
  }
  if (call.flag('json')) call.streams.stdout.write(jsonLine({ cid: cid.toString(), path: target }));
  return 0;
}

/** False also if it cannot be known: reading or writing will say why. */
function isFolder(path: string, look: typeof statSync): boolean {
  try {
    return look(path).isDirectory();
  } catch {
    return false;
  }
}
