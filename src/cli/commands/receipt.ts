import { DocketError } from '../../errors.ts';
import * as Cid from '../../ipld/cid.ts';
import * as DagJson from '../../ipld/dag-json.ts';
import { didYouMean } from '../../base/suggest.ts';
import type { Check } from '../../protocol/checks.ts';
import { receiptDocument } from '../../receipt/show.ts';
import * as Receipt from '../../receipt/verify.ts';
import type { Call, Command } from '../command.ts';
import type { Desk } from '../desk.ts';
import { openDesk } from '../open-desk.ts';
import { jsonLine, printable } from '../present.ts';

const VERBS = ['show', 'verify'] as const;

export const command: Command = {
  summary: 'Show a receipt, or check it with all it rests on.',
  usage: 'show|verify CID',
  words: [2, 2],
  options: {},
  help: `
show CID    print the receipt as DAG-JSON: what ran, what came out, what it cost, who signed
verify CID  check its form, CID and signature, the key it is filed under, and every blob of its inputs and outputs that is here

\`docket show RUN\` lists the receipts of a run. Exit status of verify: 0 if all that is here is good, 1 if anything is not.`,
  async run(call) {
    const [verb, word] = call.words;
    if (!VERBS.some((known) => known === verb)) throw call.usage(`takes ${VERBS.join(' or ')}, not "${verb}"${didYouMean(verb!, VERBS)}`);
    const cid = Cid.parse(word!);
    await using desk = await openDesk(call, { lookOnly: true, ofRuns: true });
    return verb === 'show' ? await show(call, desk, cid) : await verify(call, desk, cid);
  },
};

export async function show(call: Call, desk: Desk, cid: Cid.CID): Promise<number> {
  const bytes = await bytesOf(desk, cid);
  call.streams.stdout.write(`${DagJson.encode(receiptDocument(cid, bytes), call.flag('json') ? {} : { indent: 2 })}\n`);
  return 0;
}

async function bytesOf(desk: Desk, cid: Cid.CID): Promise<Uint8Array> {
  const bytes = await (await desk.records()).receipts.get(cid);
  if (bytes === undefined) throw new DocketError('RECEIPT_UNKNOWN', `there is no receipt ${cid} in ${desk.place}`);
  return bytes;
}

async function verify(call: Call, desk: Desk, cid: Cid.CID): Promise<number> {
  const { stdout } = call.streams;
  const checks = await checksOf(desk, cid);
  const good = checks.every((check) => check.state !== 'bad');
  if (call.flag('json')) stdout.write(jsonLine({ cid: cid.toString(), good, checks }));
  else {
    for (const { what, state, message } of checks)
      stdout.write(`${state.padEnd(9)}  ${what}${message === undefined ? '' : `: ${printable(message)}`}\n`);
    stdout.write(good ? 'the receipt is sound\n' : 'the receipt is NOT sound\n');
  }
  return good ? 0 : 1;
}

/** An agent's word on what it keeps is taken, but not on the receipt itself: its CID and signature are checked here as well. */
async function checksOf(desk: Desk, cid: Cid.CID): Promise<Check[]> {
  const { receipts } = await desk.records();
  const checks: Check[] = [];
  for await (const check of receipts.check(cid)) checks.push(check);
  const bytes = await bytesOf(desk, cid);
  for (const { check, message } of Receipt.verify(bytes, cid)) {
    const what = `receipt: ${check}`;
    if (!checks.some((other) => other.state === 'bad' && other.what === what)) checks.push({ what, state: 'bad', message });
  }
  return checks;
}
