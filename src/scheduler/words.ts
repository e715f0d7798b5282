import { digestOf, failureOf, outOf } from '../receipt/out.ts';
import type { Outcome } from '../receipt/outcome.ts';
import type { CoordinatorOptions } from './coordinator-options.ts';
import { DETERMINISTIC } from './filing.ts';
import * as State from './state.ts';
import type { Dissent } from './voting.ts';

/** What agents say that a task gives, as far as it can be compared. */

/** Whether it says what the work gives: a limit of the machine or a lost runner does not. */
export function isWord(outcome: Outcome): boolean {
  return outcome.tag === 'ok' || DETERMINISTIC.has(outcome.failure.code);
}

/** What tells one output from another. Of an error its code and data; messages are for people, and may be worded otherwise by another version. */
export function outputOf(outcome: Outcome): string {
  const said: Outcome = outcome.tag === 'ok' ? outcome : { tag: 'error', failure: { ...outcome.failure, message: '' } };
  return Buffer.from(digestOf(outOf(said))).toString('hex');
}

export function outcomeIn(result: Extract<State.Result, { readonly receipt: unknown }>): Outcome {
  return result.status === State.OK ? { tag: 'ok', value: result.value } : { tag: 'error', failure: failureOf(result.value) };
}

export function tellDissent({ onEvent, onDissent }: CoordinatorOptions, dissent: Dissent): void {
  const { task, issuer, receipt, agreed, isProof } = dissent;
  const told = { member: issuer, receipt: receipt.toString(), agreed: agreed.map((vote) => vote.receipt.toString()) };
  onEvent({ kind: 'dissent', task, ...told, isProof });
  onDissent?.(dissent);
}
