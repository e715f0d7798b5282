import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { before, test } from 'node:test';
import { buildGuests } from '../../scripts/build-guests.ts';
import { startAgent } from './agent-process.ts';
import { HELLO_FOR_EVER, MANY_MISSING } from './guests.ts';
import { type Ended, type Failure, guest, Place, type Report } from './helpers.ts';

/** Commands that work at an agent. That each gives what it gives on a home is tested by running its own tests there: see over-agent.test.ts. */

before(() => buildGuests());

const COUNT = `docket: 1
name: counted
tasks:
  count: { module: ${guest('count-words')}, stdin: { file: text.txt } }
outputs: { words: { from: count, at: /stdout } }
`;
/** Ends when it is told to, or after its time. */
const slow = (time: string): string => `docket: 1
name: slow
tasks:
  quick: { module: ${guest('count-words')}, stdin: quick }
  slow: { module: ${guest('loop')}, limits: { time: ${time} } }
`;

interface Runs {
  readonly runs: readonly { readonly run: string; readonly state: string }[];
}

test('the agent of the home drives what commands start there, unless they say otherwise', async () => {
  using place = new Place();
  place.write('text.txt', 'a b a');
  place.write('w.yaml', COUNT);
  await using agent = await startAgent(place);
  const { stdout, stderr } = await place.docket(['run', 'w.yaml']);
  assert.deepEqual([stdout, /1 ran/.test(stderr)], ['a\t2\nb\t1\n', true]);
  assert.deepEqual((await agent.ask<{ runs: { tasks: unknown }[] }>('/v1/runs')).runs.length, 1);
  const detached = (await place.out('run', 'w.yaml', '--detach')).trim();
  assert.equal(await place.out('watch', detached), 'a\t2\nb\t1\n');
  assert.equal((await place.json<Report>('run', 'w.yaml', '--local')).tasks.cached, 1);
  place.write('slow.yaml', slow('10min'));
  const left = (await place.out('run', 'slow.yaml', '--detach')).trim();
  await place.out('cancel', left);
  assert.equal(await place.out('resume', left, '--detach'), `${left}\n`);
  assert.deepEqual(
    (await place.json<Runs>('runs', '--limit', '1')).runs.map(({ state }) => state),
    ['running'],
  );
  await place.out('cancel', left);
  const out = await place.docket(['run', 'w.yaml', '--detach', '--out', 'result']);
  assert.deepEqual([out.status, /does not wait for what --out/.test(out.stderr)], [2, true]);
  const alone = await place.docket(['run', 'w.yaml', '--local', '--detach']);
  assert.deepEqual([alone.status, /--detach needs an agent/.test(alone.stderr)], [2, true]);
});

test('from another machine: what the agent lacks is sent, nothing is kept here, and what was computed is found', async () => {
  using place = new Place();
  await using agent = await startAgent(place);
  using elsewhere = new Place();
  elsewhere.write('text.txt', 'x y x '.repeat(2_000));
  elsewhere.write('w.yaml', COUNT);
  elsewhere.write('token', `${agent.token}\n`);
  const at = (...args: string[]): Promise<Ended> => elsewhere.docket([...args, '--agent', agent.url, '--token-file', 'token']);
  const first = await at('run', 'w.yaml', '--out', 'result');
  assert.equal(first.status, 0, first.stderr);
  assert.equal(readFileSync(elsewhere.at('result', 'words'), 'utf8'), 'x\t4000\ny\t2000\n');
  assert.match((await at('run', 'w.yaml')).stderr, /0 ran, 1 cached/);
  assert.equal(JSON.parse((await at('runs', '--json')).stdout).runs.length, 2);
  assert.ok(!existsSync(elsewhere.home), 'no home was made');
  const ran = await at('exec', guest('count-words'), '--stdin', 'text.txt');
  assert.deepEqual([ran.status, ran.stdout], [0, 'x\t4000\ny\t2000\n']);
  assert.equal((await at('exec', guest('exit'), '--', '7')).status, 7);
});

test('who may not, or nobody is there: told by its code, and nothing is left waiting', async () => {
  using place = new Place();
  place.write('text.txt', 'a');
  place.write('w.yaml', COUNT);
  await using agent = await startAgent(place);
  const reader = (await place.out('token', 'create', '--scope', 'read')).trim();
  using elsewhere = new Place();
  elsewhere.write('text.txt', 'a');
  elsewhere.write('w.yaml', COUNT);
  const failure = async (args: string[], env: Record<string, string>): Promise<[number | null, string]> => {
    const { status, stdout } = await elsewhere.docket([...args, '--json'], { env: { DOCKET_AGENT: agent.url, ...env } });
    return [status, (JSON.parse(stdout) as Failure).error?.code];
  };
  assert.deepEqual(await failure(['runs'], { DOCKET_TOKEN: reader }), [0, undefined]);
  assert.deepEqual(await failure(['run', 'w.yaml'], { DOCKET_TOKEN: reader }), [1, 'FORBIDDEN']);
  assert.deepEqual(await failure(['runs'], {}), [1, 'UNAUTHORIZED']);
  assert.deepEqual(await failure(['runs'], { DOCKET_TOKEN: 'wrong' }), [1, 'UNAUTHORIZED']);
  assert.deepEqual(await failure(['runs'], { DOCKET_AGENT: 'nonsense' }), [2, 'USAGE']);
  assert.deepEqual(await failure(['runs', '--local'], { DOCKET_AGENT: 'nonsense' }), [0, undefined], 'the home itself');
  assert.deepEqual(await failure(['runs', '--local', '--agent', agent.url], {}), [2, 'USAGE']);
  await agent.kill('SIGKILL');
  assert.deepEqual(await failure(['runs'], { DOCKET_TOKEN: reader }), [1, 'AGENT_UNREACHABLE']);
  assert.match((await place.docket(['run', 'w.yaml'])).stderr, /1 ran/, 'an agent that was killed is none');
});

test('Ctrl-C ends the run of a command that started it, and not that of one that watches', async () => {
  using place = new Place();
  place.write('slow.yaml', slow('10min'));
  await using agent = await startAgent(place);
  const started = place.start(['run', 'slow.yaml']);
  await said(started, /^run [0-9A-Z]{26}/m);
  const watching = place.start(['watch', 'last']);
  await said(watching, /^run [0-9A-Z]{26}/m);
  watching.kill('SIGINT');
  assert.deepEqual(await once(watching, 'close'), [130, null]);
  const [going] = (await place.json<Runs>('runs')).runs;
  assert.equal(going!.state, 'running');
  const again = await place.json<Failure>('resume', 'last');
  assert.equal(again.error.code, 'RUN_BUSY', 'it goes on');
  started.kill('SIGINT');
  assert.deepEqual(await once(started, 'close'), [130, null]);
  const [ended] = (await agent.ask<Runs>('/v1/runs')).runs;
  assert.deepEqual([ended!.run, ended!.state], [going!.run, 'cancelled']);
});

test('an agent that is killed and started again goes on with the run, and so does whoever follows it', async () => {
  using place = new Place();
  place.write('slow.yaml', slow('3s'));
  const first = await startAgent(place);
  const port = new URL(first.url).port;
  const following = place.start(['run', 'slow.yaml', '--json']);
  let out = '';
  following.stdout.on('data', (text: Buffer) => (out += text.toString()));
  await said(following, /^run [0-9A-Z]{26}/m);
  await first.kill('SIGKILL');
  await using second = await startAgent(place, { listen: `127.0.0.1:${port}` });
  const [status] = (await once(following, 'close')) as [number];
  const { run, errors } = JSON.parse(out) as Report;
  assert.deepEqual([status, errors.map(({ task, code }) => [task, code])], [1, [['slow', 'limit/time']]]);
  assert.equal((await second.ask<{ state: string }>(`/v1/runs/${run}`)).state, 'failed');
});

test('what a task writes is shown while it runs, and how it ended', async () => {
  using place = new Place();
  await using _ = await startAgent(place);
  place.write('talks.wasm', HELLO_FOR_EVER);
  place.write('talks.yaml', 'docket: 1\ntasks:\n  talks: { module: talks.wasm, limits: { time: 10min } }\n');
  const run = (await place.out('run', 'talks.yaml', '--detach')).trim();
  const following = place.start(['logs', run, 'talks', '--follow']);
  const ended = once(following, 'close');
  await heard(following.stdout, /^hello\n$/);
  await place.out('cancel', run);
  assert.deepEqual(await ended, [1, null]);
  assert.equal((await place.docket(['logs', run, '--follow'])).status, 2);
  const alone = await place.docket(['logs', run, 'talks', '--follow', '--local']);
  assert.match(alone.stderr, /needs the agent/);
});

test('an agent of the home that stands still keeps no command waiting', async () => {
  using place = new Place();
  place.write('text.txt', 'a b a');
  place.write('w.yaml', COUNT);
  await using agent = await startAgent(place);
  agent.signal('SIGSTOP');
  const { status, stdout, stderr } = await place.docket(['run', 'w.yaml']);
  assert.deepEqual([status, stdout], [0, 'a\t2\nb\t1\n'], stderr);
  assert.match(stderr, /did not answer in time; the work is done here/);
  agent.signal('SIGCONT');
  assert.equal((await agent.ask<Runs>('/v1/runs')).runs.length, 1);
});

test('a run that a command drives can be watched too, and one whose driver dies is said to be cut off', async () => {
  using place = new Place();
  place.write('slow.yaml', slow('10min'));
  const driving = place.start(['run', 'slow.yaml']);
  await said(driving, /^run [0-9A-Z]{26}/m);
  const watching = place.start(['watch', 'last']);
  const ended = once(watching, 'close');
  let told = '';
  watching.stderr.on('data', (text: Buffer) => (told += text.toString()));
  await said(watching, /^run [0-9A-Z]{26}/m);
  driving.kill('SIGKILL');
  assert.deepEqual(await ended, [1, null]);
  assert.match(told, /was cut off/);
});

/** Waits until it says so on stderr, which goes on being read afterwards. */
async function said({ stderr }: ReturnType<Place['start']>, what: RegExp): Promise<void> {
  await heard(stderr, what);
}

async function heard(stream: NodeJS.ReadableStream, what: RegExp): Promise<void> {
  const found = Promise.withResolvers<void>();
  let text = '';
  stream.on('data', (chunk: Buffer) => what.test((text += chunk.toString())) && found.resolve());
  stream.once('end', () => found.reject(new Error(`it ended without saying ${what}:\n${text}`)));
  await found.promise;
}

test('a run with more failures than a line holds has its summary all the same', async () => {
  using place = new Place();
  place.write('missing.wasm', MANY_MISSING);
  const each = JSON.stringify(Array.from({ length: 1_200 }, (_, i) => i));
  place.write('w.yaml', `docket: 1\nname: failing\ntasks:\n  f: { module: missing.wasm, each: ${each}, args: ["\${item}"] }\n`);
  await using _ = await startAgent(place);
  const { status, stdout, stderr } = await place.docket(['run', 'w.yaml', '--json']);
  assert.equal(status, 1, stderr);
  assert.match(stderr, /1200 tasks: 0 ran, 0 cached, 1200 failed[^]*… and 1180 more/);
  const { tasks, errors, moreErrors } = JSON.parse(stdout) as Report & { readonly moreErrors: number };
  assert.deepEqual([tasks.failed, errors.length + moreErrors], [1_200, 1_200]);
  assert.ok(moreErrors >= 200);
});
