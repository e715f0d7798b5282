import { planOf } from '../../agent/plan-of.ts';
import { resumeRun } from '../../agent/run-plan.ts';
import { DocketError } from '../../errors.ts';
import type { Command } from '../command.ts';
import { conductRun, RUN_OPTIONS } from '../conduct-run.ts';
import { findRun } from '../find.ts';
import { countOption, openEngine } from '../open-engine.ts';

export const command: Command = {
  summary: 'Take up a run that failed, was cancelled or was cut off; finished tasks are not run again.',
  usage: 'RUN [--out DIR] [--slots N] [--json]',
  words: [1, 1],
  options: RUN_OPTIONS,
  help: `
RUN is the id of a run, the beginning of one, or \`last\`. The workflow file is not needed: the run goes on with what it was started with.`,
  async run(call) {
    const slots = countOption(call, 'slots');
    await using engine = await openEngine(call, { willWrite: true, ...(slots === undefined ? {} : { slots }) });
    const { run, state } = findRun(engine, call.words[0]!);
    if (state === 'running') throw new DocketError('RUN_BUSY', `run ${run} is being driven by another process`);
    const plan = await planOf(engine, run);
    return await conductRun(call, engine, plan, (options) => resumeRun(engine, run, plan, options));
  },
};
