import type { Clock } from '../base/clock.ts';
import { OPS } from '../runner/ops.ts';
import type { RunEvent, TaskState, ToldVia } from '../scheduler/events.ts';
import type { Load } from '../scheduler/coordinator.ts';
import type { Count, Distribution, Metrics } from '../telemetry/metrics.ts';
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
  const tools = { retries: counters.retries(), conflicts: counters.conflicts(), clock };
  const ops = new Map<string, OpCounts>();
  const countsOf = (name: string): OpCounts => {
    const known = ops.get(name);
    if (known !== undefined) return known;
    // Whatever a workflow calls an op would be a label of its own.
    const op = Object.hasOwn(OPS, name) ? name : 'other';
    const counts = ops.get(op) ?? new OpCounts(counters, op);
    ops.set(op, counts);
    return counts;
  };
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
    const observe = taskCounter(start.plan, countsOf, tools);
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

/** What is counted of one op, each looked up once: finding a number by its labels takes longer than all else here. */
class OpCounts {
  readonly #counters: Counters;
  readonly #op: string;
  readonly #found = new Map<string, Count>();
  #seconds: Distribution | undefined;

  constructor(counters: Counters, op: string) {
    this.#counters = counters;
    this.#op = op;
  }

  settled(outcome: TaskState, via: ToldVia | null): void {
    this.#count(outcome, () => this.#counters.tasks({ op: this.#op, outcome }));
    if (via === 'declared' || via === 'resolved') this.#count(via, () => this.#counters.hits({ op: this.#op, key: via }));
  }

  ran(ms: number): void {
    (this.#seconds ??= this.#counters.taskSeconds({ op: this.#op })).observe(ms / 1000);
  }

  #count(name: TaskState | ToldVia, make: () => Count): void {
    let count = this.#found.get(name);
    if (count === undefined) this.#found.set(name, (count = make()));
    count.add();
  }
}

function taskCounter(
  { tasks }: Plan,
  countsOf: (op: string) => OpCounts,
  { retries, conflicts, clock }: TaskTools,
): (event: RunEvent) => void {
  const started = new Map<number, number>();
  return (event) => {
    switch (event.kind) {
      case 'started':
        started.set(event.task, clock.monotonic());
        if (event.attempt > 1) retries.add();
        return;
      case 'settled': {
        const counts = countsOf(tasks[event.task]!.task.run.op);
        counts.settled(event.state, event.via);
        const since = started.get(event.task);
        if (since === undefined) return;
        started.delete(event.task);
        counts.ran((event.at ?? clock.monotonic()) - since);
        return;
      }
      case 'conflict':
        conflicts.add();
    }
  };
}

interface TaskTools {
  readonly retries: Count;
  readonly conflicts: Count;
  readonly clock: Clock;
}
