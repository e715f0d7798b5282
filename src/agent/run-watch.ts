import type { RunEvent, RunOutcome } from '../scheduler/events.ts';
import type { Load } from '../scheduler/coordinator.ts';
import type { Plan } from '../workflow/model.ts';

/** A run that begins, as those who watch runs are told of it. */
export interface RunStart {
  readonly plan: Plan;
  /** A workflow, or a job of a named module. */
  readonly kind: 'run' | 'job';
  /** Whether whoever asked for it may give its tasks whatever they ask for. Default no. */
  readonly isTrusted?: boolean;
  /** The header `traceparent` of whoever asked for it, as it came. */
  readonly traceparent?: string | undefined;
}

/** `broken`: it could not go on, because of the ledger, the store, or a mistake of Docket's. */
export type RunEnd = RunOutcome | 'broken';

/** Who watches one run. What it does with what it is told takes no time and never throws. */
export interface RunObserver {
  /** Its id, known when its row is durable. */
  readonly begun: (run: string) => void;
  readonly event: (event: RunEvent) => void;
  /** Where its load can be read until it has ended. */
  readonly driven: (load: () => Load) => void;
  readonly ended: (how: RunEnd) => void;
}

export type RunWatch = (start: RunStart) => RunObserver;

/** All of these. */
export function together(watches: readonly RunWatch[]): RunWatch {
  return (start) => {
    const observers = watches.map((watch) => watch(start));
    return {
      begun: (run) => observers.forEach((observer) => observer.begun(run)),
      event: (event) => observers.forEach((observer) => observer.event(event)),
      driven: (load) => observers.forEach((observer) => observer.driven(load)),
      ended: (how) => observers.forEach((observer) => observer.ended(how)),
    };
  };
}
