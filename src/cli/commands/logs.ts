import { type Ipld, isLink } from '../../ipld/value.ts';
import type { TaskLog } from '../../protocol/records.ts';
import type { Call, Command } from '../command.ts';
import type { Desk } from '../desk.ts';
import { openDesk } from '../open-desk.ts';
import { jsonable, jsonLine, jsonList, printable } from '../present.ts';
import { textOf } from '../print-outputs.ts';
import { writePiece, writeValue } from '../write-value.ts';

export const command: Command = {
  summary: 'Print what the tasks of a run wrote to stdout and stderr.',
  usage: 'RUN [TASK] [--follow]',
  words: [1, 2],
  options: { follow: { type: 'flag', short: 'f', help: 'show what TASK writes while it runs at an agent, until it has ended' } },
  help: `
RUN is the id of a run, the beginning of one, or \`last\`. With TASK: its stdout on stdout and its stderr on stderr, byte for byte. Without: every task
that wrote anything or failed, under a heading. A cached task shows what it wrote when it ran. Of a task that was stopped its last words are kept.
What --follow shows is no result yet: the task may still fail or be run again. Bytes that come faster than they can be told are left out, and that
is said. Its exit status is 0 if the task ended well, else 1.

With --json a stream is a text; one that is no text or longer than 1 MiB stands there as DAG-JSON: its bytes, or a link to its blob.`,
  async run(call) {
    const task = call.words[1];
    const isFollowing = call.flag('follow');
    if (isFollowing && (task === undefined || call.flag('json'))) throw call.usage('--follow goes with a TASK, and without --json');
    await using desk = await openDesk(call, { lookOnly: true, drives: isFollowing, ofRuns: true });
    const { runs } = await desk.records();
    const view = await runs.find(call.words[0]!);
    const { run } = view;
    if (isFollowing) {
      const { follow } = await import('../follow-task.ts');
      return await follow(call, desk, { view, task: task! });
    }
    if (task === undefined) await allLogs(call, desk, { run, logs: runs.logs(run) });
    else for await (const log of runs.logs(run, task)) await taskLogs(call, desk, { run, log });
    return 0;
  },
};

async function taskLogs(call: Call, desk: Desk, { run, log }: { readonly run: string; readonly log: TaskLog }): Promise<void> {
  const { stdout, stderr } = call.streams;
  if (call.flag('json')) {
    stdout.write(jsonLine({ run, ...(await document(desk, log)) }));
    return;
  }
  await writeValue(desk, log.stdout, stdout);
  await writeValue(desk, log.stderr, stderr);
  if (log.failure !== null) stderr.write(`docket: failed: ${printable(log.failure)}\n`);
}

interface RunLogs {
  readonly run: string;
  readonly logs: AsyncIterable<TaskLog>;
}

async function allLogs(call: Call, desk: Desk, { run, logs }: RunLogs): Promise<void> {
  const { stdout } = call.streams;
  if (call.flag('json')) {
    for await (const piece of jsonList('tasks', documents(desk, { run, logs }))) await writePiece(stdout, piece);
    return;
  }
  for await (const log of logs) {
    await writePiece(stdout, `== ${printable(log.label)} (${log.via === 'ran' ? log.state : `${log.state}, cached`})\n`);
    await writeValue(desk, log.stdout, stdout);
    await writeValue(desk, log.stderr, stdout);
    if (log.failure !== null) await writePiece(stdout, `failed: ${printable(log.failure)}\n`);
  }
}

async function* documents(desk: Desk, { run, logs }: RunLogs): AsyncGenerator<unknown, { readonly run: string }, void> {
  for await (const log of logs) yield await document(desk, log);
  return { run };
}

async function document(desk: Desk, { label, state, stdout, stderr, failure }: TaskLog): Promise<Record<string, unknown>> {
  return { task: label, state, stdout: await streamOf(desk, stdout), stderr: await streamOf(desk, stderr), failure };
}

const LONGEST_TEXT = 1 << 20;

async function streamOf({ store }: Desk, value: Ipld): Promise<unknown> {
  if (value instanceof Uint8Array) return textOf(value) ?? jsonable(value);
  if (!isLink(value)) return value;
  const size = (await store.stat(value))?.size ?? 0;
  return (size <= LONGEST_TEXT ? textOf(await store.read(value)) : undefined) ?? jsonable(value);
}
