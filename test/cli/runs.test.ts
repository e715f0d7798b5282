import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { ECHO, LONG_TEXT } from './guests.ts';
import { type Failure, guest, Place, type Report } from './helpers.ts';

/** Looking at runs, stopping them and taking them up again: `runs`, `show`, `logs`, `cancel`, `resume`, `cid`. */

const WORKFLOW = `
docket: 1
name: "w\\nx"
tasks:
  good: { module: ${guest('count-words')}, stdin: "text" }
  same: { module: ${guest('count-words')}, stdin: "text" }
  bad: { module: echo.wasm, stdin: "what it read" }
  binary: { module: echo.wasm, stdin: { base64: "/w==" }, nonce: b }
  silent: { module: ${guest('noop')} }
  long: { module: long.wasm }
  behind: { module: ${guest('noop')}, stdin: { from: bad, at: /stdout } }
`;

/** One that ends at once, and one that does not end by itself. */
const SLOW = `
docket: 1
tasks:
  quick: { module: ${guest('count-words')}, stdin: "quick" }
  slow: { module: ${guest('loop')}, limits: { time: 10min } }
  after: { module: ${guest('noop')}, stdin: { from: quick, at: /stdout } }
`;

let place: Place;
before(() => {
  place = new Place();
  place.write('echo.wasm', ECHO);
  place.write('long.wasm', LONG_TEXT);
  place.write('w.yaml', WORKFLOW);
  place.write('slow.yaml', SLOW);
});
after(() => place[Symbol.dispose]());

interface Shown {
  readonly run: string;
  readonly state: string;
  readonly tasks: readonly {
    readonly label: string;
    readonly state: string;
    readonly via: string | null;
    readonly receipt: string | null;
    readonly error: string | null;
  }[];
}

test('runs are listed, newest first; names cannot break a line', async () => {
  assert.deepEqual(await place.json('runs'), { runs: [] });
  assert.match((await place.docket(['runs'])).stderr, /no runs yet in \S+; start one: docket run FILE\n/);
  const first = await place.json<Report>('run', 'w.yaml');
  const second = await place.json<Report>('run', 'w.yaml');
  assert.equal(second.tasks.cached, 3);
  const { runs } = await place.json<{ runs: { run: string; state: string; tasks: unknown; finished: string }[] }>('runs');
  assert.deepEqual(
    runs.map(({ run }) => run),
    [second.run, first.run],
  );
  assert.deepEqual([runs[0]!.state, runs[0]!.tasks], ['failed', second.tasks]);
  assert.ok(Date.parse(runs[0]!.finished) > 0);
  const lines = (await place.out('runs', '--limit', '1')).split('\n');
  assert.deepEqual([lines.length, lines[1]!.startsWith(`${second.run}  failed `), lines[1]!.endsWith('w\\nx')], [3, true, true]);
});

test('a run is shown with its tasks, found by its beginning or as the last', async () => {
  const { run } = await place.json<Report>('run', 'w.yaml');
  const shown = await place.json<Shown>('show', run.slice(0, -1).toLowerCase());
  assert.deepEqual([shown.run, shown.state], [run, 'failed']);
  const states = Object.fromEntries(shown.tasks.map(({ label, state, via }) => [label, [state, via]]));
  assert.deepEqual(states, {
    good: ['ok', 'declared'],
    bad: ['failed', 'ran'],
    binary: ['failed', 'ran'],
    silent: ['ok', 'declared'],
    long: ['ok', 'declared'],
    behind: ['skipped', null],
  });
  assert.equal(shown.tasks.find(({ label }) => label === 'bad')!.error, 'the program ended with exit status 3 [exit]');
  const text = await place.out('show', 'last');
  assert.match(text, /^run {7}[0-9A-Z]{26}\nworkflow {2}w\\nx\n/);
  assert.match(text, /^good +ok +cached \(declared key\) +bafyrmi/m);
  assert.match(text, /^bad failed: the program ended with exit status 3 \[exit\]$/m);
  assert.equal((await place.json<Failure>('show', '00')).error.code, 'RUN_UNKNOWN');
});

test('logs are what tasks wrote, to the byte, also where they failed', async () => {
  await place.json<Report>('run', 'w.yaml');
  assert.deepEqual(await place.docket(['logs', 'last', 'bad']), {
    status: 0,
    stdout: 'what it read',
    stderr: 'done\ndocket: failed: the program ended with exit status 3 [exit]\n',
  });
  assert.deepEqual(
    await place.docket(['logs', 'last', 'same']),
    { status: 0, stdout: 'text\t1\n', stderr: '' },
    'another name of the same work',
  );
  assert.equal(await place.out('logs', 'last', 'silent'), '');
  assert.equal((await place.out('logs', 'last', 'long')).length, 100_000);
  const all = await place.out('logs', 'last');
  assert.match(all, /^== good \(ok, cached\)\ntext\t1\n/m);
  assert.match(all, /^== bad \(failed\)\nwhat it readdone\nfailed: the program ended/m);
  assert.doesNotMatch(all, /silent|behind/);
  const { tasks } = await place.json<{ tasks: { task: string; stdout: unknown; stderr: unknown; failure: string | null }[] }>(
    'logs',
    'last',
  );
  const one = (name: string): unknown[] => tasks.filter(({ task }) => task === name).map(({ stdout, failure }) => [stdout, failure])[0]!;
  assert.deepEqual(one('good'), ['text\t1\n', null]);
  assert.deepEqual(one('binary'), [{ '/': { bytes: '/w' } }, 'the program ended with exit status 3 [exit]']);
  assert.deepEqual(await place.json('logs', 'last', 'bad').then(({ stdout, stderr }) => [stdout, stderr]), ['what it read', 'done\n']);
  const skipped = await place.docket(['logs', 'last', 'behind']);
  assert.deepEqual([skipped.status, /no receipt.*RECEIPT_UNKNOWN.*\n.*docket why/.test(skipped.stderr)], [1, true]);
});

test('cid prints what promises and receipts name, without running anything', async () => {
  interface Row {
    readonly label: string;
    readonly instruction: string;
    readonly task: string;
    readonly invocation: string;
  }
  const document = await place.json<{ workflow: string; name: string; tasks: Row[] }>('cid', 'w.yaml');
  assert.deepEqual([document.name, document.tasks.length], ['w\nx', 6]);
  for (const { instruction, task, invocation } of document.tasks) {
    for (const cid of [instruction, task, invocation]) assert.match(cid, /^bafyrmi[a-z2-7]{52}$/);
    assert.equal(new Set([instruction, task, invocation]).size, 3);
  }
  const text = await place.out('cid', 'w.yaml');
  assert.ok(text.startsWith(`workflow ${document.workflow}\nLABEL `) && text.includes(document.tasks[0]!.instruction));
  const homes = (await place.json<{ runs: unknown[] }>('runs', '--home', 'fresh')).runs;
  await place.out('cid', 'w.yaml', '--home', 'fresh');
  assert.deepEqual((await place.json<{ runs: unknown[] }>('runs', '--home', 'fresh')).runs, homes);
});

/** What stands between a test and waiting for ever; no test asserts it. */
const PATIENCE = 60_000;

async function until(isSo: () => Promise<boolean>, goesOn: () => boolean): Promise<void> {
  const deadline = Date.now() + PATIENCE;
  while (!(await isSo())) assert.ok(goesOn() && Date.now() < deadline, 'it ended, or nothing came of it');
}

/** A run of `slow.yaml` whose quick tasks have ended. */
async function startSlow(
  ...options: string[]
): Promise<{ run: string; ended: Promise<unknown[]>; said: () => string; kill: (signal: NodeJS.Signals) => void }> {
  const child = place.start(['run', 'slow.yaml', ...options]);
  let said = '';
  child.stderr.on('data', (text: Buffer) => (said += text.toString()));
  const ended = once(child, 'close');
  while (!/^run ([0-9A-Z]{26})/m.test(said)) await once(child.stderr, 'data');
  const run = /^run ([0-9A-Z]{26})/m.exec(said)![1]!;
  const done = async (): Promise<boolean> => {
    const { tasks } = await place.json<Shown>('show', run);
    return tasks.filter(({ label, state }) => label !== 'slow' && state === 'ok').length === 2;
  };
  await until(done, () => child.exitCode === null);
  return { run, ended, said: () => said, kill: (signal) => void child.kill(signal) };
}

test('a run is cancelled from outside, told of, and taken up again without its file', async () => {
  const slow = await startSlow();
  assert.equal((await place.json<Failure>('resume', slow.run)).error.code, 'RUN_BUSY');
  const [listed] = (await place.json<{ runs: { state: string; tasks: unknown }[] }>('runs', '--limit', '1')).runs;
  assert.deepEqual(listed, { ...listed, state: 'running', tasks: { total: 3, ran: 2, cached: 0, failed: 0, skipped: 0, cancelled: 0 } });
  assert.match(await place.out('show', slow.run), /\nTASK +STATE +HOW.*\nslow +running/);
  const { tasks } = await place.json<Shown>('show', slow.run);
  assert.deepEqual(tasks.map(({ label, state }) => `${label} ${state}`).sort(), ['after ok', 'quick ok', 'slow running']);
  assert.match(await place.out('why', slow.run, 'slow'), /^slow has not ended in this run, and the run has not either\.\n$/);
  assert.equal(await place.out('cancel', slow.run), `run ${slow.run} is cancelled\n`);
  assert.deepEqual(await slow.ended, [130, null]);
  assert.match(slow.said(), /cancelled in .* 2 ran, 0 cached, 0 failed, 1 cancelled\n {2}docket resume [0-9A-Z]{26} goes on\n$/);
  assert.equal(await place.out('cancel', slow.run), `run ${slow.run} was over already: cancelled\n`);
  assert.match(await place.out('why', slow.run, 'slow'), /^slow was cancelled with its run/);

  place.write('slow.yaml', SLOW.replace('10min', '100ms'));
  const again = await place.json<Report>('run', 'slow.yaml');
  assert.deepEqual(
    [again.state, again.tasks.ran, again.errors.map(({ code }) => code)],
    ['failed', 0, ['limit/time']],
    'what was finished is not run again',
  );
  place.write('slow.yaml', SLOW);
});

test('a run that is complete is not taken up: it is said to be, and gives its outputs once more', async () => {
  place.write(
    'done.yaml',
    `tasks: { count: { module: ${guest('count-words')}, stdin: "a b a" } }\noutputs: { out: { from: count, at: /stdout } }`,
  );
  const { run, ...first } = await place.json<Report>('run', 'done.yaml');
  const shown = await place.json<Shown>('show', run);
  const { status, stdout, stderr } = await place.docket(['resume', run, '--out', 'again']);
  assert.deepEqual([status, stdout], [0, '']);
  assert.match(stderr, /^run [0-9A-Z]{26} is complete, nothing is left to do; it ended so:\ncompleted in .* 1 ran.*\n1 output in again\n$/);
  assert.equal(readFileSync(place.at('again', 'out'), 'utf8'), 'a\t2\nb\t1\n');
  const { seconds, ...again } = await place.json<Report>('resume', run);
  assert.ok(seconds > 0);
  assert.deepEqual({ ...again, seconds: first.seconds }, { run, ...first });
  assert.deepEqual(await place.json<Shown>('show', run), shown, 'its tasks stay on record as they were');
});

test('a run that failed is taken up as often as wanted, and what it was to run anew is run once', async () => {
  place.write(
    'forced.yaml',
    `tasks: { good: { module: ${guest('count-words')}, stdin: "forced" }, bad: { module: echo.wasm, nonce: forced } }`,
  );
  const { run, tasks } = await place.json<Report>('run', 'forced.yaml', '--force');
  assert.deepEqual([tasks.ran, tasks.failed], [1, 1]);
  for (const _ of [1, 2]) {
    const again = await place.json<Report>('resume', run);
    assert.deepEqual([again.state, again.tasks.ran, again.tasks.cached, again.tasks.failed], ['failed', 0, 1, 1]);
  }
  assert.match(await place.out('show', run), /\nbad +failed +ran, attempt 3 +bafy/, 'a number, of which offers nobody took have some');
});

test('a signal ends a run in order, with a status that names it; resuming goes on with what it was started with', async () => {
  const slow = await startSlow('--force', '--fail-fast');
  slow.kill('SIGTERM');
  assert.deepEqual(await slow.ended, [143, null]);
  assert.equal((await place.json<Shown>('show', slow.run)).state, 'cancelled');

  const child = place.start(['resume', slow.run, '--json']);
  let out = '';
  child.stdout.on('data', (text: Buffer) => (out += text.toString()));
  const ended = once(child, 'close');
  await once(child.stderr, 'data');
  const isFound = async (): Promise<boolean> =>
    (await place.json<Shown>('show', slow.run)).tasks.some(({ label, via }) => label === 'after' && via === 'declared');
  await until(isFound, () => child.exitCode === null);
  child.kill('SIGINT');
  assert.deepEqual(await ended, [130, null]);
  const { tasks, run } = JSON.parse(out) as Report;
  assert.deepEqual([run, tasks.total, tasks.ran, tasks.failed], [slow.run, 3, 0, 0], 'forced once, not twice');
});
