import { planOf } from '../../agent/plan-of.ts';
import { asCompleted, resumeRun, type RunOptions } from '../../agent/run-plan.ts';
import { stillForced } from '../../agent/forced.ts';
import type { Command } from '../command.ts';
import { conductRun, deliver, RUN_OPTIONS } from '../conduct-run.ts';
import { findRun } from '../find.ts';
import { openEngine } from '../open-engine.ts';
import { count } from '../option-values.ts';
import { prepareOut } from '../outputs.ts';

export const command: Command = {
  summary: 'Take up a run that failed, was cancelled or was cut off; finished tasks are not run again.',
  usage: 'RUN [--out DIR] [--slots N] [--fail-fast] [--json]',
  words: [1, 1],
  options: RUN_OPTIONS,
  help: `
RUN is the id of a run, the beginning of one, or \`last\`. The workflow file is not needed: the run goes on with what it was started with, its --force
for tasks that did not finish yet included. Of a run that is complete the outputs are given once more. Exit status as of \`docket run\`.`,
  async run(call) {
    const asked = count(call, 'slots');
    await using engine = await openEngine(call, asked === undefined ? {} : { slots: asked });
    const row = findRun(engine, call.words[0]!);
    const { run, state } = row;
    const { failFast, slots: before } = row.options as { readonly failFast?: unknown; readonly slots?: unknown };
    const slots = asked ?? (typeof before === 'number' ? before : undefined);
    if (state === 'completed') {
      const out = call.value('out');
      if (out !== undefined) await prepareOut(out);
      call.streams.stderr.write(`run ${run} is complete, nothing is left to do; it ended so:\n`);
      return await deliver(call, engine, { plan: () => planOf(engine, run), slots, finished: asCompleted(row) });
    }
    const plan = await planOf(engine, run);
    const options: RunOptions = {
      force: stillForced(engine, row, plan),
      failFast: call.flag('fail-fast') || failFast === true,
      ...(slots === undefined ? {} : { slots }),
    };
    return await conductRun(call, engine, { plan, slots, start: (hooks) => resumeRun(engine, run, plan, { ...options, ...hooks }) });
  },
};
