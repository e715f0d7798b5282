import { runPlan } from '../../agent/run-plan.ts';
import type { Command } from '../command.ts';
import { compileFile, INPUT_OPTION, readWorkflow } from '../compile-file.ts';
import { conductRun, RUN_OPTIONS } from '../conduct-run.ts';
import { countOption, openEngine } from '../open-engine.ts';

export const command: Command = {
  summary: 'Run a workflow; what was computed before is taken from its receipts.',
  usage: 'FILE [--input k=v]… [--out DIR] [--slots N] [--force] [--fail-fast] [--json]',
  words: [1, 1],
  options: { ...INPUT_OPTION, ...RUN_OPTIONS },
  help: `
FILE is a workflow in YAML (docs/workflow.md describes it) or Homestar's JSON.

Exit status: 0 if every output is there, 1 if not, 2 if the file or the command line is wrong, 130 if stopped by Ctrl-C.

Examples:
  docket run workflow.yaml
  docket run workflow.yaml --input texts='docs/**/*.md' --out result/
  docket run workflow.json --json | jq .outputs`,
  async run(call) {
    const slots = countOption(call, 'slots');
    const workflow = await readWorkflow(call);
    await using engine = await openEngine(call, { willWrite: true, ...(slots === undefined ? {} : { slots }) });
    const plan = await compileFile(call, engine, workflow);
    return await conductRun(call, engine, plan, (options) => runPlan(engine, plan, options));
  },
};
