import { localSources } from '../../agent/sources.ts';
import { statIndexOf } from '../../agent/stat-index.ts';
import { ofValue } from '../../ipld/cid.ts';
import { compile } from '../../workflow/compile.ts';
import type { Command } from '../command.ts';
import { openEngine } from '../open-engine.ts';
import { jsonLine, table } from '../present.ts';
import { parseInputs, readWorkflow } from './run.ts';

export const command: Command = {
  summary: 'Print the CIDs of a workflow, its tasks and their instructions.',
  usage: 'FILE [--input k=v]…',
  words: [1, 1],
  options: { input: { type: 'value', value: 'K=V', many: true, help: 'give an input of the workflow a value' } },
  help: `
Files the workflow names are imported into the store, since their CIDs are part of the instructions. Nothing is run.`,
  async run(call) {
    const file = call.words[0]!;
    const inputs = parseInputs(call.values('input'));
    const text = await readWorkflow(file);
    await using engine = await openEngine(call);
    const plan = await compile(text, { file, inputs, sources: localSources(file, engine.store, statIndexOf(engine), call.signal) });
    const rows = plan.tasks.map(({ label, task, instruction, invocation }) => ({
      label,
      instruction: instruction.toString(),
      task: ofValue({ run: { ...task.run }, cause: task.cause, meta: task.meta, prf: task.prf }).toString(),
      invocation: invocation.toString(),
    }));
    if (call.flag('json')) call.streams.stdout.write(jsonLine({ workflow: plan.workflow.toString(), name: plan.name, tasks: rows }));
    else {
      call.streams.stdout.write(`workflow ${plan.workflow}\n`);
      call.streams.stdout.write(table([['LABEL', 'INSTRUCTION', 'TASK'], ...rows.map(({ label, instruction, task }) => [label, instruction, task])]));
    }
    return 0;
  },
};
