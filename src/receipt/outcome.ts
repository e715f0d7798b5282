import type { Ipld } from '../ipld/value.ts';

/**
 * How a task ended, as data. Codes are stable and documented in `docs/errors.md`.
 *
 * | code | meaning | memoizable if asked |
 * |---|---|---|
 * | `exit` | non-zero exit status; carries exit, stdout, stderr, files | yes |
 * | `trap` | the guest trapped (unreachable, out of bounds, …) | yes |
 * | `invalid` | the module or its input was refused: bad binary, missing import or export, wrong argument | yes |
 * | `limit/output` | it wrote more than it may | yes |
 * | `limit/memory` | the module starts with more memory than it may have; one that asks for more later is told no, and ends as it likes | yes |
 * | `limit/fuel` | it used more fuel than it may | yes |
 * | `limit/call-depth` | its calls nested deeper than a task with limited fuel may, or than calls through the host ever may | yes |
 * | `limit/stack` | the call stack was exhausted (depends on the compiler tier) | no |
 * | `limit/time`, `limit/host-memory` | the slot's process was killed for it | no |
 * | `lost` | the runner died or its coordinator was killed | no |
 * | `unfetched` | its module or an input is not here, and could not be fetched or nobody could be asked; carries the code of the reason | no |
 * | `unresolved` | a promise on an instruction outside of the workflow found no receipt in time | no |
 * | `unplaceable` | no agent that could run it was there in time, or those that were did not take it | no |
 * | `unkept` | its output was to outlive the agents that have it, and could not be put where it does; carries the code of the reason | no |
 * | `disagreement` | no so many agents agree on what comes out as the author asked for | no |
 * | `cancelled` | the run was cancelled while the task ran | no |
 */
export const FAILURE_CODES = [
  'exit',
  'trap',
  'invalid',
  'limit/output',
  'limit/memory',
  'limit/fuel',
  'limit/call-depth',
  'limit/stack',
  'limit/time',
  'limit/host-memory',
  'lost',
  'unfetched',
  'unresolved',
  'unplaceable',
  'unkept',
  'disagreement',
  'cancelled',
] as const;

export type FailureCode = (typeof FAILURE_CODES)[number];

/** The value under `error` in a receipt. `data` depends on the code. */
export interface Failure {
  readonly code: FailureCode;
  readonly message: string;
  readonly data?: { readonly [key: string]: Ipld };
}

/** What a called function wrote beside what it returned: bytes, or above 4 KiB a link to a blob. */
export interface Logs {
  readonly stdout: Ipld;
  readonly stderr: Ipld;
}

/** `logs`: of a function that wrote anything. Programs have theirs in the value. */
export type Outcome =
  | { readonly tag: 'ok'; readonly value: Ipld; readonly logs?: Logs }
  | { readonly tag: 'error'; readonly failure: Failure };

/** What running cost; stands in the receipt's meta. */
export interface Usage {
  /** Milliseconds the guest ran, with fraction. */
  readonly wall: number;
  /** Milliseconds of processor time of the slot's process. */
  readonly cpu: number;
  /** Peak bytes of WebAssembly memory. */
  readonly memory: number;
  /** Bytes written: stdout, stderr and files. */
  readonly output: number;
  /** Units of fuel, an integer of IPLD; only where they were counted. */
  readonly fuel?: number | bigint;
}
