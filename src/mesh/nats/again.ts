import type { DocketError } from '../../errors.ts';

/** Thrown by an attempt that may go better the next time. Never leaves this folder: `Engine.run` tries again, and throws `problem` when it has no patience left. */
export class Again extends Error {
  readonly problem: DocketError;
  /** Whether the streams have to be looked at first: one seems to be gone. */
  readonly isMissing: boolean;

  constructor(problem: DocketError, isMissing = false) {
    super(problem.message, { cause: problem });
    this.problem = problem;
    this.isMissing = isMissing;
  }
}
