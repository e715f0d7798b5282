import { didYouMean } from '../../base/suggest.ts';
import type { TrustList, TrustRecords } from '../../protocol/trust.ts';
import type { Call, Command } from '../command.ts';
import { openDesk } from '../open-desk.ts';
import { wholeDid } from '../whole-did.ts';
import { jsonLine, printable, table } from '../present.ts';

const VERBS = ['ls', 'add', 'rm'] as const;

export const command: Command = {
  summary: 'Say whose results are believed in a mesh.',
  usage: 'ls | add AGENT [--name NAME] | rm AGENT',
  words: [1, 2],
  options: { name: { type: 'value', value: 'NAME', help: 'add: what people call it' } },
  help: `
ls         agents that were added, removed or found to be wrong, each with why and since when; and what was refused, by who is named as its issuer
add AGENT  take results of this agent, whatever the mode, also if it was found to be wrong
rm AGENT   take no results of this agent any more, whatever the mode

AGENT is its DID, or the beginning of that as \`docket agents\` shows it, of an agent that is listed or, where an agent can be asked, is a member of its mesh.

An agent in a mesh takes results of every agent that is or was a member, unless it is distrusted (\`docket agent --trust members\`), or only of those that were added
(\`--trust listed\`). Who gave a result that enough others contradict is distrusted by itself, and listed with the receipts that show it. What was forged in an
agent's name is listed under that name, and held against nobody.

Examples:
  docket trust rm z6MkiTBz1ymu
  docket trust add did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp --name "lab 3"`,
  async run(call) {
    const [verb, word] = call.words;
    if (!VERBS.some((known) => known === verb)) throw call.usage(`takes ${VERBS.join(', ')}, not "${verb}"${didYouMean(verb!, VERBS)}`);
    if ((verb === 'ls') !== (word === undefined))
      throw call.usage(verb === 'ls' ? `ls takes no "${word}"` : `${verb} takes the DID of an agent`);
    const name = call.value('name');
    if (name !== undefined && (verb !== 'add' || name === '' || name.length > 200))
      throw call.usage(verb === 'add' ? '--name takes 1 to 200 characters' : '--name goes with add');
    await using desk = await openDesk(call, { lookOnly: verb === 'ls' });
    const { trust } = await desk.records();
    if (verb === 'ls') return await ls(call, trust);
    const did = await wholeDid(call, word!, async () => (await trust.list()).agents.map((agent) => agent.did));
    await (verb === 'add' ? trust.add(did, name) : trust.remove(did));
    const verdict = verb === 'add' ? 'trusted' : 'distrusted';
    call.streams.stdout.write(call.flag('json') ? jsonLine({ did, verdict }) : `${did} is ${verdict}\n`);
    return 0;
  },
};

async function ls(call: Call, records: TrustRecords): Promise<number> {
  const list = await records.list();
  const { stdout, stderr } = call.streams;
  if (call.flag('json')) stdout.write(jsonLine(document(list)));
  else if (list.agents.length === 0 && list.refusals.length === 0) stderr.write('nothing was said of any agent, and nothing was refused\n');
  else {
    if (list.agents.length > 0) stdout.write(table([['AGENT', 'NAME', 'VERDICT', 'SINCE', 'WHY'], ...list.agents.map(agentRow)]));
    for (const { did, evidence } of list.agents) for (const cid of evidence) stdout.write(`against ${did}: docket receipt show ${cid}\n`);
    if (list.agents.length > 0 && list.refusals.length > 0) stdout.write('\n');
    if (list.refusals.length > 0)
      stdout.write(table([['REFUSED OF', 'REASON', 'TIMES', 'LAST', 'MESSAGE'], ...list.refusals.map(refusalRow)]));
  }
  return 0;
}

function agentRow({ did, name, verdict, at, why }: TrustList['agents'][number]): string[] {
  return [did, printable(name ?? ''), verdict, new Date(at).toISOString(), printable(why)];
}

function refusalRow({ issuer, reason, count, at, message }: TrustList['refusals'][number]): string[] {
  return [printable(issuer ?? 'others'), reason, String(count), new Date(at).toISOString(), printable(message)];
}

function document({ agents, refusals }: TrustList): unknown {
  const iso = (row: { readonly at: number }): unknown => ({ ...row, at: new Date(row.at).toISOString() });
  return { agents: agents.map(iso), refusals: refusals.map(iso) };
}
