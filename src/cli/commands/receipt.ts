import { type Check, checkReceipt } from '../../agent/check-receipt.ts';
import type { Engine } from '../../agent/engine.ts';
import { receiptDocument } from '../../agent/read-receipt.ts';
import { DocketError } from '../../errors.ts';
import * as Cid from '../../ipld/cid.ts';
import * as DagJson from '../../ipld/dag-json.ts';
import { didYouMean } from '../../base/suggest.ts';
import type { Call, Command } from '../command.ts';
import { openEngine } from '../open-engine.ts';
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
    await using engine = await openEngine(call, { lookOnly: true });
    return verb === 'show' ? show(call, engine, cid) : await verify(call, engine, cid);
  },
};

export function show(call: Call, engine: Engine, cid: Cid.CID): number {
  const row = engine.ledger.receipt(cid);
  if (row === undefined) throw new DocketError('RECEIPT_UNKNOWN', `there is no receipt ${cid} in this home`);
  call.streams.stdout.write(`${DagJson.encode(receiptDocument(row), call.flag('json') ? {} : { indent: 2 })}\n`);
  return 0;
}

async function verify(call: Call, engine: Engine, cid: Cid.CID): Promise<number> {
  const { stdout } = call.streams;
  const checks: Check[] = [];
  for await (const check of checkReceipt(engine, cid)) checks.push(check);
  const good = checks.every((check) => check.state !== 'bad');
  if (call.flag('json')) stdout.write(jsonLine({ cid: cid.toString(), good, checks }));
  else {
    for (const { what, state, message } of checks)
      stdout.write(`${state.padEnd(6)}  ${what}${message === undefined ? '' : `: ${printable(message)}`}\n`);
    stdout.write(good ? 'the receipt is sound\n' : 'the receipt is NOT sound\n');
  }
  return good ? 0 : 1;
}
