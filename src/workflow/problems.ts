import { DocketError, type ErrorCode, type Place } from '../errors.ts';

export interface Problem {
  readonly code: ErrorCode;
  readonly message: string;
  readonly place: Place;
  readonly next?: string;
}

/** How many problems are enough to stop looking for more. */
const MOST = 50;

/**
 * Everything wrong with a file, so that an author mends it in one go. What is thrown is the first problem by place; the error's
 * `details.problems` holds all of them, each with `code`, `message`, `place` and `next`.
 */
export class Problems {
  readonly #found: Problem[] = [];

  /** Throws once there are 50. */
  add(problem: Problem): void {
    this.#found.push(problem);
    if (this.#found.length === MOST) this.throwIfAny();
  }

  throwIfAny(): void {
    if (this.#found.length === 0) return;
    const problems = this.#found.toSorted((a, b) => byPlace(a.place, b.place));
    const { code, message, place, next } = problems[0]!;
    throw new DocketError(code, message, { place, details: { problems }, ...(next === undefined ? {} : { next }) });
  }
}

function byPlace(a: Place, b: Place): number {
  return (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0);
}
