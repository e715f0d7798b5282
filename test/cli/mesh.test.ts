import assert from 'node:assert/strict';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { suite, test } from 'node:test';
import { shortDid } from '../../src/cli/whole-did.ts';
import { Lock } from '../../src/ledger/locks.ts';
import { noNatsServer } from '../mesh/nats-server.ts';
import { guest, Place } from './helpers.ts';

interface Dev {
  readonly dir: string;
  readonly agents: readonly {
    readonly name: string;
    readonly home: string;
    readonly did: string;
    readonly pid: number;
    readonly url: string;
  }[];
}

interface Started extends AsyncDisposable {
  readonly child: ChildProcessWithoutNullStreams;
  readonly dev: Dev;
}

/** `docket dev`, ready. Killed at the end, if it did not end before. */
async function startDev(place: Place, more: readonly string[] = []): Promise<Started> {
  const child = place.start(['dev', '--slots', '1', '--json', '--dir', place.at('dev'), ...more]);
  child.stderr.resume();
  const { value } = await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next();
  return { child, dev: JSON.parse(value as string) as Dev, [Symbol.asyncDispose]: () => end(child, 'SIGKILL') };
}

async function end(child: ChildProcessWithoutNullStreams, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill(signal);
  await once(child, 'exit');
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // A zombie is none: whoever adopted it has not looked yet.
    return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
  } catch {
    return false;
  }
}

async function until(holds: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await holds())) await sleep(50);
}

suite('a mesh on one machine', { skip: noNatsServer, timeout: 240_000 }, () => {
  test('docket dev starts agents that hear each other and share work, and leaves nothing behind', async () => {
    using place = new Place();
    await using started = await startDev(place, ['--agents', '2']);
    const { child, dev } = started;
    const [one, two] = dev.agents as [Dev['agents'][0], Dev['agents'][0]];
    const at = (...args: string[]) => place.docket([...args, '--home', one.home]);

    const listed = await at('agents', '--json');
    const { mesh, members } = JSON.parse(listed.stdout) as {
      mesh: { link: string };
      members: { did: string; state: string; isSelf: boolean }[];
    };
    assert.equal(mesh.link, 'up');
    assert.deepEqual(
      members.map(({ did, state, isSelf }) => ({ did, state, isSelf })),
      [
        { did: one.did, state: 'present', isSelf: true },
        { did: two.did, state: 'present', isSelf: false },
      ],
    );
    const table = await at('agents');
    assert.match(table.stdout, /^mesh docket: 2 agents, 2 of 2 slots free\nHOST +AGENT +STATE/);
    assert.match(table.stdout, /name=agent-2\n/);

    const file = place.write(
      'needs.yaml',
      `tasks:
  there: { module: '${guest('noop')}', needs: { tags: { name: agent-2 } } }
  nowhere: { module: '${guest('noop')}', nonce: n, needs: { tags: { gpu: h100 }, within: 0ms } }
`,
    );
    const run = await at('run', file, '--json');
    assert.equal(run.status, 1);
    const { tasks, errors } = JSON.parse(run.stdout) as {
      tasks: { ran: number; failed: number };
      errors: { task: string; code: string; message: string }[];
    };
    assert.deepEqual([tasks.ran, tasks.failed], [1, 1]);
    assert.deepEqual(
      errors.map(({ task, code }) => [task, code]),
      [['nowhere', 'unplaceable']],
    );
    assert.match(errors[0]!.message, /it has no tag gpu/);
    const elsewhere = (...args: string[]) => place.docket([...args, '--home', two.home]);
    assert.match((await elsewhere('runs')).stdout, / failed .* 2 tasks: 1 ran, 0 cached, 1 failed/, 'of another home, and of its mesh');
    const shown = (await elsewhere('show', 'last')).stdout;
    assert.match(shown, new RegExp(`driven by ${one.did}`));
    assert.match(shown, new RegExp(`there +ok +ran +${shortDid(two.did)} +bafy`), 'who did it');
    assert.match(shown, new RegExp(`nowhere +failed +not run +${shortDid(one.did)} +bafy`));
    assert.match((await at('why', 'last', 'there')).stdout, new RegExp(`there was run: receipt bafy\\S+ of ${two.did}\\.`));
    assert.match((await elsewhere('runs', '--local')).stderr, /no runs yet/);

    const away = place.write('away.yaml', `tasks: { all: { module: '${guest('noop')}', nonce: a, needs: { tags: { name: agent-2 } } } }`);
    assert.equal((await at('run', away)).status, 0);
    const alone = (await at('show', 'last')).stdout;
    assert.match(
      alone,
      new RegExp(`driven by ${one.did}[^]*all +ok +ran +${shortDid(two.did)} +bafy`),
      'one agent did all, and it is another',
    );
    const own = place.write('own.yaml', `tasks: { all: { module: '${guest('noop')}', nonce: b, needs: { tags: { name: agent-1 } } } }`);
    assert.equal((await at('run', own)).status, 0);
    assert.match((await elsewhere('show', 'last')).stdout, new RegExp(`driven by ${one.did}[^]*all +ok +ran +bafy`));
    assert.match((await elsewhere('why', 'last', 'all')).stdout, new RegExp(`all was run: receipt bafy\\S+ of ${one.did}\\.`));

    const granted = place.write(
      'granted.yaml',
      `tasks: { all: { each: [a, b, c], module: '${guest('loop')}', args: ["\${item}"], limits: { time: 500ms }, grant: [clock, random] } }`,
    );
    assert.equal((await at('run', granted)).status, 1, 'they run out of time');
    const { tasks: all } = JSON.parse((await at('show', 'last', '--json')).stdout) as { tasks: { attempts: number; agent: string }[] };
    assert.deepEqual([...new Set(all.map(({ attempts, agent }) => `${attempts} ${agent}`))], [`1 ${one.did}`], 'never offered in vain');
    const ungiven = /The other agent does not give clock and random to tasks now.*`--allow clock,random`/;
    assert.match((await at('why', 'last', 'all[a]')).stdout, ungiven);
    assert.match((await elsewhere('why', 'last', 'all[a]')).stdout, ungiven);
    assert.doesNotMatch((await at('why', 'last', 'all[a]', '--local')).stdout, /does not give/, 'a home alone knows of no others');

    const looping = place.write('loops.yaml', `tasks: { there: { module: '${guest('loop')}', needs: { tags: { name: agent-2 } } } }`);
    const loops = (await at('run', looping, '--detach')).stdout.trim();
    const taskOf = async (id: string) =>
      (JSON.parse((await at('show', id, '--json')).stdout) as { tasks: { agent: string | null }[] }).tasks[0];
    await until(async () => (await taskOf(loops))?.agent === two.did);
    assert.match((await at('why', loops, 'there')).stdout, new RegExp(`It is at ${two.did}`));
    assert.equal((await at('cancel', loops)).status, 0);

    const waiting = place.write('waits.yaml', `tasks: { here: { module: '${guest('noop')}', nonce: w, needs: { tags: { gpu: h100 } } } }`);
    const waits = (await at('run', waiting, '--detach')).stdout.trim();
    await until(async () => /It waits for an agent that could run it: .*it has no tag gpu/.test((await at('why', waits, 'here')).stdout));
    assert.equal((await at('cancel', waits)).status, 0);

    const drained = await at('agents', 'drain', two.did.slice(0, 24), '--json');
    assert.deepEqual(JSON.parse(drained.stdout), { did: two.did, host: JSON.parse(drained.stdout).host, name: 'agent-2', isDrained: true });
    await until(async () => / draining /.test((await at('agents')).stdout));
    assert.match((await at('agents')).stdout, /^mesh docket: 2 agents \(1 draining\), 1 of 1 slot free\n/);
    const refused = await place.docket(['run', file, '--home', two.home]);
    assert.match(refused.stderr, new RegExp(`drained.*NOT_READY[^]*\`docket agents undrain ${two.did}\``));
    assert.match((await at('agents', 'undrain', 'agent-2')).stdout, /^agent-2 \(did:key:\S+\) takes work again/);

    const anywhere = place.write('anywhere.yaml', `tasks: { all: { module: '${guest('noop')}', nonce: a } }`);
    assert.equal((await at('run', anywhere)).status, 0);
    assert.match((await at('why', 'last', 'all')).stdout, new RegExp(`all was not run: receipt bafy\\S+ of ${two.did} was used`));
    assert.equal((await at('trust', 'rm', two.did)).status, 0);
    // What an agent knows of its home's list may be a second old.
    await sleep(1_100);
    assert.equal((await at('run', anywhere)).status, 0);
    const disbelieved = new RegExp(`of ${one.did}\\.\n +${two.did} had a result of it, receipt bafy\\S+, and is not believed`);
    assert.match((await at('why', 'last', 'all')).stdout, disbelieved);
    assert.match((await elsewhere('why', 'last', 'all')).stdout, disbelieved);
    const { because } = JSON.parse((await at('why', 'last', 'all', '--json')).stdout) as { because: { kind: string; issuer: string } };
    assert.deepEqual([because.kind, because.issuer], ['not believed', two.did]);

    const trusted = await at('trust', 'add', two.did.slice('did:key:'.length, 20), '--json');
    assert.deepEqual(JSON.parse(trusted.stdout), { did: two.did, verdict: 'trusted' }, 'the letters that the table shows');

    const unknown = await at('agents', 'drain', 'nobody');
    assert.match(unknown.stderr, /there is no agent "nobody".*MEMBER_UNKNOWN/);
    const many = await at('agents', 'drain', 'did:key:z6Mk');
    assert.match(many.stderr, /2 agents are called/);

    const manifest = `namespace = "org.example"\nname = "there"\nversion = "1.0.0"\nbinary = "${guest('count-words')}"\ndescription = ""\n`;
    assert.equal((await elsewhere('manifest', 'push', place.write('there.toml', manifest))).status, 0);
    const words = place.write('words.txt', 'one two');
    const named = await at('exec', 'org.example.there@1.0.0', words);
    assert.deepEqual([named.status, named.stderr], [0, ''], 'by a name that only the other home had');
    const blob = (await elsewhere('store', 'put', place.write('blob.txt', 'of another home'))).stdout.split(/\s/)[0]!;
    assert.match((await at('store', 'stat', blob)).stdout, /15 bytes/);
    assert.match((await at('store', 'stat', blob, '--local')).stderr, /BLOB_MISSING[^]*--agent/);
    assert.equal((await at('store', 'cat', blob)).stdout, 'of another home');
    assert.equal((await at('store', 'cat', blob, '--local')).stdout, 'of another home', 'it was brought');
    assert.match((await at('store', 'cat', 'bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy')).stderr, /BLOB_/);
    assert.match((await at('exec', 'org.example.nowhere')).stderr, /MANIFEST_UNKNOWN/);

    process.kill(two.pid, 'SIGKILL');
    await until(async () => /gone \(unheard\)/.test((await at('agents')).stdout));
    const left = await elsewhere('runs');
    assert.match(left.stderr, /this home is in the mesh docket, and its agent was killed[^]*--agent URL/);
    assert.equal((await elsewhere('runs', '--local')).stderr.includes('killed'), false);
    await end(child, 'SIGINT');
    assert.equal(child.exitCode, 130);
    assert.deepEqual(
      dev.agents.filter(({ pid }) => isAlive(pid)),
      [],
    );
  });

  test('docket dev that is killed leaves nothing running, and its folder can be used again, with the same agents', async () => {
    using place = new Place();
    await using first = await startDev(place, ['--agents', '1']);
    const again = await place.docket(['dev', '--dir', place.at('dev')]);
    assert.match(again.stderr, /AGENT_BUSY/);
    await end(first.child, 'SIGKILL');
    await until(() => first.dev.agents.every(({ pid }) => !isAlive(pid)));
    await using second = await startDev(place, ['--agents', '1', '--allow', 'clock,random']);
    assert.deepEqual(
      second.dev.agents.map(({ did }) => did),
      first.dev.agents.map(({ did }) => did),
    );
    const { stdout } = await place.docket(['agents', '--json', '--home', second.dev.agents[0]!.home]);
    const { members } = JSON.parse(stdout) as { members: { grants: string[] }[] };
    assert.deepEqual(members[0]!.grants, ['clock', 'random'], 'what it is started with now');
  });

  test('a drained agent is drained after a restart, and says so', async () => {
    using place = new Place();
    await using first = await startDev(place, ['--agents', '1']);
    const { home, url } = first.dev.agents[0]!;
    assert.equal((await place.docket(['agents', 'drain', first.dev.agents[0]!.did, '--home', home])).status, 0);
    const ready = await fetch(`${url}/readyz`);
    assert.equal(ready.status, 503);
    await ready.text();
    await end(first.child, 'SIGINT');
    await using _ = await startDev(place, ['--agents', '1']);
    assert.match((await place.docket(['agents', '--home', home])).stdout, /draining/);
  });
});

suite('agents without a mesh', () => {
  test('one agent tells of itself, and drains itself', async () => {
    using place = new Place();
    const { startAgent } = await import('./agent-process.ts');
    await using _ = await startAgent(place, { more: ['--tag', 'gpu=h100'] });
    const { stdout } = await place.docket(['agents']);
    assert.match(stdout, /^in no mesh\nHOST/);
    assert.match(stdout, / present +2\/2 .* asked .* gpu=h100\n$/);
    const { members } = JSON.parse((await place.docket(['agents', '--json'])).stdout) as { members: { did: string }[] };
    assert.match((await place.docket(['agents', 'drain', members[0]!.did])).stdout, /takes no new work/);
    assert.match((await place.docket(['agents'])).stdout, / draining /);
  });

  test('a task that nobody can run fails at once, since nobody else will come, and says so when it is asked for', async () => {
    using place = new Place();
    const { startAgent } = await import('./agent-process.ts');
    await using agent = await startAgent(place);
    const file = place.write('needs.yaml', `tasks: { there: { module: '${guest('noop')}', needs: { tags: { gpu: h100 } } } }\n`);
    const at = ['--agent', agent.url, '--home', place.home];
    const { status, stderr } = await place.docket(['run', file, ...at]);
    assert.equal(status, 1);
    assert.match(stderr, /failed there: .*it has no tag gpu/);
    assert.match(stderr, /start an agent that has what is lacking.*docket resume \S+ goes on/);
    assert.doesNotMatch(stderr, /docket logs/, 'it has written nothing');
    assert.match((await place.docket(['why', 'last', 'there', ...at])).stdout, /not run[^]*it has no tag gpu/);
  });

  test('a home without an agent runs the ops there are, and no others', async () => {
    using place = new Place();
    const needing = (op: string): string =>
      place.write(`${op.replace('/', '-')}.yaml`, `tasks: { there: { module: '${guest('noop')}', needs: { op: ${op} } } }\n`);
    const { status, stderr } = await place.docket(['run', needing('container/run'), '--local']);
    assert.deepEqual([status, /it does not run container\/run.*unplaceable/.test(stderr)], [1, true], stderr);
    assert.equal((await place.docket(['run', needing('wasm/run'), '--local'])).status, 0);
  });

  test('where no agent runs that is said, with what to do', async () => {
    using place = new Place();
    const { status, stderr } = await place.docket(['agents']);
    assert.equal(status, 1);
    assert.match(stderr, /no agent runs on the home .*AGENT_UNREACHABLE[^]*docket dev/);
  });

  test('an agent that waits for its mesh is said to be starting', async () => {
    using place = new Place();
    mkdirSync(join(place.home, 'locks'), { recursive: true });
    using _ = Lock.tryAcquire(join(place.home, 'locks', 'agent'))!;
    const { status, stderr } = await place.docket(['agents']);
    assert.equal(status, 1);
    assert.match(stderr, /takes no questions yet.*starting.*AGENT_UNREACHABLE[^]*mesh/);
    assert.doesNotMatch(stderr, /docket dev/);
  });

  test('wrong words are refused', async () => {
    using place = new Place();
    for (const [args, told] of [
      [['agents', 'drian', 'x'], /did you mean "drain"/],
      [['agents', 'drain'], /drain takes the DID, the host or the tag "name"/],
      [['agents', 'drain', ''], /takes no empty word/],
      [['resume', ''], /takes no empty word/],
      [['agents', 'drain', 'x', '--watch'], /--watch goes without drain/],
      [['agents', '--local'], /--local means nothing here/],
      [['dev', '--agents', '33'], /at most 32/],
      [['dev', '--agents', '0'], /at least 1/],
      [['dev', '--slots', '1025'], /--slots takes at most 1024/],
      [['dev', '--home', 'x'], /homes of their own/],
      [['dev', '--allow', 'clock,tea'], /--allow takes permissions, not "tea"/],
    ] as const) {
      const { status, stderr } = await place.docket(args);
      assert.equal(status, 2, stderr);
      assert.match(stderr, told);
    }
  });
});
