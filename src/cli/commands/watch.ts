import { setTimeout as pause } from 'node:timers/promises';
import { isDocketError } from '../../errors.ts';
import type { RunView } from '../../protocol/records.ts';
import { completedRun } from '../../scheduler/driver.ts';
import { follow } from '../../sdk/follow.ts';
import type { Plan } from '../../workflow/model.ts';
import type { Call, Command } from '../command.ts';
import { deliver, watched } from '../conduct-run.ts';
import type { Desk } from '../desk.ts';
import { openDesk } from '../open-desk.ts';
import { prepareOut } from '../outputs.ts';
import { planIn } from '../../agent/plan-of.ts';
import { printable } from '../present.ts';

export const command: Command = {
  summary: 'Follow a run that goes on, and give its outputs when it ends.',
  usage: 'RUN [--out DIR] [--json]',
  words: [1, 1],
  options: { out: { type: 'value', value: 'DIR', help: 'write the named outputs there, as files and folders' } },
  help: `
RUN is the id of a run, the beginning of one, or \`last\`. Of a run that an agent drives everything is told as it happens, of one that a command drives which
tasks have ended. Ctrl-C ends the watching and not the run. Exit status as of \`docket run\`; that of a run that is over already is given once more.`,
  async run(call) {
    const out = call.value('out');
    if (out !== undefined) await prepareOut(out);
    await using desk = await openDesk(call, { drives: true, ofRuns: true });
    const records = await desk.live();
    const view = await records.runs.find(call.words[0]!);
    const slots = view.slots ?? undefined;
    if (view.state === 'completed')
      return await deliver(call, desk, { plan: () => planIn(desk, view), slots, finished: completedRun(view) });
    try {
      const plan = await planToCome(call, desk, view);
      const finished = await watched(call, desk, plan, (hooks) => follow(records, view.run, hooks), { stops: false });
      return await deliver(call, desk, { plan: async () => plan, slots, finished });
    } catch (error) {
      if (!call.signal.aborted) throw error;
      call.streams.stderr.write(`run ${view.run} goes on\n`);
      return STOPPED;
    }
  },
};

/** Between two looks whether the plan can be had, in ms. */
const AGAIN = 1_000;

/** Its plan, when it can be had: a member that has it, or the engine, may be away. Throws the reason of the call's signal. */
async function planToCome(call: Call, desk: Desk, view: RunView): Promise<Plan> {
  for (let told = ''; ;) {
    try {
      return await planIn(desk, view);
    } catch (error) {
      if (!isDocketError(error, 'BLOB_UNREACHABLE') && !isDocketError(error, 'MESH_UNREACHABLE')) throw error;
      if (told !== error.code)
        call.streams.stderr.write(printable(`the plan of run ${view.run} cannot be had yet, it is tried again: ${error.message}`) + '\n');
      told = error.code;
      await pause(AGAIN, undefined, { signal: call.signal });
    }
  }
}

/** As Ctrl-C ends other commands. */
const STOPPED = 130;
