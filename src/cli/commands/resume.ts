import { completedRun } from '../../scheduler/driver.ts';
import type { Command } from '../command.ts';
import { conductRun, deliver, RUN_OPTIONS } from '../conduct-run.ts';
import { DETACH_OPTION, detachTo } from '../detach.ts';
import { openDesk } from '../open-desk.ts';
import { jsonLine } from '../present.ts';
import { awaitTime, count } from '../option-values.ts';
import { prepareOut } from '../outputs.ts';
import { planIn } from '../../agent/plan-of.ts';

export const command: Command = {
  summary: 'Take up a run that failed, was cancelled or was cut off; finished tasks are not run again.',
  usage: 'RUN [--out DIR] [--slots N] [--await-time TIME] [--fail-fast] [--detach] [--json]',
  words: [1, 1],
  options: { ...RUN_OPTIONS, ...DETACH_OPTION },
  help: `
RUN is the id of a run, the beginning of one, or \`last\`. The workflow file is not needed: the run goes on with what it was started with, its --force
for tasks that did not finish yet included. Of a run that is complete the outputs are given once more. Exit status as of \`docket run\`.`,
  async run(call) {
    const asked = count(call, 'slots');
    await using desk = await openDesk(call, { slots: asked, drives: true, ofRuns: true });
    const detached = detachTo(call, desk);
    const view = await (await desk.records()).runs.find(call.words[0]!);
    const { run, state } = view;
    const slots = asked ?? view.slots ?? undefined;
    if (state === 'completed') {
      const out = call.value('out');
      if (out !== undefined) await prepareOut(out);
      call.streams.stderr.write(`run ${run} is complete, nothing is left to do; it ended so:\n`);
      return await deliver(call, desk, { plan: () => planIn(desk, view), slots, finished: completedRun(view) });
    }
    const options = { failFast: call.flag('fail-fast'), ...awaitTime(call), ...(asked === undefined ? {} : { slots: asked }) };
    if (detached !== undefined) {
      await detached.resume(run, options);
      call.streams.stdout.write(call.flag('json') ? jsonLine({ run }) : `${run}\n`);
      return 0;
    }
    const plan = await planIn(desk, view);
    return await conductRun(call, desk, { plan, slots, start: (hooks) => desk.driver.resume(run, plan, { ...options, ...hooks }) });
  },
};
