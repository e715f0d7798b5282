import { DocketError } from '../errors.ts';
import type { RunRow } from '../ledger/runs.ts';

/**
 * What is known of the deaths of agents that drove a run. A run may be what kills its agent; kept among the run's options, this outlives whatever it kills.
 */
export interface Tries {
  /** Deaths since a task of it was last finished at which it alone had attempts with runners. */
  readonly alone: number;
  /** How often it was on trial since then. */
  readonly trials: number;
  /** How many of its tasks were finished then. */
  readonly ok: number;
  /** `on trial`: it was begun after a death at which it had attempts with runners, and its time is not over. */
  readonly state: 'among others' | 'on trial' | 'given up';
}

/** What stood in the journals when its agent was found dead. There until the run is taken up. */
export interface Death {
  /** Its attempts that were with runners. */
  readonly inFlight: number;
  /** Other runs on the home that had any. */
  readonly others: number;
}

/** What is done with a run whose agent is gone. */
export type Verdict =
  | { readonly kind: 'goes on'; readonly tries: Tries }
  /** `trial`: how long (ms) it lasts, if neither a task of it nor itself ends before. `isFirst`: nobody else is taken up until it is over. */
  | { readonly kind: 'on trial'; readonly tries: Tries; readonly trial: number; readonly isFirst: boolean }
  | { readonly kind: 'given up'; readonly tries: Tries };

/** What kills an agent does so at once, as a rule. Of one that takes longer, each trial is twice as long as the one before. */
const FIRST_TRIAL = 5_000;
const LONGEST_TRIAL = 600_000;

/** A power cut, or two, happen to any run. */
const MOST_DEATHS = 3;

const NEW: Tries = { alone: 0, trials: 0, ok: 0, state: 'among others' };

/** Why a run has no driver. `reopened`: its agent lives, and had to begin anew. */
export type Cause = 'killed' | 'reopened';

/** Of a run with so many tasks that were finished well. Where others had attempts with runners too nobody knows which it was: that death gives up none. */
export function judge(row: Pick<RunRow, 'options'>, ok: number, cause: Cause): Verdict {
  const before = triesOf(row) ?? NEW;
  if (ok > before.ok) return { kind: 'goes on', tries: { ...NEW, ok } };
  const death = deathOf(row);
  if (cause === 'reopened' || death === undefined || death.inFlight === 0)
    return { kind: 'goes on', tries: { ...before, state: 'among others' } };
  const alone = before.alone + (death.others === 0 ? 1 : 0);
  if (alone >= MOST_DEATHS) return { kind: 'given up', tries: { ...before, alone, state: 'given up' } };
  const trial = Math.min(FIRST_TRIAL * 2 ** before.trials, LONGEST_TRIAL);
  const tries: Tries = { alone, trials: before.trials + 1, ok: before.ok, state: 'on trial' };
  return { kind: 'on trial', tries, trial, isFirst: before.state === 'on trial' };
}

/** Undefined if it was never taken up, or was since by somebody who asked for that. */
export function triesOf({ options }: Pick<RunRow, 'options'>): Tries | undefined {
  return (options as { readonly tries?: Tries }).tries;
}

/** Undefined unless its agent was found dead and it waits for being taken up. */
export function deathOf({ options }: Pick<RunRow, 'options'>): Death | undefined {
  return (options as { readonly death?: Death }).death;
}

/** The options of a run that has no driver any more. */
export function withDeath({ options }: Pick<RunRow, 'options'>, death: Death): object {
  return { ...(options as object), death };
}

/** The options of a run that does not wait any more and is driven here, with what is now to be kept of its tries. */
export function withTries({ options }: Pick<RunRow, 'options'>, tries: Tries | undefined): object {
  const { tries: _, death: __, elsewhere: ___, ...rest } = options as Readonly<Record<'tries' | 'death' | 'elsewhere', unknown>>;
  return tries === undefined ? rest : { ...rest, tries };
}

/** Why a run is not taken up any more; undefined if that is not so. */
export function givenUp({ run, options }: Pick<RunRow, 'run' | 'options'>): DocketError | undefined {
  const tries = triesOf({ options });
  if (tries?.state !== 'given up') return undefined;
  return new DocketError(
    'RUN_GIVEN_UP',
    `agents were killed ${tries.alone} times while run ${run}, and no other, had tasks with runners, and none of its tasks ended well in between`,
  );
}
