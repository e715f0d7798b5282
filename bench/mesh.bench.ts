import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from '@nats-io/transport-node';
import { Members } from '../src/agent/mesh/members.ts';
import { systemClock } from '../src/base/clock.ts';
import { Subjects } from '../src/mesh/nats/subjects.ts';
import { Delegation } from '../src/scheduler/delegation/delegation.ts';
import { ROOT } from '../scripts/run-command.ts';
import { FleetAgent, freePort } from '../test/chaos/fleet.ts';
import { join as joinMesh } from '../test/mesh/nats-members.ts';
import { NatsServer, noNatsServer } from '../test/mesh/nats-server.ts';
import { median } from './median.ts';
import { printRow } from './print-row.ts';

/**
 * Two agents as processes of their own, with a slot each, on a real nats-server on loopback. Floors: the same work on one agent with both slots and no mesh, or at the
 * agent itself; questions and answers over the same server; a subscription that only counts.
 */

const TASKS = 4_000;
const ROUNDS = 3;
const STEPS = 100;
const TEXTS = 24;
/** Of ten letters each: the counts of one text are 1.2 MB, and those of another are others. */
const WORDS = 90_000;
/** Bytes of a word with its count. */
const LINE = 13;
const MEMBERS = 1_000;
const LISTENED = 10_000;
const QUESTIONS = 20_000;
const AT_ONCE = 64;
const PATIENCE = 30_000;

const scratch = mkdtempSync(join(tmpdir(), 'docket-bench-'));
const guest = (name: string): string => join(ROOT, 'build', 'guests', `${name}.wasm`);

interface Ran {
  /** Of the run itself, without what the command takes. */
  readonly seconds: number;
  readonly tasks: { readonly ran: number };
}

async function run(agent: FleetAgent, workflow: object, wanted: number): Promise<Ran> {
  const file = join(scratch, 'work.json');
  writeFileSync(file, JSON.stringify(workflow));
  const args = [join(ROOT, 'src/cli/main.ts'), 'run', file, '--agent', agent.url, '--token-file', agent.tokenFile, '--json'];
  const child = spawn(process.execPath, args, { cwd: scratch, env: { ...process.env, DOCKET_HOME: join(scratch, 'nobody') } });
  const [out, errors] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const ran = JSON.parse(out) as Ran;
  if (ran.tasks?.ran !== wanted) throw new Error(`${wanted} tasks were to run: ${out}${errors}`);
  return ran;
}

const noops = (count: number, name: string): object => ({
  docket: 1,
  name,
  tasks: {
    noop: { each: Array.from({ length: count }, (_, i) => i), module: guest('noop'), func: 'noop', nonce: `${name}-\${item}` },
  },
});

/** Each awaits the one before, at the agent of this tag. */
const chain = (at: string): object => ({
  docket: 1,
  name: 'chain',
  defaults: { needs: { tags: { name: at } } },
  tasks: Object.fromEntries(
    Array.from({ length: STEPS }, (_, i) => [
      `step${i}`,
      { module: guest('numeric'), func: 'add', args: [i === 0 ? 1 : { from: `step${i - 1}` }, 1], nonce: `${at}${i}` },
    ]),
  ),
  outputs: { last: { from: `step${STEPS - 1}` } },
});

/** All words of a text are different, and have numbers of seven digits. */
const counts = (texts: readonly string[], name: string): object => ({
  docket: 1,
  name,
  tasks: {
    count: { each: texts, module: guest('count-words'), stdin: { file: '${item}' } },
    top: { each: { task: 'count' }, module: guest('top-words'), args: ['3'], stdin: { from: 'count', at: '/stdout' } },
  },
  outputs: { top: { from: 'top', at: '/stdout' } },
});

/** Brings texts to the second agent. */
const copies = (texts: readonly string[]): object => ({
  docket: 1,
  name: 'copies',
  defaults: { needs: { tags: { name: 'second' } } },
  tasks: { copy: { each: texts, module: guest('echo'), stdin: { file: '${item}' } } },
  outputs: {},
});

function writeText(name: string, number: number, words: number): string {
  const first = 1_000_000 + number * WORDS;
  writeFileSync(join(scratch, 'texts', name), Array.from({ length: words }, (_, i) => `wor${(first + i).toString()}`).join(' '));
  return `texts/${name}`;
}

async function metric(agent: FleetAgent, name: RegExp): Promise<number> {
  const lines = (await (await agent.ask('/metrics', AbortSignal.timeout(PATIENCE))).text()).split('\n');
  return lines.filter((line) => name.test(line)).reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
}

/** Questions answered a second, so many at a time. */
async function askingRate(server: NatsServer): Promise<number> {
  await using ann = await joinMesh(server.url, 'did:key:z6MkAnn', { name: 'asking' });
  await using ben = await joinMesh(server.url, 'did:key:z6MkBen', { name: 'asking' });
  using _answering = ben.mesh.messages.onQuestion((_from, question) => Promise.resolve(question));
  let asked = 0;
  const began = performance.now();
  const line = async (): Promise<void> => {
    while (asked++ < QUESTIONS) await ann.mesh.messages.ask('did:key:z6MkBen', new Uint8Array(200), { patience: PATIENCE });
  };
  await Promise.all(Array.from({ length: AT_ONCE }, line));
  return (QUESTIONS / (performance.now() - began)) * 1000;
}

/** Part of a processor, in percent, that this process spends from `begin` on. */
async function share(begin: () => Promise<AsyncDisposable>): Promise<number> {
  await using _busy = await begin();
  // Who joins is news, once.
  await sleep(2_000);
  const before = process.cpuUsage();
  const began = performance.now();
  await sleep(LISTENED);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 10 / (performance.now() - began);
}

async function presence(server: NatsServer): Promise<void> {
  const mesh = 'presence';
  const sender = spawn(process.execPath, [join(ROOT, 'bench/members-process.ts'), server.url, mesh, String(MEMBERS)], { stdio: 'inherit' });
  try {
    const floor = await share(async () => {
      const nats = await connect({ servers: server.url });
      let heard = 0;
      nats.subscribe(new Subjects(mesh).beat('*'), { callback: () => void heard++ });
      return { [Symbol.asyncDispose]: async () => await nats.close() };
    });
    let known = 0;
    const value = await share(async () => {
      const stack = new AsyncDisposableStack();
      const joined = stack.use(await joinMesh(server.url, 'did:key:z6MkAnn', { name: mesh }));
      const did = joined.mesh.self;
      const view = {
        did,
        incarnation: '1',
        version: '0',
        host: 'here',
        started: 0,
        slots: 1,
        memory: 2 ** 34,
        ops: [],
        tags: {},
        roles: [],
      };
      const own = { view: { ...view, isDraining: false, door: null }, free: 1, room: 64, waiting: 0 };
      const members = stack.use(
        new Members({
          mesh: joined.mesh,
          clock: systemClock,
          own: () => own,
          onRefused: ({ message }) => console.log(message),
          onDouble() {},
        }),
      );
      stack.use(members.begin());
      stack.use(
        new Delegation({
          members,
          clock: systemClock,
          mail: { send: () => true, keep: () => Promise.reject(new Error('nothing is sent')) },
        }),
      );
      stack.defer(() => void (known = members.size));
      return stack;
    });
    if (known !== MEMBERS) throw new Error(`${known} of ${MEMBERS} members were heard`);
    printRow({ what: `presence of ${MEMBERS} members`, value, unit: '% of a core', floor, target: 5 });
  } finally {
    sender.kill();
  }
}

async function work(server: NatsServer): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const start = async (name: string, slots: number, mesh: readonly string[]): Promise<FleetAgent> => {
    const agent = stack.use(new FleetAgent(name, scratch, await freePort(), ['--slots', String(slots), '--tag', `name=${name}`, ...mesh]));
    await agent.start();
    return agent;
  };
  const mesh = ['--mesh', server.url, '--mesh-name', 'work'];
  const [alone, first, second] = [await start('alone', 2, []), await start('first', 1, mesh), await start('second', 1, mesh)];
  // Each hears of the other, and slots, modules and code are warm.
  for (const at of ['first', 'second']) await run(first, chain(at), STEPS);
  const rates: { readonly alone: number[]; readonly mesh: number[]; readonly share: number[] } = { alone: [], mesh: [], share: [] };
  for (let round = -1; round < ROUNDS; round++) {
    const { seconds: floor } = await run(alone, noops(TASKS, `alone${round}`), TASKS);
    const before = await metric(second, /^docket_hosted_tasks_total/);
    const { seconds } = await run(first, noops(TASKS, `mesh${round}`), TASKS);
    if (round < 0) continue;
    rates.alone.push(TASKS / floor);
    rates.mesh.push(TASKS / seconds);
    rates.share.push(((await metric(second, /^docket_hosted_tasks_total/)) - before) / TASKS);
  }
  printRow({ what: 'no-op tasks, two agents', value: median(rates.mesh), unit: 'tasks/s', floor: median(rates.alone), target: 1_500 });
  printRow({ what: 'of them at the other agent', value: median(rates.share) * 100, unit: '%' });
  printRow({ what: 'question and answer, 200 bytes', value: await askingRate(server), unit: 'answers/s' });

  const steps: Record<string, number> = {};
  for (const name of ['first', 'second']) {
    const again = {
      ...chain(name),
      tasks: JSON.parse(JSON.stringify((chain(name) as { tasks: object }).tasks).replaceAll('"nonce":"', '"nonce":"again ')) as object,
    };
    steps[name] = ((await run(first, again, STEPS)).seconds / STEPS) * 1000;
  }
  printRow({ what: 'step of a chain at the other agent', value: steps['second']!, unit: 'ms', floor: steps['first']! });

  await locality(first, second);
}

/** Whether what needs 1 MB runs where that was made: of the bytes that tasks need of others, the part that was there. */
async function locality(first: FleetAgent, second: FleetAgent): Promise<void> {
  mkdirSync(join(scratch, 'texts'));
  const small = [0, 1, 2, 3].map((i) => writeText(`small${i}`, i, 10));
  await run(first, counts(small, 'small'), 8);
  const fetched = async (): Promise<number> => {
    const all = await Promise.all([first, second].map((agent) => metric(agent, /^docket_mesh_fetched_bytes_total/)));
    return all.reduce((sum, bytes) => sum + bytes, 0);
  };
  const local: number[] = [];
  const took: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    // Texts lie at both, so that only what was made of them can be elsewhere.
    const texts = Array.from({ length: TEXTS }, (_, i) => writeText(`text${round} ${i}`, round * TEXTS + i + small.length, WORDS));
    await run(first, copies(texts), TEXTS);
    const before = await fetched();
    took.push((await run(first, counts(texts, 'large'), 2 * TEXTS)).seconds);
    local.push(100 * (1 - ((await fetched()) - before) / (TEXTS * WORDS * LINE)));
  }
  printRow({ what: 'inputs of 1.2 MB that were local', value: median(local), unit: '% of bytes', target: 90 });
  printRow({ what: `counting ${TEXTS} texts of 1 MB and the top of each`, value: median(took), unit: 's' });
}

if (noNatsServer !== false) console.log(`  ${noNatsServer}`);
else {
  try {
    await using server = await NatsServer.start();
    await presence(server);
    await work(server);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
