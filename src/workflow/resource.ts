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

/** Whether it ends in an integrity that cannot be used, and that must not be taken for none. */
export function hasBadIntegrity(rsc: string): boolean {
  return /^https?:\/\/[^#]*#sha[0-9]+-/i.test(rsc) && cidOf(rsc) === undefined;
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
  if (match === null) return undefined;
  try {
    return Cid.parse(match[1]!).toV1();
  } catch {
    return undefined;
  }
}

/** Whether a link in an input names a file or a folder, and not an instruction. */
export function isFile(cid: CID): boolean {
  return Cid.isStored(cid) || Cid.isUnixFs(cid);
}

/** Whether what it names is known by hash when the workflow is loaded; a plain web URL is not. */
export function isFixed(rsc: string): boolean {
  return isLocal(rsc) || cidOf(rsc) !== undefined;
}
