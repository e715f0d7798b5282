import type { Engine } from '../agent/engine.ts';
import type { FinishedRun, RunOptions } from '../agent/run-plan.ts';
import type { Plan } from '../workflow/model.ts';
import { DocketError } from '../errors.ts';
import type { Call, OptionSpecs } from './command.ts';
import { countOption } from './open-engine.ts';
import { outputText, writeOutputs } from './outputs.ts';
import { countsLine, errorLines, jsonable, jsonLine, secondsText } from './present.ts';
import { progressFor } from './progress/progress.ts';

/** Options of every command that drives a run. */
export const RUN_OPTIONS = {
  out: { type: 'value', value: 'DIR', help: 'write the named outputs there, as files and folders' },
  slots: { type: 'value', value: 'N', help: 'run at most N tasks at a time (default: number of processors)' },
  force: { type: 'flag', help: 'run every task, also those with a result' },
  'force-task': { type: 'value', value: 'NAME', many: true, help: 'run this task, or all of this group, also if there is a result' },
  'fail-fast': { type: 'flag', help: 'stop at the first failure (default: independent tasks still finish)' },
} as const satisfies OptionSpecs;

/** Drives a run to its end: progress on stderr, the outcome on stdout, outputs in `--out`. Gives the exit status. */
export async function conductRun(
  call: Call,
  engine: Engine,
  plan: Plan,
  start: (options: RunOptions) => Promise<FinishedRun>,
): Promise<number> {
  const { stdout, stderr } = call.streams;
  const json = call.flag('json');
  const slots = countOption(call, 'slots');
  const progress = progressFor(plan, call.streams, () => engine.clock.monotonic());
  let finished: FinishedRun;
  try {
    finished = await start({
      force: call.flag('force') ? 'all' : forcedTasks(call, plan),
      failFast: call.flag('fail-fast'),
      ...(slots === undefined ? {} : { slots }),
      onEvent: (event) => progress.event(event),
      onRun: (run) => stderr.write(`run ${run}: ${plan.name}, ${plan.tasks.length} ${plan.tasks.length === 1 ? 'task' : 'tasks'}\n`),
      signal: call.signal,
    });
  } finally {
    progress.stop();
  }
  const out = call.value('out');
  if (out !== undefined && finished.state === 'completed') await writeOutputs(engine.store, finished.outputs, out);
  const { tasks, errors, seconds } = finished;
  stderr.write(`${finished.state} in ${secondsText(seconds)}. ${countsLine(tasks)}${tasks.ran + tasks.failed === 0 && tasks.cached > 0 ? ' — everything was cached' : ''}\n`);
  for (const line of errorLines(errors)) stderr.write(`${line}\n`);
  if (json) {
    const outputs = Object.fromEntries(Object.entries(finished.outputs).map(([name, value]) => [name, jsonable(value)]));
    stdout.write(jsonLine({ run: finished.run, workflow: finished.workflow.toString(), state: finished.state, tasks, outputs, errors, seconds }));
  } else if (out === undefined) stdout.write(outputText(finished.outputs));
  return finished.state === 'completed' ? 0 : finished.state === 'cancelled' ? 130 : 1;
}

function forcedTasks(call: Call, plan: Plan): readonly string[] {
  const names = call.values('force-task');
  for (const name of names) {
    if (plan.tasks.some((task) => task.label === name || task.group === name)) continue;
    throw new DocketError('TASK_UNKNOWN', `--force-task ${name}: the workflow has no such task or group`);
  }
  return names;
}
