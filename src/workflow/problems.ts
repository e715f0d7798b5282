import { DocketError, type ErrorCode, type Place } from '../errors.ts';

export interface Problem {
  readonly code: ErrorCode;
  readonly message: string;
  readonly place: Place;
  readonly next?: string;
}

/** How many problems one error carries at most. */
const MOST = 50;

/**
 * Everything wrong with a file, so that an author mends it in one go. What is thrown is the first problem by place; the error's
 * `details.problems` holds all of them, each with `code`, `message`, `place` and `next`.
 */
export class Problems {
  readonly #found: Problem[] = [];

  add(problem: Problem): void {
    if (this.#found.length < MOST) this.#found.push(problem);
  }

  throwIfAny(): void {
    if (this.#found.length === 0) return;
    const problems = this.#found.toSorted((a, b) => order(a.place) - order(b.place));
    const { code, message, place, next } = problems[0]!;
    throw new DocketError(code, message, { place, details: { problems }, ...(next === undefined ? {} : { next }) });
  }
}

function order({ line = 0, column = 0 }: Place): number {
  return line * 1e6 + column;
}
