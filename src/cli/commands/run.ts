import type { DriveOptions } from '../../scheduler/driver.ts';
import type { Plan } from '../../workflow/model.ts';
import { didYouMean, listNames } from '../../base/suggest.ts';
import type { Call, Command } from '../command.ts';
import { compileFile } from '../compile-file.ts';
import { conductRun, RUN_OPTIONS } from '../conduct-run.ts';
import { DETACH_OPTION, detachTo, leaveRun } from '../detach.ts';
import { FETCH_OPTIONS, fetchingFor } from '../fetching.ts';
import { openDesk } from '../open-desk.ts';
import { jsonLine } from '../present.ts';
import { agreement, awaitTime, count, weighing } from '../option-values.ts';
import { INPUT_OPTION, readWorkflow } from '../read-workflow.ts';

export const command: Command = {
  summary: 'Run a workflow; what was computed before is taken from its receipts.',
  usage:
    'FILE [--input k=v]… [--out DIR] [--slots N] [--force] [--agree K/N] [--weight N] [--await-time TIME] [--fail-fast] [--detach] [--json]',
  words: [1, 1],
  options: {
    ...INPUT_OPTION,
    ...RUN_OPTIONS,
    ...FETCH_OPTIONS,
    force: { type: 'flag', help: 'run every task, also those with a result' },
    agree: {
      type: 'value',
      value: 'K/N',
      help: 'in a mesh: a pure task is done when K different agents agree on its output, of N at most (2/3)',
    },
    weight: { type: 'value', value: 'N', help: 'share of slots beside that of other runs, each of which has 1 (0.01 to 100)' },
    ...DETACH_OPTION,
    'force-task': { type: 'value', value: 'NAME', many: true, help: 'run this task, or all of this group, also if there is a result' },
  },
  help: `
FILE is a workflow in YAML (docs/workflow.md describes it), or Homestar's in JSON or DAG-CBOR; - reads it from stdin, with paths relative to the current folder.
Results go to stdout, everything else to stderr. Without --out a single text output is printed as it is.

What the workflow names by CID or URL and is not here is fetched before anything runs, from the host a URL names and from --gateway; what has a CID is
verified. With --detach the agent fetches it, from where it may, unless --gateway or --fetch say from where. docs/resources.md says more.

While several runs of one agent, or of the agents of a mesh, want more slots than there are, each gets slots by its --weight: one of 3 three times as many
as one of 1, by turns where there are more runs than slots. Nobody gets none.

With --json one document stands on stdout: {run, workflow, state, tasks: {total, ran, cached, failed, skipped, cancelled}, outputs, errors, seconds}, or
{error: {code, message, next, place, …}} if there was no run. docs/errors.md explains the codes.

Exit status: 0 if every output is there, 1 if not or if a file cannot be read, 2 if the workflow or the command line is wrong, 130 if stopped by
Ctrl-C (143 by SIGTERM, 129 by a hang-up).

Examples:
  docket run workflow.yaml
  docket run workflow.yaml --input texts='docs/**/*.md' --out result/
  docket run workflow.yaml --detach --weight 3 --agree 2/3
  docket run workflow.json --json | jq .outputs`,
  async run(call) {
    const slots = count(call, 'slots');
    const workflow = await readWorkflow(call);
    await using desk = await openDesk(call, { slots, drives: true });
    const { importer, driver } = desk;
    const detached = detachTo(call, desk);
    const resources = await fetchingFor(call, importer.shelf);
    const optionsOf = (plan: Plan): DriveOptions => ({
      force: call.flag('force') ? ('all' as const) : forcedTasks(call, plan),
      failFast: call.flag('fail-fast'),
      ...awaitTime(call),
      ...agreement(call),
      ...weighing(call),
      ...(slots === undefined ? {} : { slots }),
    });
    if (detached !== undefined) {
      const run = await leaveRun(call, {
        start: (plan) => detached.start(plan, optionsOf(plan)),
        async compileHere() {
          const { resourcesHere } = await import('../../agent/resources/here.ts');
          return await compileFile(call, importer, workflow, { resources: resourcesHere(importer.shelf) });
        },
        compileFetched: () => compileFile(call, importer, workflow, { resources }),
      });
      call.streams.stdout.write(call.flag('json') ? jsonLine({ run }) : `${run}\n`);
      return 0;
    }
    const plan = await compileFile(call, importer, workflow, { resources });
    const options = optionsOf(plan);
    return await conductRun(call, desk, {
      plan,
      slots,
      start: (hooks) => driver.run(plan, { ...options, ...hooks, fetched: resources.fetched }),
      importAgain: () => compileFile(call, importer, workflow, { resources }),
    });
  },
};

function forcedTasks(call: Call, plan: Plan): readonly string[] {
  const names = call.values('force-task');
  if (names.length === 0) return names;
  const known = new Set(plan.tasks.flatMap((task) => [task.group, task.label]));
  for (const name of names) {
    if (known.has(name)) continue;
    throw call.usage(
      `--force-task ${name}: the workflow has no such task or group${didYouMean(name, known)}`,
      `Groups: ${listNames(plan.groups.map((group) => group.name))}.`,
    );
  }
  return names;
}
