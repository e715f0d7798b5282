import { isDocketError } from '../errors.ts';
import { type CID, isUnixFs } from '../ipld/cid.ts';
import type { Failure } from '../receipt/outcome.ts';

/**
 * Why a task ends that names what is nowhere here, where nobody can be asked for it. Says nothing of the task itself: it may be there tomorrow, so no such end is found
 * again under a key or by a promise.
 */
function unfetched(message: string, error: string): Failure {
  return { code: 'unfetched', message, data: { error } };
}

/** Whoever brings a workflow from elsewhere meets this first, so it says how to mend it. */
export function missing(what: 'blob' | 'file' | 'module', cid: CID): Failure {
  const put = isUnixFs(cid) ? 'docket store put --unixfs' : 'docket store put';
  const needed = what === 'module' ? 'its module' : `a ${what} it needs`;
  return unfetched(`${needed} is not in the store: ${cid} (\`${put}\` stores it, --gateway says where to fetch it)`, 'BLOB_MISSING');
}

/** A resource that stands for nothing here. */
export function noModule(rsc: string): Failure {
  return unfetched(`there is no module here for ${rsc} (--gateway says where to fetch it)`, 'RESOURCE_UNREACHABLE');
}

/** What the store said of a blob that is gone or turned out damaged; undefined for other trouble. */
export function blobTrouble(cause: unknown): Failure | undefined {
  if (!isDocketError(cause, 'BLOB_MISSING') && !isDocketError(cause, 'BLOB_DAMAGED')) return undefined;
  return unfetched(cause.message, cause.code);
}
