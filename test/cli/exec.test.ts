import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { mapConcurrent } from '../../src/base/limit-concurrency.ts';
import { ECHO, LINK_OUT, LONG_TEXT, OVERWRITE, PRINT_ENV, RANDOM } from './guests.ts';
import { bytesOf, type Ended, type Failure, guest, Place } from './helpers.ts';

/** `docket exec`: the guest's streams and exit status are ours. The calls of a test share a home. */

let place: Place;

before(() => {
  place = new Place();
  for (const [name, module] of Object.entries({
    env: PRINT_ENV,
    echo: ECHO,
    random: RANDOM,
    overwrite: OVERWRITE,
    link: LINK_OUT,
    long: LONG_TEXT,
  }))
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
  const fuel = await exec(guest('loop'), '--fuel', '100000');
  assert.deepEqual([fuel.status, fuel.stderr], [134, 'docket: the task used up its fuel of 100000 units [limit/fuel]\n']);
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
    ['USAGE', guest('noop'), '--fuel', '1e2'],
    ['USAGE', guest('noop'), '--fuel', '-1'],
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

test('a link that leaves --out: what was said comes first, then which link it is; a failure of the guest’s own stays its exit status', async () => {
  const fine = await exec('link.wasm', '--out', 'linked');
  assert.deepEqual([fine.status, fine.stdout], [125, 'said\n']);
  assert.match(
    fine.stderr,
    /^docket: cannot write linked\/away: the link leads out of the folder, to \.\.\/\.\.\/elsewhere \[OUTPUT_UNWRITABLE\]\n {2}.*store ls bafy/,
  );
  assert.deepEqual(readdirSync(place.at('linked')), []);
  const [, tree] = /store ls (\w+)/.exec(fine.stderr)!;
  assert.match(await place.out('store', 'ls', tree!), /away → \.\.\/\.\.\/elsewhere/);

  const failed = await exec('link.wasm', '--out', 'linked', '--', 'fail');
  assert.deepEqual([failed.status, failed.stdout], [3, 'said\n']);
  assert.match(failed.stderr, /away.*OUTPUT_UNWRITABLE/);
  const { exit, error, out } = await place.json<{ exit: number; error: { code: string }; out: unknown[] }>(
    'exec',
    'link.wasm',
    '--out',
    'linked',
  );
  assert.deepEqual([exit, error.code, out[0]], [0, 'OUTPUT_UNWRITABLE', 'ok']);
});

test('a module that cannot be run is named by its path, with what to do', async () => {
  place.write('empty.wasm', '');
  place.write('text.wasm', 'hello');
  place.write('text-format.wasm', ';; mine\n(module (func))');
  place.write('cut.wasm', readFileSync(guest('count-words')).subarray(0, 200));
  mkdirSync(place.at('folder.wasm'));
  place.write('no-start.wasm', readFileSync(guest('no-start')));
  place.write('missing-import.wasm', readFileSync(guest('missing-import')));
  const wrong: readonly (readonly [status: number, path: string, said: RegExp])[] = [
    [125, './nothing.wasm', /cannot read \.\/nothing\.wasm: there is none \[INPUT_UNREADABLE\]\n {2}Check the path/],
    [125, 'folder.wasm', /folder\.wasm is a folder/],
    [126, 'empty.wasm', /empty\.wasm: .*\[MODULE_INVALID\]\n {2}The file is empty/],
    [126, 'text.wasm', /text\.wasm: not valid WebAssembly: the first four bytes .*\[MODULE_INVALID\]\n {2}\S/],
    [126, 'text-format.wasm', /text-format\.wasm: .*\[MODULE_INVALID\]\n {2}.*wat2wasm/],
    [126, 'cut.wasm', /cut\.wasm: not valid WebAssembly: .*at byte \d+ \[MODULE_INVALID\]/],
    [126, 'no-start.wasm', /no-start\.wasm: .*does not export "_start".* \[invalid\]\n {2}.*must be a command/],
    [126, 'missing-import.wasm', /missing-import\.wasm: .*nobody_offers_this \[invalid\]\n {2}.*must be a command/],
  ];
  await mapConcurrent(wrong, 4, async ([status, path, said]) => {
    for (let times = 0; times < 2; times++) {
      const ended = await exec(path);
      assert.deepEqual([ended.status, ended.stdout], [status, ''], path);
      assert.match(ended.stderr, said);
    }
  });
});

test('an input that cannot be given is told as that, and nothing is said of the module', async () => {
  place.write('in/sub/a.txt', 'a');
  place.write('plain.txt', 'a');
  const file = await exec('echo.wasm', '--dir', 'plain.txt');
  assert.equal(file.status, 125);
  assert.match(file.stderr, /^docket: cannot read plain\.txt: a file stands where a folder is needed \[INPUT_UNREADABLE\]\n/);
  const twice = await exec('echo.wasm', '--dir', 'in::/data', '--dir', 'in::/data/sub');
  assert.deepEqual([twice.status, twice.stderr], [125, 'docket: "data/sub" is mounted twice [invalid]\n']);
});

test('stdin may be a pipe or a device by its path', async () => {
  const piped = await place.docket(['exec', 'echo.wasm', '--stdin', '/dev/stdin'], { stdin: 'a text\n' });
  assert.deepEqual(piped, { status: 3, stdout: 'a text\n', stderr: 'done\n' });
  assert.equal((await exec('echo.wasm', '--stdin', '/dev/null')).stdout, '');
  assert.match((await exec('echo.wasm', '--stdin', place.folder)).stderr, /is a folder/);
});

test('an output found damaged is made again by the same command', async () => {
  const text = 'x'.repeat(100_000);
  assert.equal((await exec('long.wasm')).stdout, text);
  const [blob] = readdirSync(place.at('home', 'store', 'content-v2'), { recursive: true, withFileTypes: true }).filter(
    (entry) => entry.isFile() && statSync(join(entry.parentPath, entry.name)).size === text.length,
  );
  const path = join(blob!.parentPath, blob!.name);
  writeFileSync(path, 'y'.repeat(text.length));
  const healed = await exec('long.wasm');
  assert.deepEqual([healed.status, healed.stdout], [0, text]);
  assert.match(healed.stderr, /do not match it; it is made again\n$/);
  assert.equal(readFileSync(path, 'utf8'), text);
});

test('--fuel goes before the limit of a manifest, none undoes it, and neither changes the name of a task without', async () => {
  place.write('loop10.wasm', readFileSync(guest('exit')));
  place.write(
    'm.toml',
    'namespace = "org.example"\nname = "little"\nversion = "1"\nbinary = "loop10.wasm"\ndescription = ""\n[limits]\nfuel = 1\n',
  );
  await place.docket(['manifest', 'push', place.at('m.toml')]);
  assert.match((await exec('org.example.little', '--', '0')).stderr, /fuel of 1 units \[limit\/fuel\]/);
  assert.equal((await exec('org.example.little', '--fuel', '100000', '--', '4')).status, 4);
  assert.equal((await exec('org.example.little', '--fuel', 'none', '--', '5')).status, 5);
  assert.equal((await exec('org.example.little', '--fuel', '18446744073709551615', '--', '6')).status, 6);
});
