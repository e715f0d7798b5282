import { ofValue } from '../../ipld/cid.ts';
import type { Command } from '../command.ts';
import { compileFile } from '../compile-file.ts';
import { openDesk } from '../open-desk.ts';
import { jsonLine, table } from '../present.ts';
import { INPUT_OPTION, readWorkflow } from '../read-workflow.ts';

export const command: Command = {
  summary: 'Print the CIDs of a workflow, its tasks and their instructions.',
  usage: 'FILE [--input k=v]…',
  words: [1, 1],
  options: INPUT_OPTION,
  help: `
Files the workflow names are imported into the store, since their CIDs are part of the instructions. Nothing is run. Promises await the CID of an instruction;
a receipt names the CID of an invocation, \`{task}\`, which --json shows too.`,
  async run(call) {
    const workflow = await readWorkflow(call);
    await using desk = await openDesk(call);
    const plan = await compileFile(call, desk.importer, workflow);
    const rows = plan.tasks.map(({ label, task, instruction, invocation }) => ({
      label,
      instruction: instruction.toString(),
      task: ofValue({ run: { ...task.run }, cause: task.cause, meta: task.meta, prf: task.prf }).toString(),
      invocation: invocation.toString(),
    }));
    if (call.flag('json')) call.streams.stdout.write(jsonLine({ workflow: plan.workflow.toString(), name: plan.name, tasks: rows }));
    else {
      call.streams.stdout.write(`workflow ${plan.workflow}\n`);
      call.streams.stdout.write(
        table([['LABEL', 'INSTRUCTION', 'TASK'], ...rows.map(({ label, instruction, task }) => [label, instruction, task])]),
      );
    }
    return 0;
  },
};
