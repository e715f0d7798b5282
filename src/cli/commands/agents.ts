import { setTimeout as sleep } from 'node:timers/promises';
import { didYouMean } from '../../base/suggest.ts';
import { formatDuration } from '../../base/units.ts';
import type { MemberRow } from '../../protocol/members.ts';
import { type Around, askAround, askDrain } from '../../sdk/members.ts';
import { agentDoor } from '../agent-door.ts';
import type { Call, Command } from '../command.ts';
import { counted, jsonLine, printable, table } from '../present.ts';
import { shortDid } from '../whole-did.ts';

const VERBS = ['drain', 'undrain'] as const;

/** Time between two looks with --watch, in ms. */
const LOOK = 1_000;

export const command: Command = {
  summary: 'Show the agents of the mesh, and have one take no new work.',
  usage: '[--watch] | drain AGENT | undrain AGENT',
  words: [0, 2],
  refuses: ['local'],
  options: { watch: { type: 'flag', help: 'show them again each second, until Ctrl-C; with --json one document a line' } },
  help: `
Any agent of a mesh tells of all of them; the one that is asked stands first. One that is in no mesh tells of itself and of its peers.

STATE is present, draining (it takes no new work and finishes what it has) or gone (it was there in the last ten minutes). FREE is slots nobody uses, of how many;
WAIT is tasks of other agents that wait there; LOAD is processes that want to run, by processor; HEARD is how long ago it was heard.

drain AGENT    it takes no new tasks and no new runs; AGENT is its DID, the beginning of that, its host
               or its tag "name", if no other has that too. It lasts, also over a restart of it
undrain AGENT  it takes work again

Examples:
  docket agents
  docket agents --agent http://127.0.0.1:8100 --watch
  docket agents drain worker-3`,
  async run(call) {
    const [verb, word] = call.words;
    if (verb === undefined) return call.flag('watch') ? await watch(call) : await show(call);
    const known = VERBS.find((one) => one === verb);
    if (known === undefined) throw call.usage(`takes ${VERBS.join(', ')} or nothing, not "${verb}"${didYouMean(verb, VERBS)}`);
    if (word === undefined)
      throw call.usage(`${verb} takes the DID, the host or the tag "name" of an agent`, '`docket agents` lists them.');
    if (call.flag('watch')) throw call.usage(`--watch goes without ${verb}`);
    const { did, host, name, isDrained } = await askDrain(await agentDoor(call), word, known === 'drain', call.signal);
    const told = `${printable(name ?? host)} (${printable(did)}) ${isDrained ? 'takes no new work, and finishes what it has' : 'takes work again'}\n`;
    call.streams.stdout.write(call.flag('json') ? jsonLine({ did, host, name, isDrained }) : told);
    return 0;
  },
};

async function show(call: Call): Promise<number> {
  const around = await askAround(await agentDoor(call), call.signal);
  call.streams.stdout.write(call.flag('json') ? jsonLine(around) : text(around));
  return 0;
}

async function watch(call: Call): Promise<number> {
  const door = await agentDoor(call);
  const { stdout } = call.streams;
  while (!call.signal.aborted) {
    const around = await askAround(door, call.signal).catch((error: unknown) => {
      if (!call.signal.aborted) throw error;
      return undefined;
    });
    if (around === undefined) break;
    if (call.flag('json')) stdout.write(jsonLine(around));
    // From the top, and what is left of the picture before is wiped.
    else stdout.write(stdout.isTTY ? `\x1b[H\x1b[2J${text(around)}` : `${text(around)}\n`);
    await sleep(LOOK, undefined, { signal: call.signal }).catch(() => {});
  }
  return STOPPED;
}

/** As Ctrl-C ends other commands. */
const STOPPED = 130;

function text({ mesh, members, peers, absent }: Around): string {
  const rows = members.map(memberCells);
  const more = peers.map(({ did, address, version, slots, ops, tags, started }) => [
    address,
    shortDid(did),
    'peer',
    `?/${slots}`,
    '',
    '',
    age(started),
    '',
    version,
    ops.join(','),
    '?',
    tagsText(tags),
  ]);
  const gone = absent.map(({ url, error }) => [url, '', `no answer: ${error}`]);
  return `${meshLine(mesh, members)}${table([HEADER, ...rows, ...more, ...gone])}`;
}

const HEADER = ['HOST', 'AGENT', 'STATE', 'FREE', 'WAIT', 'LOAD', 'UP', 'HEARD', 'VERSION', 'OPS', 'GRANTS', 'TAGS'];

function meshLine(mesh: Around['mesh'], members: readonly MemberRow[]): string {
  if (mesh === null) return 'in no mesh\n';
  const present = members.filter(({ state }) => state !== 'gone');
  const taking = present.filter(({ state }) => state === 'present');
  const [slots, free] = [taking.reduce((sum, row) => sum + row.slots, 0), taking.reduce((sum, row) => sum + row.free, 0)];
  const draining = present.length === taking.length ? '' : ` (${present.length - taking.length} draining)`;
  const state = mesh.link === 'up' ? '' : `, NOT HEARD: ${printable(mesh.error ?? '')}`;
  return `mesh ${mesh.name}: ${counted(present.length, 'agent')}${draining}, ${free} of ${counted(slots, 'slot')} free${state}\n`;
}

function memberCells(row: MemberRow): string[] {
  const { host, did, state, because, free, slots, waiting, load, started, heard, version, ops, grants, tags, isSelf } = row;
  const isGone = state === 'gone';
  return [
    host,
    shortDid(did),
    isGone ? `gone (${because})` : state,
    isGone ? '' : `${free}/${slots}`,
    isGone ? '' : String(waiting),
    isGone ? '' : load.toFixed(2),
    isGone ? '' : age(started),
    isSelf ? 'asked' : heard < LOOK ? 'now' : `${formatDuration(Math.round(heard / LOOK) * LOOK)} ago`,
    version,
    ops.join(','),
    grants === null ? '?' : grants.join(','),
    tagsText(tags),
  ];
}

/** By clocks that may differ. */
function age(started: string): string {
  const seconds = Math.max(0, Math.round((Date.now() - Date.parse(started)) / 1000));
  return Number.isFinite(seconds) ? formatDuration(seconds * 1000) : '';
}

function tagsText(tags: Readonly<Record<string, string>>): string {
  return Object.entries(tags)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ');
}
