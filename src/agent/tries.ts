import { DocketError } from '../errors.ts';
import type { RunRow } from '../ledger/runs.ts';

/**
 * How often agents began to drive a run of which nothing was finished. A run may be what kills its agent; kept among the run's options, the count outlives
 * whatever it kills.
 */
export interface Tries {
  /** Drives since a task of it was last finished, that one included in which it was. */
  readonly count: number;
  /** How many of its tasks were finished then. */
  readonly ok: number;
  /** `alone`: it is on trial, driven with no other run beside it on which an agent may have died. */
  readonly state: 'among others' | 'alone' | 'given up';
}

/** What is done with a run whose agent was killed. */
export type Verdict =
  | { readonly kind: 'goes on'; readonly tries: Tries }
  /** `trial`: how long (ms) it is alone, if neither a task of it nor itself ends before. */
  | { readonly kind: 'alone'; readonly tries: Tries; readonly trial: number }
  | { readonly kind: 'given up'; readonly tries: Tries };

/** What kills an agent does so at once, as a rule. Of one that takes longer, each trial is twice as long as the one before. */
const FIRST_TRIAL = 5_000;
const LONGEST_TRIAL = 600_000;

const NEW: Tries = { count: 1, ok: 0, state: 'among others' };

/** Why a run has no driver. `reopened`: its agent lives, and had to begin anew. */
export type Cause = 'killed' | 'reopened';

/** Of a run with so many tasks that were finished well. */
export function judge(row: Pick<RunRow, 'options'>, ok: number, cause: Cause): Verdict {
  const before = triesOf(row) ?? NEW;
  if (ok > before.ok) return { kind: 'goes on', tries: { ...NEW, ok } };
  if (cause === 'reopened') return { kind: 'goes on', tries: { ...before, state: 'among others' } };
  if (before.state === 'alone') return { kind: 'given up', tries: { ...before, state: 'given up' } };
  const trial = Math.min(FIRST_TRIAL * 2 ** (before.count - 1), LONGEST_TRIAL);
  return { kind: 'alone', tries: { count: before.count + 1, ok, state: 'alone' }, trial };
}

/** Undefined if it was never taken up, or was since by somebody who asked for that. */
export function triesOf({ options }: Pick<RunRow, 'options'>): Tries | undefined {
  return (options as { readonly tries?: Tries }).tries;
}

/** The options of a run with what is now to be kept of its tries. */
export function withTries({ options }: Pick<RunRow, 'options'>, tries: Tries | undefined): object {
  const { tries: _, ...rest } = options as { readonly tries?: unknown };
  return tries === undefined ? rest : { ...rest, tries };
}

/** Why a run is not taken up any more; undefined if that is not so. */
export function givenUp({ run, options }: Pick<RunRow, 'run' | 'options'>): DocketError | undefined {
  const tries = triesOf({ options });
  if (tries?.state !== 'given up') return undefined;
  return new DocketError(
    'RUN_GIVEN_UP',
    `agents were killed ${tries.count} times in a row while they drove run ${run}, the last time by itself`,
  );
}
