import { findTask } from '../agent/find.ts';
import type { EventView, RunView } from '../protocol/records.ts';
import type { Call } from './command.ts';
import type { Desk } from './desk.ts';
import { planIn } from '../agent/plan-of.ts';
import { counted, printable } from './present.ts';
import { writePiece } from './write-value.ts';

interface Followed {
  readonly view: RunView;
  /** A label, an instruction, or the beginning of either. */
  readonly task: string;
}

/** Shows what a task writes while it runs: its stdout on ours, its stderr on ours. Gives 0 if it ended well, else 1. Throws `USAGE`, `TASK_UNKNOWN`. */
export async function follow(call: Call, desk: Desk, { view, task }: Followed): Promise<number> {
  if (desk.followTask === undefined)
    throw call.usage(
      '--follow needs the agent that runs the task',
      'Start one on this home (`docket agent`), or name one with --agent URL.',
    );
  const plan = await planIn(desk, view);
  const { instruction } = plan.tasks[findTask(plan, task)]!;
  for await (const event of desk.followTask(instruction, call.signal)) {
    const end = await show(call, event);
    if (end !== undefined) return end;
  }
  call.streams.stderr.write('docket: the agent stopped telling\n');
  return 1;
}

/** Gives the exit status with the last event. */
async function show({ streams: { stdout, stderr } }: Call, { kind, data }: EventView): Promise<number | undefined> {
  const fields = JSON.parse(data) as Readonly<Record<string, unknown>>;
  switch (kind) {
    case 'stdout':
      await writePiece(stdout, String(fields['text']));
      return undefined;
    case 'stderr':
      await writePiece(stderr, String(fields['text']));
      return undefined;
    case 'gap':
      stderr.write(`docket: ${'bytes' in fields ? counted(Number(fields['bytes']), 'byte') : 'something'} left out\n`);
      return undefined;
    case 'again':
      stderr.write('docket: it was lost with its process, and is run again\n');
      return undefined;
    case 'ended':
      if (fields['state'] === 'ok') return 0;
      stderr.write(
        `docket: ${typeof fields['failure'] === 'string' ? `failed: ${printable(fields['failure'])}` : 'it did not end here'}\n`,
      );
      return 1;
    default:
      return undefined;
  }
}
