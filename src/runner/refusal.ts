import type { Ipld } from '../ipld/value.ts';
import type { Failure, FailureCode } from '../receipt/outcome.ts';
import type { Ran } from './op.ts';

/** Names and values of guests can be of any length; in a failure they are cut to this. */
const MOST_CHARACTERS = 200;

/** Thrown to end a task before or after its guest ran, with a failure that is its own. */
export class Refusal extends Error {
  readonly failure: Failure;

  constructor(code: FailureCode, message: string, data?: { readonly [key: string]: Ipld }) {
    super(message);
    this.name = 'Refusal';
    this.failure = data === undefined ? { code, message } : { code, message, data };
  }

  static of(failure: Failure): Refusal {
    return new Refusal(failure.code, failure.message, failure.data);
  }
}

/** The end of a task that has nothing to show but a failure. */
export function failed(failure: Failure, usage: Ran['usage'] = { wall: 0, memory: 0, output: 0 }): Ran {
  return { outcome: { tag: 'error', failure }, usage, small: new Map(), written: [] };
}

export function clip(text: string): string {
  return text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS - 1)}…` : text;
}
