import { planOf } from '../../agent/plan-of.ts';
import type { Engine } from '../../agent/engine.ts';
import { failureText, readReceipt } from '../../agent/read-receipt.ts';
import { DocketError } from '../../errors.ts';
import { type Ipld, isLink, isMap } from '../../ipld/value.ts';
import type { RunTaskRow } from '../../ledger/change.ts';
import type { Call, Command } from '../command.ts';
import { findRun, findTask } from '../find.ts';
import { openEngine } from '../open-engine.ts';
import { jsonable, jsonLine, jsonList, printable } from '../present.ts';
import { textOf } from '../print-outputs.ts';
import { writePiece, writeValue } from '../write-value.ts';

export const command: Command = {
  summary: 'Print what the tasks of a run wrote to stdout and stderr.',
  usage: 'RUN [TASK]',
  words: [1, 2],
  options: {},
  help: `
RUN is the id of a run, the beginning of one, or \`last\`. With TASK: its stdout on stdout and its stderr on stderr, byte for byte. Without: every task
that wrote anything or failed, under a heading. A cached task shows what it wrote when it ran. Of a task that was stopped its last words are kept.
With --json a stream is a text; one that is no text or longer than 1 MiB stands there as DAG-JSON: its bytes, or a link to its blob.`,
  async run(call) {
    await using engine = await openEngine(call, { lookOnly: true });
    const { run } = findRun(engine, call.words[0]!);
    const task = call.words[1];
    await (task === undefined ? allLogs(call, engine, run) : taskLogs(call, engine, run, findTask(await planOf(engine, run), task)));
    return 0;
  },
};

async function taskLogs(call: Call, engine: Engine, run: string, index: number): Promise<void> {
  const { stdout, stderr } = call.streams;
  const row = engine.ledger.runTask(run, index);
  const written = row && writtenIn(engine, row);
  if (row === undefined || written === undefined) {
    throw new DocketError('RECEIPT_UNKNOWN', `the task has no receipt in run ${run}, so no logs`, {
      next: '`docket why` says why it did not run.',
    });
  }
  if (call.flag('json')) {
    stdout.write(jsonLine({ run, ...(await document(engine, row, written)) }));
    return;
  }
  await writeValue(engine, written.stdout, stdout);
  await writeValue(engine, written.stderr, stderr);
  if (written.failure !== undefined) stderr.write(`docket: failed: ${printable(written.failure)}\n`);
}

async function allLogs(call: Call, engine: Engine, run: string): Promise<void> {
  const { stdout } = call.streams;
  if (call.flag('json')) {
    for await (const piece of jsonList('tasks', documents(engine, run))) await writePiece(stdout, piece);
    return;
  }
  for (const { row, written } of taskWithLogs(engine, run)) {
    await writePiece(stdout, `== ${printable(row.label)} (${row.via === 'ran' ? row.state : `${row.state}, cached`})\n`);
    await writeValue(engine, written.stdout, stdout);
    await writeValue(engine, written.stderr, stdout);
    if (written.failure !== undefined) await writePiece(stdout, `failed: ${printable(written.failure)}\n`);
  }
}

async function* documents(engine: Engine, run: string): AsyncGenerator<unknown, { readonly run: string }, void> {
  for (const { row, written } of taskWithLogs(engine, run)) yield await document(engine, row, written);
  return { run };
}

function* taskWithLogs(engine: Engine, run: string): Generator<{ readonly row: RunTaskRow; readonly written: Written }> {
  for (const row of engine.ledger.runTasks(run)) {
    const written = writtenIn(engine, row);
    if (written !== undefined && !(isEmpty(written.stdout) && isEmpty(written.stderr) && written.failure === undefined))
      yield { row, written };
  }
}

async function document(engine: Engine, { label, state }: RunTaskRow, written: Written): Promise<Record<string, unknown>> {
  return {
    task: label,
    state,
    stdout: await streamOf(engine, written.stdout),
    stderr: await streamOf(engine, written.stderr),
    failure: written.failure ?? null,
  };
}

interface Written {
  readonly stdout: Ipld;
  readonly stderr: Ipld;
  /** How the task failed, for people. */
  readonly failure: string | undefined;
}

/** What stands in a task's receipt of what the guest wrote: under the value of a success, or in the data of a failure. */
function writtenIn(engine: Engine, { receipt: cid }: RunTaskRow): Written | undefined {
  const outcome = cid === null ? undefined : readReceipt(engine, cid)?.outcome;
  if (outcome === undefined) return undefined;
  const holder = outcome.tag === 'ok' ? outcome.value : outcome.failure.data;
  const { stdout = '', stderr = '' } = isMap(holder) ? holder : {};
  return { stdout, stderr, failure: failureText(outcome) };
}

const LONGEST_TEXT = 1 << 20;

async function streamOf(engine: Engine, value: Ipld): Promise<unknown> {
  if (value instanceof Uint8Array) return textOf(value) ?? jsonable(value);
  if (!isLink(value)) return value;
  const size = (await engine.store.stat(value))?.size ?? 0;
  return (size <= LONGEST_TEXT ? textOf(await engine.store.read(value)) : undefined) ?? jsonable(value);
}

function isEmpty(value: Ipld): boolean {
  return (typeof value === 'string' || value instanceof Uint8Array) && value.length === 0;
}
