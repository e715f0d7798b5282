import type { FailureCode } from '../receipt/outcome.ts';

/** Exit statuses of `docket exec`, as its help lists them. */

export const DOCKET_FAILED = 125;
export const CANNOT_RUN = 126;

/** That of a guest, as a shell sees it: it keeps eight bits, and a failure must not look like success. */
export function guestStatus(exit: number): number {
  return exit === 0 ? 0 : exit & 0xff || 1;
}

/** That of a task which ended without an exit status of its own. */
export function failureStatus(code: FailureCode): number {
  switch (code) {
    case 'limit/time':
      return 124;
    case 'lost':
    case 'invalid':
    case 'unfetched':
    case 'unresolved':
    case 'unplaceable':
    case 'unkept':
      return DOCKET_FAILED;
    case 'cancelled':
      return 130;
    default:
      return 134;
  }
}
