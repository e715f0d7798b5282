import type { Clock } from '../base/clock.ts';
import { OPS } from '../runner/ops.ts';
import type { RunEvent } from '../scheduler/events.ts';
import type { Load } from '../scheduler/coordinator.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { Plan } from '../workflow/model.ts';
import type { RunObserver, RunStart, RunWatch } from './run-watch.ts';

/** Seconds. */
const TASK_BOUNDS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60, 300, 1800];
const RUN_BOUNDS = [0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60, 300, 1800, 7200];

/** Counts what happens in runs. */
export function runMetrics(metrics: Metrics, clock: Clock): RunWatch {
  const counters = {
    ended: metrics.counter({ name: 'docket_runs_ended_total', help: 'Runs that ended, by kind and how.' }),
    runSeconds: metrics.histogram({ name: 'docket_run_duration_seconds', help: 'Time from the start of a run to its end.' }, RUN_BOUNDS),
    tasks: metrics.counter({ name: 'docket_tasks_total', help: 'Tasks that were settled, by op and outcome, found ones included.' }),
    hits: metrics.counter({ name: 'docket_memo_hits_total', help: 'Tasks whose result was found, by the key it was found under.' }),
    retries: metrics.counter({ name: 'docket_task_retries_total', help: 'Attempts after the first.' }),
    taskSeconds: metrics.histogram(
      { name: 'docket_task_duration_seconds', help: 'Time from when a task that ran was given to a slot to when it was settled.' },
      TASK_BOUNDS,
    ),
    conflicts: metrics.counter({ name: 'docket_conflicts_total', help: 'Results that differ from the one filed first under their key.' }),
  };
  // There from the start, so that the first of each can be told from none.
  counters.retries();
  counters.conflicts();
  const running = new Set<RunStart>();
  const loads = new Map<RunStart, () => Load>();
  const sum = (of: keyof Load): number => [...loads.values()].reduce((total, load) => total + load()[of], 0);
  metrics.gauge({ name: 'docket_runs_active', help: 'Runs that this agent drives, by kind.' }, () =>
    (['run', 'job'] as const).map((kind) => [{ kind }, [...running].filter((start) => start.kind === kind).length]),
  );
  metrics.gauge({ name: 'docket_tasks_queued', help: 'Tasks that could run at once if there were slots for them.' }, () => [
    [{}, sum('queued')],
  ]);
  metrics.gauge({ name: 'docket_tasks_running', help: 'Tasks that were given to a slot.' }, () => [[{}, sum('running')]]);
  return (start): RunObserver => {
    const began = clock.monotonic();
    const observe = taskCounter(start.plan, counters, clock);
    running.add(start);
    return {
      begun: () => {},
      event: observe,
      driven: (load) => void loads.set(start, load),
      ended(outcome) {
        running.delete(start);
        loads.delete(start);
        counters.ended({ kind: start.kind, outcome }).add();
        counters.runSeconds({ kind: start.kind }).observe((clock.monotonic() - began) / 1000);
      },
    };
  };
}

type Counters = Readonly<Record<'tasks' | 'hits' | 'retries' | 'conflicts', ReturnType<Metrics['counter']>>> & {
  readonly taskSeconds: ReturnType<Metrics['histogram']>;
};

function taskCounter({ tasks }: Plan, counters: Counters, clock: Clock): (event: RunEvent) => void {
  const started = new Map<number, number>();
  return (event) => {
    switch (event.kind) {
      case 'started':
        started.set(event.task, clock.monotonic());
        if (event.attempt > 1) counters.retries().add();
        return;
      case 'settled': {
        // Whatever a workflow calls an op would be a label of its own.
        const name = tasks[event.task]!.task.run.op;
        const op = Object.hasOwn(OPS, name) ? name : 'other';
        counters.tasks({ op, outcome: event.state }).add();
        if (event.via === 'declared' || event.via === 'resolved') counters.hits({ op, key: event.via }).add();
        const since = started.get(event.task);
        if (since === undefined) return;
        started.delete(event.task);
        counters.taskSeconds({ op }).observe((clock.monotonic() - since) / 1000);
        return;
      }
      case 'conflict':
        counters.conflicts().add();
    }
  };
}
