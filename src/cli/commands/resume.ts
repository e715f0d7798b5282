import { planOf } from '../../agent/plan-of.ts';
import { resumeRun, type RunOptions } from '../../agent/run-plan.ts';
import type { Engine } from '../../agent/engine.ts';
import { DocketError } from '../../errors.ts';
import type { RunRow } from '../../ledger/runs.ts';
import type { Plan } from '../../workflow/model.ts';
import type { Command } from '../command.ts';
import { conductRun, RUN_OPTIONS } from '../conduct-run.ts';
import { findRun, wasForced } from '../find.ts';
import { openEngine } from '../open-engine.ts';
import { count } from '../option-values.ts';

export const command: Command = {
  summary: 'Take up a run that failed, was cancelled or was cut off; finished tasks are not run again.',
  usage: 'RUN [--out DIR] [--slots N] [--fail-fast] [--json]',
  words: [1, 1],
  options: RUN_OPTIONS,
  help: `
RUN is the id of a run, the beginning of one, or \`last\`. The workflow file is not needed: the run goes on with what it was started with, its --force
for tasks that did not finish yet included. Exit status as of \`docket run\`.`,
  async run(call) {
    const slots = count(call, 'slots');
    await using engine = await openEngine(call, { willWrite: true, ...(slots === undefined ? {} : { slots }) });
    const row = findRun(engine, call.words[0]!);
    const { run, state } = row;
    if (state === 'running') throw new DocketError('RUN_BUSY', `run ${run} is being driven by another process`);
    const plan = await planOf(engine, run);
    const { failFast } = row.options as { failFast?: unknown };
    const options: RunOptions = {
      force: stillForced(engine, row, plan),
      failFast: call.flag('fail-fast') || failFast === true,
      ...(slots === undefined ? {} : { slots }),
    };
    return await conductRun(call, engine, plan, (hooks) => resumeRun(engine, run, plan, { ...options, ...hooks }));
  },
};

/** Labels of the tasks whose run was asked for and has not come yet. */
function stillForced(engine: Engine, row: RunRow, plan: Plan): string[] {
  const ran = new Set(
    [...engine.ledger.runTasks(row.run)].filter(({ state, via }) => state === 'ok' && via === 'ran').map(({ index }) => index),
  );
  return plan.tasks.filter((task, i) => wasForced(row, task) && !ran.has(i)).map((task) => task.label);
}
