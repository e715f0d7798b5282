import { leadHere } from '../../agent/resources/here.ts';
import { formatSize } from '../../base/units.ts';
import { DocketError } from '../../errors.ts';
import * as Cid from '../../ipld/cid.ts';
import * as Tree from '../../store/tree.ts';
import { isDirectory } from '../../store/unixfs/directory.ts';
import * as Resource from '../../workflow/resource.ts';
import type { Call } from '../command.ts';
import type { Desk } from '../desk.ts';
import { largeText } from '../large-value.ts';
import { counted, jsonLine, jsonList, printable } from '../present.ts';
import { writePiece, writeValue } from '../write-value.ts';

/** `docket store cat`, `ls` and `stat`: looking at blobs and trees. */

const IPFS = 'ipfs://';

/**
 * The blob or tree a word names: a CID, with `ipfs://` before it or not, of UnixFS the blob that is known by it; or a path behind that of a folder. Throws
 * `CID_INVALID`, `BLOB_MISSING`, `RESOURCE_INVALID`, `WORKFLOW_INVALID`.
 */
export async function storedCid(desk: Desk, word: string): Promise<Cid.CID> {
  const cid = (await behindFolder(desk, word)) ?? Cid.parse(word.startsWith(IPFS) ? word.slice(IPFS.length) : word);
  if (Cid.isUnixFs(cid)) {
    const blob = await (await desk.records()).aliases.find(cid.toV1());
    if (blob === undefined)
      throw (
        (await folderOfIpfs(desk, cid)) ??
        new DocketError('BLOB_MISSING', `no blob is known here as ${cid}`, {
          next: 'Store the file with `docket store put --unixfs`; docs/resources.md says how else it is had.',
        })
      );
    return blob;
  }
  if (!Cid.isStored(cid))
    throw new DocketError('CID_INVALID', `${word} names no blob and no tree`, {
      next: `\`docket show ${word}\` says what it names, if it is known here.`,
    });
  return cid;
}

/** What a path behind the CID of a folder names; undefined for a word without one. */
async function behindFolder({ store }: Desk, word: string): Promise<Cid.CID | undefined> {
  const rsc = word.startsWith(IPFS) ? word : `${IPFS}${word}`;
  const below = Resource.below(rsc);
  if (below === undefined) return undefined;
  const cid = await leadHere(store, rsc);
  if (cid === undefined)
    throw new DocketError('BLOB_MISSING', `a folder on the way to ${word} is not here`, {
      next: 'Store the folder with `docket store put --unixfs`; docs/resources.md says how else it is had.',
    });
  return cid;
}

/** Why a CID of UnixFS names no blob, if it is that of a folder whose node is here. */
export async function folderOfIpfs({ store }: Pick<Desk, 'store'>, cid: Cid.CID): Promise<DocketError | undefined> {
  const node = Cid.fromSha256(cid.multihash.digest);
  if ((await store.stat(node)) === undefined || !isDirectory(await store.read(node))) return undefined;
  return new DocketError('CID_INVALID', `${cid} is a folder of IPFS`, { next: `Name a file in it, as ipfs://${cid}/PATH.` });
}

export async function cat(call: Call, desk: Desk, [word]: readonly string[]): Promise<number> {
  const cid = await storedCid(desk, word!);
  await writeValue(desk, Cid.isLargeValue(cid) ? await largeText(desk.store, cid) : cid, call.streams.stdout);
  return 0;
}

export async function ls(call: Call, desk: Desk, [word]: readonly string[]): Promise<number> {
  return word === undefined ? await lsStore(call, desk) : lsTree(call, await Tree.read(desk.store, await storedCid(desk, word)));
}

function lsTree(call: Call, tree: Tree.Tree): number {
  const entries = Object.entries(tree).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const { stdout } = call.streams;
  if (call.flag('json')) {
    stdout.write(
      jsonLine({ entries: entries.map(([path, entry]) => ({ path, ...entry, ...('cid' in entry ? { cid: entry.cid.toString() } : {}) })) }),
    );
    return 0;
  }
  const width = Math.max(1, ...entries.map(([, entry]) => ('cid' in entry ? String(entry.size).length : 0)));
  for (const [path, entry] of entries) {
    const [cid, size] = 'cid' in entry ? [entry.cid.toString(), String(entry.size)] : ['link' in entry ? 'link' : 'folder', ''];
    const mark = 'cid' in entry ? (entry.executable ? ' *' : '') : 'link' in entry ? ` → ${printable(entry.link)}` : '/';
    stdout.write(`${cid.padEnd(59)}  ${size.padStart(width)}  ${printable(path)}${mark}\n`);
  }
  return 0;
}

async function lsStore(call: Call, desk: Desk): Promise<number> {
  const { stdout, stderr } = call.streams;
  if (call.flag('json')) {
    for await (const piece of jsonList('blobs', listed(desk))) await writePiece(stdout, piece);
    return 0;
  }
  let count = 0;
  let bytes = 0;
  for await (const { cid, size } of desk.store.list()) {
    count++;
    bytes += size;
    await writePiece(stdout, `${cid}  ${size}\n`);
  }
  stderr.write(`${counted(count, 'blob')}, ${formatSize(bytes)}\n`);
  return 0;
}

async function* listed(desk: Desk): AsyncGenerator<unknown, Record<string, never>, void> {
  for await (const { cid, size } of desk.store.list()) yield { cid: cid.toString(), size };
  return {};
}

export async function stat(call: Call, desk: Desk, [word]: readonly string[]): Promise<number> {
  const cid = await storedCid(desk, word!);
  const found = await desk.store.stat(cid);
  if (found === undefined)
    throw new DocketError('BLOB_MISSING', `${cid} is not in the store`, {
      next: 'Store the file it is the name of (`docket store put FILE`), or ask an agent that may have it: --agent URL.',
    });
  const sri = Cid.toSri(cid);
  const files = Cid.isTree(cid) ? Object.values(await Tree.read(desk.store, cid)).filter((entry) => 'cid' in entry) : undefined;
  const total = files?.reduce((sum, file) => sum + file.size, 0);
  const kind = Cid.isLargeValue(cid) ? 'value' : 'blob';
  const { stdout } = call.streams;
  if (call.flag('json')) {
    const more = files === undefined ? { kind } : { kind: 'tree', files: files.length, total };
    stdout.write(jsonLine({ cid: cid.toString(), ...more, size: found.size, sri }));
  } else if (files === undefined) stdout.write(`${kind.padEnd(5)} ${counted(found.size, 'byte')}  ${sri}\n`);
  else
    stdout.write(`tree  ${counted(files.length, 'file')} of ${counted(total!, 'byte')}, itself ${counted(found.size, 'byte')}  ${sri}\n`);
  return 0;
}
