import { type CID, isUnixFs } from '../ipld/cid.ts';

/** Why a task ends that names what is nowhere here. Whoever brings a workflow from elsewhere meets this first, so it says how to mend it. */
export function missing(what: 'blob' | 'file', cid: CID): string {
  const put = isUnixFs(cid) ? 'docket store put --unixfs' : 'docket store put';
  return `a ${what} it needs is not in the store: ${cid} (\`${put}\` stores it, --gateway says where to fetch it)`;
}
