import { DocketError, systemCode } from '../errors.ts';
import { blobCid } from './digest.ts';

/** A failed write as the store's error; what is not a system error passes through unchanged. */
export function writeFailure(error: unknown, what: string): unknown {
  const code = systemCode(error);
  if (error instanceof DocketError || code === undefined || !isSystem(error)) return error;
  if (code === 'ENOSPC' || code === 'EDQUOT') return new DocketError('STORE_FULL', `no space left for ${what}`, { cause: error });
  return new DocketError('STORE_UNWRITABLE', `cannot write ${what}: ${code}`, { cause: error });
}

/** A failed read as the store's error. */
export function readFailure(error: unknown, what: string): unknown {
  const code = systemCode(error);
  if (error instanceof DocketError || code === undefined || !isSystem(error)) return error;
  return new DocketError('STORE_UNREADABLE', `cannot read ${what}: ${code}`, { cause: error });
}

export function missing(hex: string): DocketError {
  return new DocketError('BLOB_MISSING', `${blobCid(hex)} is not in the store`);
}

/** Apart from Node's own errors (`ERR_…`, `ABORT_ERR`), which also carry a code. */
function isSystem(error: unknown): boolean {
  return typeof (error as { syscall?: unknown }).syscall === 'string';
}
