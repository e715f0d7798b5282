import { DocketError } from '../errors.ts';
import * as Cid from '../ipld/cid.ts';
import type { CID } from '../ipld/cid.ts';

/**
 * The `rsc` of an instruction: a URL, or (Docket's own addition, for modules beside the workflow file) a relative path.
 */

/**
 * As Homestar hashes it: a URL passes through the WHATWG parser, which normalizes it. `file:` URLs and paths stay as written,
 * since the parser would make a relative one absolute.
 */
export function normalize(rsc: string): string {
  return isLocal(rsc) || !URL.canParse(rsc) ? rsc : new URL(rsc).href;
}

/** Whether it names a file on this machine, to be imported when the workflow is loaded. */
export function isLocal(rsc: string): boolean {
  return rsc.startsWith('file:') || !/^[A-Za-z][A-Za-z0-9+.-]*:/.test(rsc);
}

/** Path of a local `rsc`: percent-decoded, relative to the workflow file unless it begins with `/`. */
export function localPath(rsc: string): string {
  if (!rsc.startsWith('file:')) return rsc;
  const path = rsc.slice('file:'.length).replace(/^\/\/(?:localhost)?(?=\/)/, '');
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

/** Subresource Integrity as it stands behind a URL. */
const INTEGRITY = /^(https?:\/\/[^#]+)#(sha256-[^#]*)$/i;

/** A web URL that names its bytes by their hash, for whoever needs both. */
export function withIntegrity(url: string, integrity: string): string {
  return `${url}#${integrity}`;
}

/** The URL of an `rsc` that ends in an integrity; undefined of any other. */
export function withoutIntegrity(rsc: string): string | undefined {
  return INTEGRITY.exec(rsc)?.[1];
}

/** Whether it ends in something that is no integrity which can be used, and that must not be taken for none. What else a fragment says is nothing that a file is fetched by. */
export function hasBadIntegrity(rsc: string): boolean {
  return /^https?:\/\/[^#]*#/i.test(rsc) && cidOf(rsc) === undefined;
}

export const URL_RULE = 'A URL begins with https://, http:// or ipfs://.';

/** Whether a module that is written so is had by its URL, and named by that: by CID or from the web. */
export function isUrl(written: string): boolean {
  return /^(ipfs|https?):\/\//i.test(written);
}

/** Whether it is a web URL: what it gives is fetched, and nobody knows before what that is, unless it carries a CID. */
export function isWeb(rsc: string): boolean {
  return /^https?:\/\//i.test(rsc);
}

/** The CID it carries: `ipfs://<cid>`, a gateway's `…/ipfs/<cid>`, a subdomain gateway's `<cid>.ipfs.…`, or that of a URL that ends in `#sha256-…`. */
export function cidOf(rsc: string): CID | undefined {
  const integrity = INTEGRITY.exec(rsc);
  if (integrity !== null) return Cid.fromSri(integrity[2]!);
  const match =
    /^ipfs:\/\/([^/?#]+)\/?$/.exec(rsc) ??
    /^https?:\/\/[^/]+\/ipfs\/([^/?#]+)\/?$/.exec(rsc) ??
    /^https?:\/\/([^./]+)\.ipfs\.[^/]+\/?$/.exec(rsc);
  return match === null ? undefined : parsed(match[1]!);
}

/** A place in a directory of UnixFS. */
export interface Below {
  readonly root: CID;
  /** As it stands in the URL; without the slash it may end in. */
  readonly path: string;
}

/**
 * The directory and the path of `ipfs://<cid>/a/b`, of a gateway's `…/ipfs/<cid>/a/b`, or of a subdomain gateway's `<cid>.ipfs.…/a/b`. Undefined for what ends in an
 * integrity, which says more, and for roots that are no UnixFS.
 */
export function below(rsc: string): Below | undefined {
  if (INTEGRITY.test(rsc)) return undefined;
  const match =
    /^ipfs:\/\/([^/?#]+)\/([^?#]*[^/?#])\/?$/.exec(rsc) ??
    /^https?:\/\/[^/]+\/ipfs\/([^/?#]+)\/([^?#]*[^/?#])\/?$/.exec(rsc) ??
    /^https?:\/\/([^./]+)\.ipfs\.[^/]+\/([^?#]*[^/?#])\/?$/.exec(rsc);
  const root = match === null ? undefined : parsed(match[1]!);
  return root !== undefined && Cid.isUnixFs(root) ? { root, path: match![2]! } : undefined;
}

/** Folders on the way to a file. */
const MOST_NAMES = 128;

/**
 * The names that a path is made of, percent-decoded. Throws `WORKFLOW_INVALID` for what can be no name of a file, or is no single one: gateways disagree about what
 * such a path means.
 */
export function namesOf({ root, path }: Below): string[] {
  const refuse = (what: string): never => {
    throw new DocketError('WORKFLOW_INVALID', `the path ${JSON.stringify(path)} behind ${root} ${what}`, {
      next: 'Write the names of folders and the file, with / between them.',
    });
  };
  const names = path.split('/').map((part) => decoded(part) ?? refuse('is not percent-encoded UTF-8'));
  if (names.length > MOST_NAMES) refuse(`has more than ${MOST_NAMES} names`);
  for (const name of names) {
    if (name === '') refuse('has an empty name');
    if (name === '.' || name === '..') refuse(`has the name "${name}"`);
    if (name.includes('/')) refuse('has a name with a / in it');
    if (name.includes('\0')) refuse('has a name with a NUL in it');
  }
  return names;
}

function decoded(part: string): string | undefined {
  try {
    return decodeURIComponent(part);
  } catch {
    return undefined;
  }
}

function parsed(text: string): CID | undefined {
  try {
    return Cid.parse(text).toV1();
  } catch {
    return undefined;
  }
}

/** Whether a link in an input names a file or a folder, and not an instruction. */
export function isFile(cid: CID): boolean {
  return Cid.isStored(cid) || Cid.isUnixFs(cid);
}

/** Throws `WORKFLOW_INVALID` for a URL by which no module can ever be had: no gateway will help. */
export function checkObtainable(rsc: string): void {
  const cid = cidOf(rsc);
  if (isLocal(rsc) || isWeb(rsc) || (cid !== undefined && isFile(cid)) || below(rsc) !== undefined) return;
  throw new DocketError('WORKFLOW_INVALID', `${JSON.stringify(rsc)} names no module that can be had`, {
    next: 'Name it as ipfs://CID, as ipfs://CID/PATH if the CID is that of a folder of IPFS, by a URL with https:// or http://, or by a path. The CIDs of files begin with bafkrei, bafybei or Qm.',
  });
}

/** Whether what it names is known by hash when the workflow is loaded; a plain web URL is not. */
export function isFixed(rsc: string): boolean {
  return isLocal(rsc) || cidOf(rsc) !== undefined || below(rsc) !== undefined;
}
