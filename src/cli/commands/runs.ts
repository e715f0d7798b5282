import type { Command } from '../command.ts';
import { countOption, openEngine } from '../open-engine.ts';
import { countsLine, jsonLine, secondsText, table } from '../present.ts';

export const command: Command = {
  summary: 'List runs, newest first.',
  usage: '[--limit N]',
  options: { limit: { type: 'value', value: 'N', help: 'how many at most (default 20)' } },
  async run(call) {
    await using engine = await openEngine(call);
    const runs = engine.ledger.runs({ limit: countOption(call, 'limit') ?? 20 });
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
    } else if (runs.length === 0) call.streams.stderr.write('no runs yet: docket run FILE\n');
    else {
      const rows = runs.map(({ run, name, state, created, finished, counts }) => [
        run,
        state,
        new Date(created).toISOString().replace('T', ' ').slice(0, 19),
        finished === null ? '' : secondsText((finished - created) / 1000),
        counts === null ? '' : countsLine(counts),
        name.length > 40 ? `${name.slice(0, 39)}…` : name,
      ]);
      call.streams.stdout.write(table([['RUN', 'STATE', 'STARTED (UTC)', 'TOOK', 'TASKS', 'WORKFLOW'], ...rows]));
    }
    return 0;
  },
};
