import type { Records, RunView } from '../../protocol/records.ts';
import type { Command } from '../command.ts';
import { openDesk } from '../open-desk.ts';
import { count } from '../option-values.ts';
import { countsLine, jsonLine, secondsText, table } from '../present.ts';
import { fit } from '../text-width.ts';

export const command: Command = {
  summary: 'List runs, newest first.',
  usage: '[--limit N]',
  options: { limit: { type: 'value', value: 'N', help: 'how many at most (default 20)' } },
  async run(call) {
    const limit = count(call, 'limit') ?? 20;
    await using desk = await openDesk(call, { lookOnly: true, ofRuns: true });
    const runs = await listRuns(await desk.records(), limit);
    if (call.flag('json')) {
      const rows = runs.map(({ run, name, workflow, state, created, finished, tasks }) => ({
        run,
        name,
        workflow: workflow.toString(),
        state,
        created: new Date(created).toISOString(),
        finished: finished === null ? null : new Date(finished).toISOString(),
        tasks,
      }));
      call.streams.stdout.write(jsonLine({ runs: rows }));
    } else if (runs.length === 0) call.streams.stderr.write(`no runs yet in ${desk.place}; start one: docket run FILE\n`);
    else {
      const rows = runs.map(({ run, name, state, created, finished, tasks }) => [
        run,
        state,
        new Date(created).toISOString().replace('T', ' ').slice(0, 19),
        // Who began it and who ended it may have clocks that disagree.
        finished === null ? '' : secondsText(Math.max(0, finished - created) / 1000),
        tasks === null ? '' : countsLine(tasks),
        fit(name, 40),
      ]);
      call.streams.stdout.write(table([['RUN', 'STATE', 'STARTED (UTC)', 'TOOK', 'TASKS', 'WORKFLOW'], ...rows]));
    }
    return 0;
  },
};

/** In one question. */
const PAGE = 1_000;

async function listRuns({ runs }: Records, limit: number): Promise<RunView[]> {
  const found: RunView[] = [];
  for (let last: RunView | undefined; found.length < limit; last = found.at(-1)) {
    const size = Math.min(PAGE, limit - found.length);
    const page = await runs.list({ limit: size, ...(last === undefined ? {} : { before: last.run }) });
    found.push(...page);
    if (page.length < size) break;
  }
  return found;
}
