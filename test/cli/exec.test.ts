import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { mapConcurrent } from '../../src/base/limit-concurrency.ts';
import { ECHO, OVERWRITE, PRINT_ENV, RANDOM } from './guests.ts';
import { bytesOf, type Ended, type Failure, guest, Place } from './helpers.ts';

/** `docket exec`: the guest's streams and exit status are ours. The calls of a test share a home. */

let place: Place;

before(() => {
  place = new Place();
  for (const [name, module] of Object.entries({ env: PRINT_ENV, echo: ECHO, random: RANDOM, overwrite: OVERWRITE }))
    place.write(`${name}.wasm`, module);
});
after(() => place[Symbol.dispose]());

const exec = (...args: string[]): Promise<Ended> => place.docket(['exec', ...args]);

test('stdin, stdout, stderr and exit status are those of the guest, also from its receipt', async () => {
  place.write('in.txt', 'a text\n');
  const first = await exec('echo.wasm', '--stdin', 'in.txt');
  assert.deepEqual(first, { status: 3, stdout: 'a text\n', stderr: 'done\n' });
  assert.deepEqual(
    await place.docket(['exec', 'echo.wasm', '--stdin', '-'], { stdin: 'a text\n' }),
    first,
    'the same bytes, so the same work',
  );
  assert.deepEqual(await exec('echo.wasm'), { status: 3, stdout: '', stderr: 'done\n' }, 'no stdin of ours unless it is given');
});

test('one document with --json: run, receipt, exit status and what came out', async () => {
  place.write('in.txt', 'a text\n');
  const document = await place.json('exec', 'echo.wasm', '--stdin', 'in.txt');
  assert.deepEqual(Object.keys(document), ['run', 'receipt', 'exit', 'out']);
  const [tag, failure] = document['out'] as [string, { code: string; data: Record<string, unknown> }];
  assert.deepEqual([tag, failure.code, document['exit'], bytesOf(failure.data['stdout'])], ['error', 'exit', 3, 'a text\n']);
  assert.equal((await place.docket(['receipt', 'verify', String(document['receipt'])])).status, 0);
});

test('the exit status tells the guest’s failures and Docket’s apart', async () => {
  const statuses = async (...calls: string[][]): Promise<(number | null)[]> =>
    (await Promise.all(calls.map((call) => exec(...call)))).map(({ status }) => status);
  assert.deepEqual(await statuses([guest('exit'), '--', '7'], [guest('exit'), '--', '256']), [7, 1], 'a failure never looks like success');
  assert.deepEqual(await statuses([guest('loop'), '--time', '100ms'], [guest('recurse')]), [124, 134]);
  assert.deepEqual(await statuses([guest('flood-stdout'), '--output', '1KiB'], [guest('missing-import')]), [134, 126]);
  const limit = await exec(guest('loop'), '--time', '100ms');
  assert.match(limit.stderr, /^docket: .*100 ms \[limit\/time\]\n$/);
});

test('what is Docket’s own failure or a wrong call is 125, said on stderr and in JSON', async () => {
  place.write('file', 'x');
  const wrong: readonly (readonly [code: string, ...args: string[]])[] = [
    ['INPUT_UNREADABLE', './missing.wasm'],
    ['INPUT_UNREADABLE', guest('noop'), '--stdin', 'missing'],
    ['INPUT_UNREADABLE', guest('noop'), '--dir', 'missing'],
    ['HOME_UNUSABLE', guest('noop'), '--home', place.at('file')],
    ['OUTPUT_UNWRITABLE', guest('noop'), '--out', 'file'],
    ['LIMIT_REFUSED', guest('noop'), '--memory', '1'],
    ['LIMIT_REFUSED', guest('noop'), '--time', '0s'],
    ['USAGE', guest('noop'), '--memory', '1mb'],
    ['USAGE', guest('noop'), '--open-files', '1e2'],
    ['USAGE', guest('noop'), '--grant', 'net'],
    ['USAGE', guest('noop'), '--dir', '..'],
    ['USAGE', guest('noop'), '--dir', 'a::/x', '--dir', 'b::x/'],
    ['USAGE', guest('noop'), '--env', 'NAME'],
    ['USAGE', guest('noop'), 'argument'],
    ['USAGE', 'noop'],
    ['USAGE'],
  ];
  await mapConcurrent(wrong, 4, async ([code, ...args]) => {
    const { status, stdout, stderr } = await exec(...args, '--json');
    assert.deepEqual([status, (JSON.parse(stdout) as Failure).error.code], [125, code], args.join(' '));
    assert.ok(stderr.includes(`[${code}]\n  `), 'a second line says what to do');
  });
});

test('a word is a path if it holds a slash or ends in .wasm, and an option of the guest’s stands after `--`', async () => {
  place.write('folder/plain', readFileSync(guest('exit')));
  assert.equal((await exec('folder/plain', '--', '4')).status, 4);
  assert.match((await exec('plain')).stderr, /try \.\/plain/);
  assert.equal((await exec(guest('exit'), '--', '--help')).stderr, '', 'not ours to answer');
  assert.match((await exec(guest('exit'), '5')).stderr, /docket exec MODULE\.wasm -- ARGS/);
});

test('a guest sees the environment it is given and nothing else', async () => {
  const { stdout } = await place.docket(['exec', 'env.wasm', '--env', 'A=1=2', '--env', 'ÄÖ=', '--env', 'B= b'], { env: { SECRET: 'x' } });
  assert.deepEqual(stdout.split('\0').toSorted(), ['', 'A=1=2', 'B= b', 'ÄÖ=']);
  assert.match((await exec('env.wasm', '--env', 'A=1', '--env', 'A=2')).stderr, /A is given twice/);
});

test('randomness is the same every time, unless it is granted; then no result is reused', async () => {
  const [one, two] = [await exec('random.wasm', '--force'), await exec('random.wasm', '--force')];
  assert.equal(one.stdout, two.stdout);
  const [three, four] = [
    await exec('random.wasm', '--grant', 'random,clock'),
    await exec('random.wasm', '--grant', 'clock', '--grant', 'random'),
  ];
  assert.equal(new Set([one.stdout, three.stdout, four.stdout]).size, 3);
});

test('a folder is a snapshot: the guest writes to its copy, --out gets what it changed', async () => {
  place.write('data/a.txt', 'old');
  place.write('data/deep/b.txt', 'b');
  place.write('more/c.txt', 'c');
  symlinkSync('a.txt', place.at('data', 'link'));
  const mounts = ['--dir', 'data', '--dir', 'more::/elsewhere/here'];
  const { status, stderr } = await exec('overwrite.wasm', ...mounts, '--out', 'out', '--', 'data/a.txt');
  assert.equal(status, 0, stderr);
  assert.equal(readFileSync(place.at('data', 'a.txt'), 'utf8'), 'old', 'never written back');
  assert.deepEqual(
    readdirSync(place.at('out'), { recursive: true }).toSorted(),
    ['data', 'data/a.txt'],
    'what is as it was given is left out',
  );
  assert.equal(readFileSync(place.at('out', 'data', 'a.txt'), 'utf8'), 'new');

  assert.equal((await exec('overwrite.wasm', ...mounts, '--out', 'out2', '--', 'elsewhere/here/c.txt')).status, 0);
  assert.equal(readFileSync(place.at('out2', 'elsewhere', 'here', 'c.txt'), 'utf8'), 'new');
  assert.equal((await exec('overwrite.wasm', '--dir', 'data::.', '--out', 'out3', '--', 'a.txt')).status, 0);
  assert.deepEqual(readdirSync(place.at('out3')), ['a.txt']);
  assert.notEqual((await exec('overwrite.wasm', '--', '../escaped')).status, 0);
  assert.ok(!existsSync(place.at('escaped')) && !existsSync(place.at('..', 'escaped')));
});

test('a link out of a folder is refused', async () => {
  place.write('leaky/x', '');
  symlinkSync('/etc/hostname', place.at('leaky', 'host'));
  const { status, stderr } = await exec(guest('noop'), '--dir', 'leaky');
  assert.equal(status, 125);
  assert.match(stderr, /leaky\/host.*INPUT_ESCAPES/);
});
