import { findAgent } from '../../agent/find-agent.ts';
import { formatSize } from '../../base/units.ts';
import { DocketError, isDocketError } from '../../errors.ts';
import * as Cid from '../../ipld/cid.ts';
import type { RunView, TaskView } from '../../protocol/records.ts';
import type { Call, Command } from '../command.ts';
import { allTasks } from '../all-tasks.ts';
import type { Desk } from '../desk.ts';
import { openDesk } from '../open-desk.ts';
import { homeOf } from '../open-engine.ts';
import { countsLine, jsonable, jsonLine, printable, table } from '../present.ts';
import { outputLines } from '../print-outputs.ts';
import { folderOfIpfs, stat as statBlob } from '../store/blobs.ts';
import { shortDid } from '../whole-did.ts';
import { show as showReceipt } from './receipt.ts';

export const command: Command = {
  summary: 'Show a run with its tasks, or what a CID names.',
  usage: 'RUN|CID [--all]',
  words: [1, 1],
  options: { all: { type: 'flag', help: 'list every task of the run (default: failures, and the first 50)' } },
  help: `
RUN is the id of a run, the beginning of one, or \`last\`. A CID may be one of a receipt, an instruction, a blob or a tree.`,
  async run(call) {
    await using desk = await openDesk(call, { lookOnly: true, ofRuns: true });
    const word = call.words[0]!;
    if (word.length > LONGEST_RUN) return await showCid(call, desk, Cid.parse(word));
    return await showRun(call, desk, await (await desk.records()).runs.find(word));
  },
};

/** Characters of the id of a run, a ULID. CIDs are longer, in whatever base. */
const LONGEST_RUN = 26;

const SHOWN = 50;

/** What a run that goes on waits for. Only the agent that drives it knows. */
async function fetchingOf(call: Call, desk: Desk, { run, state, fetching }: RunView): Promise<RunView['fetching']> {
  const agent = state === 'running' && fetching === undefined ? findAgent(homeOf(call)) : undefined;
  if (agent === undefined) return fetching;
  const { remoteRecords } = await import('../../sdk/remote-records.ts');
  const door = { url: agent.local, token: agent.token, idle: PATIENCE, patience: PATIENCE };
  try {
    return (await remoteRecords(door, desk.store).runs.find(run)).fetching;
  } catch (error) {
    // Nobody answers, or it is another command's run: the rest is shown all the same.
    if (!isDocketError(error)) throw error;
    return undefined;
  }
}

/** How long it may take to say so, in ms. */
const PATIENCE = 3_000;

/** `unlisted`: why they cannot be told. Only who drives the run can, and, as long as it is heard, the mesh. */
async function tasksOf(desk: Desk, { run }: RunView): Promise<{ readonly tasks: readonly TaskView[]; readonly unlisted?: DocketError }> {
  try {
    return { tasks: await allTasks(await desk.records(), run) };
  } catch (error) {
    if (!isDocketError(error, 'RUN_UNREACHABLE')) throw error;
    return { tasks: [], unlisted: error };
  }
}

async function showRun(call: Call, desk: Desk, run: RunView): Promise<number> {
  const { tasks, unlisted } = await tasksOf(desk, run);
  const { stdout } = call.streams;
  const { outputs, tasks: counts, failure } = run;
  const fetching = await fetchingOf(call, desk, run);
  if (call.flag('json')) {
    stdout.write(
      jsonLine({
        run: run.run,
        name: run.name,
        workflow: run.workflow.toString(),
        state: run.state,
        created: new Date(run.created).toISOString(),
        finished: run.finished === null ? null : new Date(run.finished).toISOString(),
        counts,
        ...(run.coordinator === undefined ? {} : { coordinator: run.coordinator }),
        ...(run.awaits === undefined ? {} : { awaits: run.awaits }),
        ...(run.unsecured === undefined ? {} : { unsecured: run.unsecured }),
        ...(failure === undefined ? {} : { failure }),
        tasks,
        ...(unlisted === undefined ? {} : { unlisted: { code: unlisted.code, message: unlisted.message } }),
        ...(fetching === undefined ? {} : { fetching }),
        ...(run.fetched === undefined ? {} : { fetched: run.fetched }),
        outputs: Object.fromEntries(Object.entries(outputs).map(([name, value]) => [name, jsonable(value)])),
      }),
    );
    return 0;
  }
  stdout.write(
    `run       ${run.run}\nworkflow  ${printable(run.name)}\ncid       ${run.workflow}\nstate     ${run.state}\nstarted   ${new Date(run.created).toISOString()}\n`,
  );
  for (const { resource, from, bytes, size } of fetching ?? []) {
    const far = `${formatSize(bytes)}${size === null ? '' : ` of ${formatSize(size)}`}${from === null ? '' : ` from ${from}`}`;
    stdout.write(`fetching  ${printable(`${resource}: ${far}`)}\n`);
  }
  for (const { resource, from, bytes, seconds, isVerified } of (run.fetched ?? []).slice(0, call.flag('all') ? undefined : SHOWN)) {
    const where = from === resource ? '' : ` from ${from}`;
    const trust = isVerified ? 'verified' : 'not verified: it has no hash';
    stdout.write(`fetched   ${printable(`${resource}: ${formatSize(bytes)}${where} in ${seconds.toFixed(1)} s, ${trust}`)}\n`);
  }
  if (run.coordinator !== undefined) stdout.write(`driven by ${printable(run.coordinator)}\n`);
  if (run.awaits !== undefined) stdout.write(`waits for ${printable(run.awaits)}, which alone has what it needs\n`);
  if (run.unsecured !== undefined) stdout.write(`unsecured ${printable(unsecuredText(run.unsecured))}\n`);
  if (run.finished !== null) stdout.write(`ended     ${new Date(run.finished).toISOString()}\n`);
  if (counts !== null) stdout.write(`tasks     ${countsLine(counts)}\n`);
  if (unlisted !== undefined)
    stdout.write(`unlisted  ${printable(`which tasks those are cannot be told: ${unlisted.message} [${unlisted.code}]`)}\n`);
  if (failure !== undefined) stdout.write(`failed    ${printable(`${failure.message} [${failure.code}]`)}\n          ${failure.next}\n`);
  const failed = tasks.filter((task) => task.state === 'failed');
  const underWay = tasks.filter(({ state }) => UNDER_WAY.has(state));
  const inOrder = [...failed, ...underWay, ...tasks.filter(({ state }) => state !== 'failed' && !UNDER_WAY.has(state))];
  const shown = call.flag('all') ? inOrder : inOrder.slice(0, SHOWN);
  // Of what one agent did alone it need not be said for each task, unless the line above names another.
  const agents = new Set(tasks.flatMap(({ agent }) => agent ?? []));
  const isShared = agents.size > 1 || (run.coordinator !== undefined && [...agents].some((agent) => agent !== run.coordinator));
  if (shown.length > 0)
    stdout.write(
      `\n${table([
        ['TASK', 'STATE', 'HOW', ...(isShared ? ['AGENT'] : []), 'RECEIPT'],
        ...shown.map((task) => [
          task.label,
          task.state,
          howText(task),
          ...(isShared ? [shortDid(task.agent ?? '')] : []),
          task.receipt ?? '',
        ]),
      ])}`,
    );
  if (shown.length < tasks.length) stdout.write(`… and ${tasks.length - shown.length} more (--all lists them)\n`);
  for (const task of failed.slice(0, SHOWN)) stdout.write(`\n${printable(`${task.label} failed: ${task.error}`)}\n`);
  const named = outputLines(outputs);
  if (named !== '') stdout.write(`\noutputs:\n${named.replace(/^(?=.)/gm, '  ')}`);
  return 0;
}

function unsecuredText({ code, message }: NonNullable<RunView['unsecured']>): string {
  const why = code === undefined || message === undefined ? 'the rest is on its way into the mesh' : `${message} [${code}]`;
  return `only the agent that drives it has all that it needs: ${why}`;
}

const UNDER_WAY: ReadonlySet<string> = new Set(['running', 'retrying', 'held']);

function howText({ via, attempts, state }: TaskView): string {
  // It has a receipt all the same, which says why.
  if (state === 'failed' && attempts === 0) return 'not run';
  if (state === 'held') return 'its output is being kept';
  if (state === 'retrying') return `attempt ${attempts} came to nothing`;
  if (via === 'ran') return attempts > 1 ? `ran, attempt ${attempts}` : 'ran';
  if (via === 'declared' || via === 'resolved') return `cached (${via} key)`;
  if (state === 'running' && attempts > 1) return `attempt ${attempts}`;
  return state === 'cached' ? 'not needed' : '';
}

async function showCid(call: Call, desk: Desk, cid: Cid.CID): Promise<number> {
  const { stdout } = call.streams;
  const records = await desk.records();
  if ((await records.receipts.get(cid)) !== undefined) return await showReceipt(call, desk, cid);
  const receipts = await records.receipts.ofInstruction(cid, SHOWN);
  if (receipts.length > 0) {
    const rows = receipts.map(({ receipt, at, out }) => ({ receipt: receipt.toString(), at: new Date(at).toISOString(), out }));
    if (call.flag('json')) stdout.write(jsonLine({ instruction: cid.toString(), receipts: rows }));
    else
      stdout.write(`instruction ${cid}\n${table([['RECEIPT', 'AT', 'OUT'], ...rows.map(({ receipt, at, out }) => [receipt, at, out])])}`);
    return 0;
  }
  const blob = Cid.isUnixFs(cid) ? await records.aliases.find(cid.toV1()) : cid;
  if (blob === undefined || !Cid.isStored(blob) || (await desk.store.stat(blob)) === undefined) {
    const folder = Cid.isUnixFs(cid) ? await folderOfIpfs(desk, cid) : undefined;
    if (folder !== undefined) throw folder;
    throw new DocketError('CID_INVALID', `nothing here is named ${cid}`, {
      next: `It is no receipt, instruction, blob or tree of ${desk.place}.`,
    });
  }
  return await statBlob(call, desk, [blob.toString()]);
}
