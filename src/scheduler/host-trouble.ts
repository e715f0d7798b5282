import { DocketError } from '../errors.ts';
import type { Failure } from '../receipt/outcome.ts';

/**
 * What is wrong with the host, where a runner says it is not the task's fault: a blob the task was given is missing or damaged, or the disk
 * fails, with which no other task will fare better.
 */
export function hostTrouble({ code, message, data }: Failure): 'blob' | DocketError | undefined {
  if (code !== 'lost') return undefined;
  const error = data?.['error'];
  switch (error) {
    case 'BLOB_MISSING':
    case 'BLOB_DAMAGED':
      return 'blob';
    case 'STORE_FULL':
    case 'STORE_UNWRITABLE':
    case 'STORE_UNREADABLE':
      return new DocketError(error, message);
    default:
      return undefined;
  }
}
