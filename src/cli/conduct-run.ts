import type { Engine } from '../agent/engine.ts';
import type { FinishedRun, RunOptions } from '../agent/run-plan.ts';
import type { RunOutcome } from '../scheduler/events.ts';
import type { Plan } from '../workflow/model.ts';
import type { Call, OptionSpecs } from './command.ts';
import { prepareOut, writeOutputs } from './outputs.ts';
import { counted, countsLine, errorLines, jsonable, jsonLine, printable, secondsText } from './present.ts';
import { printOutputs } from './print-outputs.ts';
import { progressFor } from './progress/progress.ts';

/** Options of every command that drives a run. */
export const RUN_OPTIONS = {
  out: { type: 'value', value: 'DIR', help: 'write the named outputs there, as files and folders' },
  slots: { type: 'value', value: 'N', help: 'run at most N tasks at a time (default: number of processors)' },
  'fail-fast': { type: 'flag', help: 'stop at the first failure (default: independent tasks still finish)' },
} as const satisfies OptionSpecs;

const STATUS: Readonly<Record<RunOutcome, number>> = { completed: 0, failed: 1, cancelled: 130 };

/** Drives a run to its end: progress on stderr, the outcome on stdout, outputs in `--out`. Gives the exit status. */
export async function conductRun(
  call: Call,
  engine: Engine,
  plan: Plan,
  start: (hooks: Pick<RunOptions, 'onEvent' | 'onRun' | 'signal'>) => Promise<FinishedRun>,
): Promise<number> {
  const { stdout, stderr } = call.streams;
  const out = call.value('out');
  // Before the work, which may take hours.
  if (out !== undefined) await prepareOut(out);
  const finished = await watched(call, engine, plan, start);
  const { run, workflow, state, tasks, errors, seconds } = finished;
  stderr.write(summaryText(finished));
  if (out !== undefined && state !== 'cancelled') {
    await writeOutputs(engine.store, finished.outputs, out);
    stderr.write(`${counted(Object.keys(finished.outputs).length, 'output')} in ${printable(out)}\n`);
  }
  if (call.flag('json')) {
    const outputs = Object.fromEntries(Object.entries(finished.outputs).map(([name, value]) => [name, jsonable(value)]));
    stdout.write(jsonLine({ run, workflow: workflow.toString(), state, tasks, outputs, errors, seconds: Number(seconds.toFixed(3)) }));
  } else if (out === undefined) await printOutputs(engine, finished.outputs, stdout);
  return STATUS[state];
}

async function watched(call: Call, engine: Engine, plan: Plan, start: Parameters<typeof conductRun>[3]): Promise<FinishedRun> {
  const progress = progressFor(plan, call, () => engine.clock.monotonic());
  try {
    return await start({
      onEvent: (event) => progress.event(event),
      onRun: (run) => call.streams.stderr.write(`run ${run}: ${printable(plan.name)}, ${counted(plan.tasks.length, 'task')}\n`),
      signal: call.signal,
    });
  } finally {
    progress.stop();
  }
}

function summaryText({ run, state, tasks, errors, seconds }: FinishedRun): string {
  const remark = tasks.ran + tasks.failed === 0 && tasks.cached > 0 && state === 'completed' ? ' — everything was cached' : '';
  const next = {
    completed: '',
    failed: `  docket show ${run} says more; docket logs ${run} TASK has what a task wrote\n`,
    cancelled: `  docket resume ${run} goes on\n`,
  };
  return `${state} in ${secondsText(seconds)}. ${countsLine(tasks)}${remark}\n${errorLines(errors)
    .map((line) => `${line}\n`)
    .join('')}${next[state]}`;
}
