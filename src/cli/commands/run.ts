import { readFile } from 'node:fs/promises';
import { localSources } from '../../agent/sources.ts';
import { runPlan } from '../../agent/run-plan.ts';
import { DocketError } from '../../errors.ts';
import { statIndexOf } from '../../agent/stat-index.ts';
import { compile } from '../../workflow/compile.ts';
import type { Call, Command } from '../command.ts';
import { conductRun, RUN_OPTIONS } from '../conduct-run.ts';
import { countOption, openEngine } from '../open-engine.ts';

export const command: Command = {
  summary: 'Run a workflow; what was computed before is taken from its receipts.',
  usage: 'FILE [--input k=v]… [--out DIR] [--slots N] [--force] [--fail-fast] [--json]',
  words: [1, 1],
  options: {
    input: { type: 'value', value: 'K=V', many: true, help: 'give an input of the workflow a value' },
    ...RUN_OPTIONS,
  },
  help: `
FILE is a workflow in YAML (docs/workflow.md describes it) or Homestar's JSON.

Exit status: 0 if every output is there, 1 if not, 2 if the file or the command line is wrong, 130 if stopped by Ctrl-C.

Examples:
  docket run workflow.yaml
  docket run workflow.yaml --input texts='docs/**/*.md' --out result/
  docket run workflow.json --json | jq .outputs`,
  async run(call) {
    const file = call.words[0]!;
    const inputs = parseInputs(call.values('input'));
    const slots = countOption(call, 'slots');
    const text = await readWorkflow(file);
    await using engine = await openEngine(call, slots === undefined ? {} : { slots });
    const plan = await compile(text, { file, inputs, sources: localSources(file, engine.store, statIndexOf(engine), call.signal) });
    return await conductRun(call, engine, plan, (options) => runPlan(engine, plan, options));
  },
};

export async function readWorkflow(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new DocketError('WORKFLOW_SYNTAX', `cannot read the workflow ${file}: ${(cause as Error).message}`, { cause, next: 'Check the path.' });
  }
}

export function parseInputs(pairs: Call['words']): Record<string, string> {
  const inputs: Record<string, string> = {};
  for (const pair of pairs) {
    const at = pair.indexOf('=');
    if (at < 1) throw new DocketError('USAGE', `--input takes NAME=VALUE, not "${pair}"`);
    const name = pair.slice(0, at);
    if (Object.hasOwn(inputs, name)) throw new DocketError('USAGE', `--input ${name} is given twice`);
    inputs[name] = pair.slice(at + 1);
  }
  return inputs;
}
