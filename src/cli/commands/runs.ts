import { runCounts } from '../../agent/run-counts.ts';
import type { Command } from '../command.ts';
import { openEngine } from '../open-engine.ts';
import { count } from '../option-values.ts';
import { countsLine, jsonLine, secondsText, table } from '../present.ts';
import { fit } from '../text-width.ts';

export const command: Command = {
  summary: 'List runs, newest first.',
  usage: '[--limit N]',
  options: { limit: { type: 'value', value: 'N', help: 'how many at most (default 20)' } },
  async run(call) {
    const limit = count(call, 'limit') ?? 20;
    await using engine = await openEngine(call, { lookOnly: true });
    const runs = engine.ledger.runs({ limit }).map((row) => ({ ...row, counts: runCounts(engine.ledger, row) }));
    if (call.flag('json')) {
      const rows = runs.map(({ run, name, workflow, state, created, finished, counts }) => ({
        run,
        name,
        workflow: workflow.toString(),
        state,
        created: new Date(created).toISOString(),
        finished: finished === null ? null : new Date(finished).toISOString(),
        tasks: counts,
      }));
      call.streams.stdout.write(jsonLine({ runs: rows }));
    } else if (runs.length === 0) call.streams.stderr.write(`no runs yet in ${engine.paths.home}; start one: docket run FILE\n`);
    else {
      const rows = runs.map(({ run, name, state, created, finished, counts }) => [
        run,
        state,
        new Date(created).toISOString().replace('T', ' ').slice(0, 19),
        finished === null ? '' : secondsText((finished - created) / 1000),
        counts === null ? '' : countsLine(counts),
        fit(name, 40),
      ]);
      call.streams.stdout.write(table([['RUN', 'STATE', 'STARTED (UTC)', 'TOOK', 'TASKS', 'WORKFLOW'], ...rows]));
    }
    return 0;
  },
};
