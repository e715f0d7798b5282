import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findAgent } from '../../agent/find-agent.ts';
import { DocketError } from '../../errors.ts';
import { parsePermission, PERMISSION_RULE } from '../../manifest/permission.ts';
import { askAround } from '../../sdk/members.ts';
import type { Call, Command } from '../command.ts';
import { type DevAgent, startAgent } from '../dev/agents.ts';
import { keptFolder, temporaryFolder } from '../dev/folder.ts';
import { readable } from '../dev/log-line.ts';
import { findNatsServer, startNats } from '../dev/nats.ts';
import { count } from '../option-values.ts';
import { counted, jsonLine, table } from '../present.ts';

const DEFAULT_AGENTS = 3;
const MOST_AGENTS = 32;
/** Of one agent, as of what a task may need. */
const MOST_SLOTS = 1_024;
/** How long agents may take to hear each other, and the time between two looks, in ms. */
const MEETING = 20_000;
const LOOK = 100;

export const command: Command = {
  summary: 'Try a mesh on this machine: nats-server and several agents, until Ctrl-C.',
  usage: '[--agents N] [--slots N] [--allow PERMISSIONS] [--dir DIR]',
  isOfHome: true,
  refuses: ['home'],
  options: {
    agents: { type: 'value', value: 'N', help: `how many agents (default: ${DEFAULT_AGENTS}, at most ${MOST_AGENTS})` },
    slots: { type: 'value', value: 'N', help: `slots of each (default: the processors, shared among them; at most ${MOST_SLOTS})` },
    allow: {
      type: 'value',
      value: 'PERMISSIONS',
      help: 'what tasks may be granted at any of the agents: clock, random, joined by commas (default: nothing)',
    },
    dir: {
      type: 'value',
      value: 'DIR',
      help: 'keep homes, identities and results there (default: a temporary folder, removed at the end)',
    },
  },
  help: `
Needs nats-server, on the PATH or in /usr/sbin; Debian and Ubuntu: apt-get install nats-server, macOS: brew install nats-server. It listens on loopback only, at
any port that is free.

Each agent has a home and an identity of its own. What is to be typed next is printed; with --json as one line when all is ready:
{"dir", "nats", "agents": [{"name", "url", "home", "did", "pid"}]}. What the agents tell goes to stderr. Ctrl-C ends them all in order, and nothing is left running
however this command ends. An agent that is killed stays dead, and the others go on: try it.

Examples:
  docket dev
  docket dev --agents 5 --slots 1 --dir ~/mesh
  docket dev --allow clock,random`,
  async run(call) {
    if (call.value('home') !== undefined) throw call.usage('the agents have homes of their own: --dir DIR says where');
    const agents = count(call, 'agents') ?? DEFAULT_AGENTS;
    if (agents > MOST_AGENTS) throw call.usage(`--agents takes at most ${MOST_AGENTS}, not "${agents}"`);
    const slots = count(call, 'slots') ?? Math.max(1, Math.floor(availableParallelism() / agents));
    if (slots > MOST_SLOTS) throw call.usage(`--slots takes at most ${MOST_SLOTS}, not "${slots}"`);
    const allow = call.value('allow');
    for (const text of allow?.split(',') ?? [])
      if (parsePermission(text) === undefined) throw call.usage(`--allow takes permissions, not "${text}"`, PERMISSION_RULE);
    const file = findNatsServer(call.env['PATH']);
    await using stack = new AsyncDisposableStack();
    const dir = call.value('dir');
    const { folder } = stack.use(dir === undefined ? await temporaryFolder() : keptFolder(dir));
    const mesh = new Trial(call);
    const nats = stack.use(await startNats({ file, folder: join(folder, 'nats'), ...mesh.hooks('nats'), signal: call.signal }));
    const names = Array.from({ length: agents }, (_, i) => `agent-${i + 1}`);
    const all = await startAll(names, stack, (name) =>
      startAgent({ name, home: join(folder, name), mesh: nats.url, slots, allow, ...mesh.hooks(name), signal: call.signal }),
    );
    await met(all, call.signal);
    const { stdout } = call.streams;
    if (call.flag('json')) stdout.write(jsonLine({ dir: folder, nats: nats.url, agents: all.map(document) }));
    else stdout.write(welcome(folder, nats.url, slots, all));
    await mesh.untilOver(agents);
    if (!call.signal.aborted) throw new DocketError('DEV_FAILED', 'all agents have ended');
    call.streams.stderr.write('docket: ending\n');
    return STOPPED;
  },
};

/** As Ctrl-C ends other commands. */
const STOPPED = 130;

/** Shows what its processes say, and counts those that ended. */
class Trial {
  readonly #call: Call;
  readonly #over = new AbortController();
  #ended = 0;
  #most = Number.POSITIVE_INFINITY;

  constructor(call: Call) {
    this.#call = call;
  }

  hooks(name: string): { readonly onLine: (line: string) => void; readonly onEnd: (how: string) => void } {
    const { stderr } = this.#call.streams;
    const isEngine = name === 'nats';
    return {
      // Of the engine only what is out of order.
      onLine: (line) => void (isEngine && /\[(?:INF|DBG|TRC)\]/.test(line) ? undefined : stderr.write(`${name} | ${readable(line)}\n`)),
      onEnd: (how) => {
        if (!this.#call.signal.aborted) stderr.write(`${name} | has ended: ${how}\n`);
        if (!isEngine && ++this.#ended >= this.#most) this.#over.abort();
      },
    };
  }

  /** Resolves when the command is to stop, or all agents have ended. */
  async untilOver(agents: number): Promise<void> {
    this.#most = agents;
    const over = AbortSignal.any([this.#call.signal, this.#over.signal]);
    if (this.#ended >= agents || over.aborted) return;
    // A signal alone keeps no process alive; its children do.
    await once(over, 'abort');
  }
}

/** All at the same time, as machines are; what has started is ended with the stack if another fails. */
async function startAll(
  names: readonly string[],
  stack: AsyncDisposableStack,
  start: (name: string) => Promise<DevAgent>,
): Promise<readonly DevAgent[]> {
  const started = new Set<DevAgent>();
  // At the same time too: each waits for what it has under way.
  stack.defer(async () => void (await Promise.all([...started].map((agent) => agent[Symbol.asyncDispose]()))));
  const results = await Promise.allSettled(
    names.map(async (name) => {
      const agent = await start(name);
      started.add(agent);
      return agent;
    }),
  );
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  return results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
}

/** Waits until the first hears them all; if that takes long they are shown as they are. */
async function met(agents: readonly DevAgent[], signal: AbortSignal): Promise<void> {
  const agent = findAgent(agents[0]!.home);
  if (agent === undefined) return;
  for (let waited = 0; waited < MEETING; waited += LOOK) {
    const { members } = await askAround({ url: agent.local, token: agent.token }, signal);
    if (members.filter(({ state }) => state !== 'gone').length >= agents.length) return;
    await sleep(LOOK, undefined, { signal });
  }
}

function document({ name, url, home, did, pid }: DevAgent): Record<string, unknown> {
  return { name, url, home, did, pid };
}

function welcome(folder: string, nats: string, slots: number, agents: readonly DevAgent[]): string {
  const rows = agents.map(({ name, url, pid, did }) => [`  ${name}`, url, `pid ${pid}`, did]);
  return `
A mesh of ${counted(agents.length, 'agent')} on ${nats}, ${counted(slots, 'slot')} each; all of it lies in ${folder}

${table(rows)}
In another terminal, at the first of them (any will do):

  export DOCKET_HOME=${shellWord(agents[0]!.home)}
  docket agents
  docket run WORKFLOW.yaml

${agents.length === 1 ? '' : `Then kill one in the middle of a run (kill -9 ${agents.at(-1)!.pid}), and see the others go on. `}Ctrl-C here ends ${agents.length === 1 ? 'it' : 'them all'}.

`;
}

function shellWord(text: string): string {
  return /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
