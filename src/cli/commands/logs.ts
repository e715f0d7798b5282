import { planOf } from '../../agent/plan-of.ts';
import type { Engine } from '../../agent/engine.ts';
import type { CID } from '../../ipld/cid.ts';
import { type Ipld, isLink, isMap } from '../../ipld/value.ts';
import * as Receipt from '../../receipt/verify.ts';
import { DocketError } from '../../errors.ts';
import type { Command, Streams } from '../command.ts';
import { findRun, findTask } from '../find.ts';
import { openEngine } from '../open-engine.ts';
import { jsonLine } from '../present.ts';

export const command: Command = {
  summary: 'Print what the tasks of a run wrote to stdout and stderr.',
  usage: 'RUN [TASK]',
  words: [1, 2],
  options: {},
  help: `
With TASK: its stdout on stdout and its stderr on stderr, byte for byte. Without: every task that wrote anything, under a heading.
A cached task shows what it wrote when it ran.`,
  async run(call) {
    await using engine = await openEngine(call);
    const [runWord, taskWord] = call.words;
    const { run } = findRun(engine, runWord!);
    if (taskWord !== undefined) {
      const index = findTask(await planOf(engine, run), taskWord);
      const row = engine.ledger.runTask(run, index);
      const written = row?.receipt == null ? undefined : writtenBy(engine, row.receipt);
      if (written === undefined) throw new DocketError('RECEIPT_UNKNOWN', `task ${taskWord} left no logs in run ${run}`, { next: '`docket why` says why it did not run.' });
      if (call.flag('json')) call.streams.stdout.write(jsonLine({ run, task: taskWord, stdout: await text(engine, written.stdout), stderr: await text(engine, written.stderr) }));
      else await writeBoth(engine, written, call.streams);
      return 0;
    }
    for (const row of engine.ledger.runTasks(run)) {
      const written = row.receipt === null ? undefined : writtenBy(engine, row.receipt);
      if (written === undefined || (isEmpty(written.stdout) && isEmpty(written.stderr))) continue;
      if (call.flag('json')) call.streams.stdout.write(jsonLine({ run, task: row.label, stdout: await text(engine, written.stdout), stderr: await text(engine, written.stderr) }));
      else {
        call.streams.stdout.write(`== ${row.label} (${row.state}${row.via === 'ran' ? '' : ', cached'})\n`);
        await writeBoth(engine, written, { ...call.streams, stderr: call.streams.stdout });
      }
    }
    return 0;
  },
};

interface Written {
  readonly stdout: Ipld;
  readonly stderr: Ipld;
}

/** What stands in a receipt of what the guest wrote: under the value of a success, or in the data of a failure. */
function writtenBy(engine: Engine, cid: CID): Written | undefined {
  const row = engine.ledger.receipt(cid);
  const receipt = row === undefined ? undefined : Receipt.decodeAs(cid, row.bytes);
  if (receipt === undefined) return undefined;
  const [tag, value] = receipt.out;
  const holder = tag === 'error' && isMap(value) ? value['data'] : value;
  if (!isMap(holder)) return undefined;
  return { stdout: holder['stdout'] ?? '', stderr: holder['stderr'] ?? '' };
}

async function writeBoth(engine: Engine, { stdout, stderr }: Written, streams: Streams): Promise<void> {
  await writeTo(engine, stdout, streams.stdout);
  await writeTo(engine, stderr, streams.stderr);
}

/** Writes text, bytes or a blob to a stream, however large. */
export async function writeTo(engine: Engine, value: Ipld, stream: NodeJS.WriteStream): Promise<void> {
  if (typeof value === 'string' || value instanceof Uint8Array) {
    if (value.length > 0) stream.write(value);
  } else if (isLink(value)) {
    for await (const chunk of engine.store.get(value)) {
      if (!stream.write(chunk)) await new Promise<void>((resolve) => stream.once('drain', resolve));
    }
  }
}

async function text(engine: Engine, value: Ipld): Promise<string> {
  if (typeof value === 'string') return value;
  if (value instanceof Uint8Array) return new TextDecoder().decode(value);
  return isLink(value) ? new TextDecoder().decode(await engine.store.read(value)) : '';
}

function isEmpty(value: Ipld): boolean {
  return (typeof value === 'string' || value instanceof Uint8Array) && value.length === 0;
}
