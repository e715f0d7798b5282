import type { TaskError } from '../scheduler/events.ts';

/** What one event tells of failures, so that it stays a line that every reader takes: errors, and characters of them as JSON. */
const MOST_ERRORS = 1_000;
const MOST_CHARACTERS = 512 * 1024;
/** Characters of a text of one event. */
const MOST_TEXT = 2_000;

interface ToldErrors {
  readonly errors: readonly TaskError[];
  /** How many there are beside them. */
  readonly moreErrors: number;
}

/** The first errors, shortened, as far as one event tells them. The run's tasks and receipts have all of it. */
export function toldErrors(errors: readonly TaskError[]): ToldErrors {
  const told: TaskError[] = [];
  let size = 0;
  for (const error of errors.slice(0, MOST_ERRORS)) {
    const short = { ...error, task: clipped(error.task), message: clipped(error.message) };
    if ((size += JSON.stringify(short).length + 1) > MOST_CHARACTERS) break;
    told.push(short);
  }
  return { errors: told, moreErrors: errors.length - told.length };
}

/** A text as an event has it. */
export function clipped(text: string): string {
  return text.length <= MOST_TEXT ? text : `${text.slice(0, MOST_TEXT).toWellFormed()}…`;
}
