import { DocketError, systemCode } from '../errors.ts';

/** What it means that a file of the home cannot be written: `STORE_FULL` or `HOME_UNUSABLE`. Errors that are not the system's pass through. */
export function writeFailure(path: string, cause: unknown): unknown {
  const code = systemCode(cause);
  if (cause instanceof DocketError || code === undefined) return cause;
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new DocketError('STORE_FULL', `${path} cannot be written: the disk is full`, { cause });
  return new DocketError('HOME_UNUSABLE', `${path} cannot be written: ${(cause as Error).message}`, { cause });
}
