import type { Command } from '../command.ts';
import { openDesk } from '../open-desk.ts';
import { jsonLine } from '../present.ts';

export const command: Command = {
  summary: 'Stop a run, also one that another process drives.',
  usage: 'RUN',
  words: [1, 1],
  options: {},
  help: `
RUN is the id of a run, the beginning of one, or \`last\`. Tasks that run are killed and get a receipt that says so; what is finished stays.
\`docket resume RUN\` goes on. A run that is over stays as it is.`,
  async run(call) {
    await using desk = await openDesk(call, { ofRuns: true });
    const { runs } = await desk.records();
    const { run, state: before } = await runs.find(call.words[0]!);
    const state = await runs.cancel(run, call.signal);
    const wasOver = state === before;
    call.streams.stdout.write(
      call.flag('json') ? jsonLine({ run, state }) : `run ${run} ${wasOver ? 'was over already: ' : 'is '}${state}\n`,
    );
    return 0;
  },
};
