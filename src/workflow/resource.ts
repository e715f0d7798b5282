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

/** The CID it carries: `ipfs://<cid>`, a gateway's `…/ipfs/<cid>`, or a subdomain gateway's `<cid>.ipfs.…`. */
export function cidOf(rsc: string): CID | undefined {
  const match =
    /^ipfs:\/\/([^/?#]+)\/?$/.exec(rsc) ??
    /^https?:\/\/[^/]+\/ipfs\/([^/?#]+)\/?$/.exec(rsc) ??
    /^https?:\/\/([^./]+)\.ipfs\.[^/]+\/?$/.exec(rsc);
  if (match === null) return undefined;
  try {
    return Cid.parse(match[1]!);
  } catch {
    return undefined;
  }
}

/** Whether what it names is known by hash when the workflow is loaded; a plain web URL is not. */
export function isFixed(rsc: string): boolean {
  return isLocal(rsc) || cidOf(rsc) !== undefined;
}
