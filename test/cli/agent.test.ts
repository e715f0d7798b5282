import assert from 'node:assert/strict';
import { type ChildProcessWithoutNullStreams, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { before, test } from 'node:test';
import { buildGuests } from '../../scripts/build-guests.ts';
import { guest, Place } from './helpers.ts';

before(() => buildGuests());

interface Line {
  readonly event: string;
  readonly url?: string;
  readonly pid?: number;
}

/** An agent process, and the lines it logs. */
async function started(
  place: Place,
  ...args: string[]
): Promise<{ child: ChildProcessWithoutNullStreams; url: string; next: () => Promise<Line> }> {
  const child = place.start(['agent', '--listen', '127.0.0.1:0', ...args]);
  const lines = createInterface({ input: child.stderr })[Symbol.asyncIterator]();
  const next = async (): Promise<Line> => JSON.parse((await lines.next()).value as string) as Line;
  const { event, url } = await next();
  assert.equal(event, 'listening');
  return { child, url: url!, next };
}

test('an agent tells where it is, answers, and stops in order', async () => {
  using place = new Place();
  const { child, url, next } = await started(place, '--anonymous', 'read');
  const file = join(place.home, 'agent.json');
  assert.deepEqual(JSON.parse(readFileSync(file, 'utf8')), { url, pid: child.pid });
  assert.equal(await (await fetch(`${url}/monitor/ping`)).text(), 'pong');
  assert.equal((await fetch(`${url}/v1/jobs`)).status, 200);
  child.kill('SIGTERM');
  assert.deepEqual([(await next()).event, (await next()).event], ['stopping', 'stopped']);
  assert.deepEqual(await once(child, 'exit'), [0, null]);
  assert.ok(!existsSync(file));
});

test('an agent whose disk was full goes on when there is room again, and says so', async (t) => {
  using place = new Place();
  mkdirSync(place.home);
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=6m,mode=700', 'tmpfs', place.home]).status !== 0) return t.skip('mounting needs root');
  try {
    place.write('words.wasm', readFileSync(guest('count-words')));
    const manifest = 'namespace = "org.example"\nname = "words"\nversion = "1"\nbinary = "words.wasm"\ndescription = ""\n';
    await place.out('manifest', 'push', place.write('words.toml', manifest));
    const { child, url, next } = await started(place);
    const headers = { authorization: `Bearer ${readFileSync(join(place.home, 'token'), 'utf8').trim()}` };
    const job = async (): Promise<number> =>
      (await fetch(`${url}/v1/jobs/org.example.words/run`, { method: 'POST', headers, body: 'a' })).status;
    assert.equal(spawnSync('dd', ['if=/dev/zero', `of=${join(place.home, 'filling')}`, 'bs=4k']).status, 1, 'the disk is full');
    // What is written first may still find room in what SQLite has already.
    for (let status = 0; status !== 507; status = await job());
    rmSync(join(place.home, 'filling'));
    for (let event = ''; event !== 'listening'; { event } = await next());
    assert.equal(await job(), 200);
    child.kill('SIGTERM');
    assert.deepEqual(await once(child, 'exit'), [0, null]);
  } finally {
    spawnSync('umount', ['-l', place.home]);
  }
});

test('a home that holds nothing but the settings of its agent is as good as empty', async () => {
  using place = new Place();
  mkdirSync(place.home);
  place.write('home/agent.toml', 'slots = 1\n');
  const { child } = await started(place);
  child.kill('SIGTERM');
  assert.deepEqual(await once(child, 'exit'), [0, null]);
});

test('a home has one agent at a time; one that was killed is no agent', async () => {
  using place = new Place();
  const first = await started(place);
  const second = await place.docket(['agent', '--listen', '127.0.0.1:0']);
  assert.equal(second.status, 1);
  assert.match(second.stderr, /AGENT_BUSY/);
  first.child.kill('SIGKILL');
  await once(first.child, 'exit');
  const third = await started(place);
  third.child.kill('SIGINT');
  assert.deepEqual(await once(third.child, 'exit'), [0, null]);
});

test('a job under way ends before the agent does, if it takes no longer than it may', async () => {
  using place = new Place();
  place.write('loop.wasm', readFileSync(guest('loop')));
  const manifest = 'namespace = "org.example"\nname = "loop"\nversion = "1"\nbinary = "loop.wasm"\ndescription = ""\n[limits]\ntime = ';
  await place.out('manifest', 'push', place.write('short.toml', `${manifest}"1s"\n`));
  await place.out('manifest', 'push', place.write('long.toml', `${manifest.replace('"1"', '"2"')}"10min"\n`));

  const patient = await started(place);
  const short = await begun(place, patient.url, 'org.example.loop@1.0.0');
  patient.child.kill('SIGTERM');
  assert.equal((await short.reply)?.status, 400, 'it ended by its own limit');
  assert.deepEqual(await once(patient.child, 'exit'), [0, null]);

  const hasty = await started(place, '--drain', '100ms');
  const long = await begun(place, hasty.url, 'org.example.loop@2.0.0');
  hasty.child.kill('SIGTERM');
  assert.equal(await long.reply, undefined);
  assert.deepEqual(await once(hasty.child, 'exit'), [0, null]);
  const { runs } = await place.json<{ runs: { state: string }[] }>('runs');
  assert.deepEqual(
    runs.map(({ state }) => state),
    ['cancelled', 'failed'],
  );
});

/** Asks for a job; resolves when it runs. Its reply is undefined if the agent hung up. */
async function begun(place: Place, url: string, name: string): Promise<{ readonly reply: Promise<Response | undefined> }> {
  const headers = { authorization: `Bearer ${readFileSync(join(place.home, 'token'), 'utf8').trim()}` };
  const reply = fetch(`${url}/v1/jobs/${name}/run`, { method: 'POST', headers }).catch(() => undefined);
  for (;;) {
    const { jobs } = (await (await fetch(`${url}/v1/jobs`, { headers })).json()) as { jobs: { name: string; state: string }[] };
    if (jobs.some((job) => job.name === name && job.state === 'running')) return { reply };
  }
}

test('after a crash an agent goes on with the runs it had', async () => {
  using place = new Place();
  place.write('count-words.wasm', readFileSync(guest('count-words')));
  place.write('loop.wasm', readFileSync(guest('loop')));
  for (const name of ['count-words', 'loop'])
    await place.out(
      'manifest',
      'push',
      place.write(
        `${name}.toml`,
        `namespace = "org.example"\nname = "${name}"\nversion = "1"\nbinary = "${name}.wasm"\ndescription = ""\n`,
      ),
    );
  const workflow = `
tasks:
  quick: { module: org.example.count-words, stdin: a }
  slow: { module: org.example.loop, limits: { time: 4s } }
  behind: { module: org.example.count-words, stdin: { from: slow, at: /message, on: error } }
`;
  // Both at once: the short one ends long before the other, and the agent is killed in between.
  const first = await started(place, '--slots', '2');
  const headers = { authorization: `Bearer ${readFileSync(join(place.home, 'token'), 'utf8').trim()}` };
  const submit = async (query: string): Promise<string> => {
    const reply = await fetch(`${first.url}/v1/runs${query}`, { method: 'POST', headers, body: workflow });
    return ((await reply.json()) as { run: string }).run;
  };
  // So that everything is known when it is asked for anew.
  await (await fetch(`${first.url}/v1/runs/${await submit('')}/events`, { headers })).text();
  const run = await submit('?force=true');
  type View = { readonly state: string; readonly tasks: Readonly<Record<string, number>> };
  const view = async (url: string): Promise<View> => (await (await fetch(`${url}/v1/runs/${run}`, { headers })).json()) as View;
  while ((await view(first.url)).tasks['ran'] === 0);
  first.child.kill('SIGKILL');
  await once(first.child, 'exit');

  const second = await started(place);
  const { event, run: resumed } = (await second.next()) as Line & { readonly run: string };
  assert.deepEqual([event, resumed], ['resumed', run]);
  while ((await view(second.url)).state === 'running');
  const { state, tasks } = await view(second.url);
  assert.deepEqual([state, tasks['failed']], ['completed', 1], 'the slow one ended by its limit, and what waited for that ran');
  assert.deepEqual([tasks['ran']! + tasks['cached']!, tasks['cached']! <= 1], [2, true], 'what was to run anew and had not is run');
  second.child.kill('SIGTERM');
  assert.deepEqual(await once(second.child, 'exit'), [0, null]);
});
