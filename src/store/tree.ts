import * as Cid from '../ipld/cid.ts';
import { decode as decodeCbor, encode as encodeCbor } from '../ipld/dag-cbor.ts';
import { isLink, isMap, type Ipld, type IpldMap } from '../ipld/value.ts';
import { DocketError, isDocketError } from '../errors.ts';
import type { Store } from './store.ts';

/**
 * A directory as one DAG-CBOR map: path → entry. Paths are relative, `/`-separated, NFC-agnostic (bytes as given), without
 * empty, `.` or `..` parts; a directory stands in the map only if it is empty. One encoding per directory. Targets of
 * links are kept as given: who follows one decides where it may lead.
 */
export type TreeEntry =
  | { readonly cid: Cid.CID; readonly size: number; readonly executable: boolean }
  | { readonly link: string }
  | { readonly directory: true };

export type Tree = Readonly<Record<string, TreeEntry>>;

/** What Linux opens at most. */
const MAX_PATH = 4096;
const REFUSED_PART = /(?:^|\/)(\.{0,2})(?:\/|$)/;

/** Throws `TREE_INVALID` if the tree breaks a rule above. */
export function encode(tree: Tree): Uint8Array {
  checkPaths(tree);
  for (const [path, entry] of Object.entries(tree)) toEntry(path, entry);
  return encodeCbor(tree);
}

/** Strict: anything `encode` would not have written is `TREE_INVALID`. */
export function decode(bytes: Uint8Array): Tree {
  let value: Ipld;
  try {
    value = decodeCbor(bytes);
  } catch (cause) {
    if (!isDocketError(cause)) throw cause;
    throw new DocketError('TREE_INVALID', `not a tree: ${cause.message}`, { cause });
  }
  if (!isMap(value)) throw new DocketError('TREE_INVALID', 'not a tree: the value is no map');
  const tree = Object.fromEntries(Object.entries(value).map(([path, entry]) => [path, toEntry(path, entry)]));
  checkPaths(tree);
  return tree;
}

/** Stores the tree; gives its CID (`bafyrei…`). */
export async function write(store: Store, tree: Tree): Promise<Cid.CID> {
  const bytes = encode(tree);
  await store.put(bytes);
  return Cid.ofTree(bytes);
}

/** `CID_INVALID` if `cid` names no tree; `TREE_INVALID`, and what the store throws. `limit` in bytes of its encoding, default 64 MiB. */
export async function read(store: Store, cid: Cid.CID, options: { readonly limit?: number } = {}): Promise<Tree> {
  if (!Cid.isTree(cid)) throw new DocketError('CID_INVALID', `${cid} names no tree`);
  return decode(await store.read(cid, options));
}

/** What lies at `path`: the entry, or for a folder (`""` is the whole) the tree of what is in it; undefined if nothing does. Links are not followed. */
export function at(tree: Tree, path: string): { readonly entry: TreeEntry } | { readonly tree: Tree } | undefined {
  if (path === '') return { tree };
  if (Object.hasOwn(tree, path)) {
    const entry = tree[path] as TreeEntry;
    return 'directory' in entry ? { tree: {} } : { entry };
  }
  const prefix = `${path}/`;
  const inside = Object.entries(tree).filter(([name]) => name.startsWith(prefix));
  if (inside.length === 0) return undefined;
  return { tree: Object.fromEntries(inside.map(([name, entry]) => [name.slice(prefix.length), entry])) };
}

/** `TREE_INVALID` unless `path` may stand in a tree. */
function checkPath(path: string): void {
  const problem = pathProblem(path);
  if (problem !== undefined) throw new DocketError('TREE_INVALID', `the path ${JSON.stringify(path)} ${problem}`, { details: { path } });
}

function pathProblem(path: string): string | undefined {
  if (path === '') return 'is empty';
  if (path.length > MAX_PATH) return `is longer than ${MAX_PATH} characters`;
  if (path.startsWith('/')) return 'is absolute';
  if (path.includes('\0')) return 'holds a NUL character';
  if (!path.isWellFormed()) return 'is not valid Unicode';
  const part = REFUSED_PART.exec(path)?.[1];
  if (part === undefined) return undefined;
  return part === '' ? 'has an empty part' : `has a part "${part}"`;
}

function checkPaths(tree: Tree): void {
  const paths = Object.keys(tree);
  for (const path of paths) checkPath(path);
  const sorted = paths.sort(folderFirst);
  for (const [i, path] of sorted.entries()) {
    const next = sorted[i + 1];
    if (next?.startsWith(`${path}/`) === true) {
      throw new DocketError('TREE_INVALID', `${JSON.stringify(path)} cannot have an entry of its own and hold ${JSON.stringify(next)}`, {
        details: { path },
      });
    }
  }
}

/** Puts a folder right before what is in it, so that looking at neighbors finds every clash. */
function folderFirst(a: string, b: string): number {
  const shorter = Math.min(a.length, b.length);
  let i = 0;
  while (i < shorter && a.charCodeAt(i) === b.charCodeAt(i)) i++;
  if (i === shorter) return a.length - b.length;
  return (a[i] === '/' ? -1 : a.charCodeAt(i)) - (b[i] === '/' ? -1 : b.charCodeAt(i));
}

function toEntry(path: string, value: Ipld): TreeEntry {
  const problem = isMap(value) ? entryProblem(value) : 'is no map';
  if (problem !== undefined)
    throw new DocketError('TREE_INVALID', `the entry of ${JSON.stringify(path)} ${problem}`, { details: { path } });
  return value as TreeEntry;
}

function entryProblem(entry: IpldMap): string | undefined {
  const { cid, size, executable, link, directory } = entry;
  switch (Object.keys(entry).sort().join()) {
    case 'cid,executable,size':
      if (!isLink(cid) || !Cid.isBlob(cid)) return 'has a cid that names no blob';
      if (!Number.isSafeInteger(size) || (size as number) < 0) return 'has a size that is none';
      return typeof executable === 'boolean' ? undefined : 'must say true or false for executable';
    case 'link':
      return typeof link === 'string' && link !== '' && !link.includes('\0') && link.isWellFormed()
        ? undefined
        : 'has a link target that is none';
    case 'directory':
      return directory === true ? undefined : 'must say true for directory';
    default:
      return 'must have the keys cid, size and executable, or link, or directory';
  }
}
