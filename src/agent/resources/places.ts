import * as Cid from '../../ipld/cid.ts';
import * as Resource from '../../workflow/resource.ts';

/** Where a resource may be had. */
export type Place =
  /** Serves anything by its CID. */
  | { readonly kind: 'gateway'; readonly name: string; readonly urlOf: (cid: Cid.CID) => string }
  /** Serves this very file. */
  | { readonly kind: 'file'; readonly name: string; readonly url: string };

export const GATEWAY_RULE = 'addresses as https://HOST, or https://HOST/PATH before the /ipfs/ of the gateway';

/** As gateways are compared and used; undefined for what is none. */
export function parseGateway(text: string): string | undefined {
  if (!URL.canParse(text)) return undefined;
  const { protocol, username, password, search, hash, href } = new URL(text);
  if ((protocol !== 'http:' && protocol !== 'https:') || [username, password, search, hash].some((part) => part !== '')) return undefined;
  return href.replace(/\/+$/, '');
}

/** The host that a workflow's own URL names first, then the gateways, if they can have it. Of a path behind a CID, `cid` is any block on the way. */
export function placesOf(rsc: string, cid: Cid.CID, gateways: readonly string[]): Place[] {
  return [...(ownPlace(rsc) ?? []), ...(Cid.isStored(cid) || Cid.isUnixFs(cid) ? gateways.map(byPath) : [])];
}

function ownPlace(rsc: string): readonly Place[] | undefined {
  const file = Resource.withoutIntegrity(rsc);
  if (file !== undefined) return [{ kind: 'file', name: file, url: file }];
  const subdomain = /^(https?:\/\/)[^./]+\.(ipfs\.[^/]+)(?:\/|$)/.exec(rsc);
  if (subdomain !== null)
    return [{ kind: 'gateway', name: `${subdomain[1]}${subdomain[2]}`, urlOf: (cid) => `${subdomain[1]}${cid}.${subdomain[2]}/` }];
  const path = /^(https?:\/\/[^/]+)\/ipfs\/[^/?#]+(?:\/|$)/.exec(rsc);
  return path === null ? undefined : [byPath(path[1]!)];
}

function byPath(base: string): Place {
  return { kind: 'gateway', name: base, urlOf: (cid) => `${base}/ipfs/${cid}` };
}
