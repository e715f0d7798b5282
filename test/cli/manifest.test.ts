import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { afterEach, before, beforeEach, describe, test } from 'node:test';
import { buildGuests } from '../../scripts/build-guests.ts';
import { type Failure, guest, Place } from './helpers.ts';

/** `docket manifest`, and `docket exec` by name. */

let place: Place;
before(() => buildGuests());
beforeEach(() => void (place = new Place()));
afterEach(() => place[Symbol.dispose]());

interface Row {
  readonly name: string;
  readonly version: string;
  readonly module: { readonly cid: string; readonly sri: string };
  readonly manifest: { readonly cid: string; readonly sri: string };
}

/** Writes a manifest and its module beside it; gives the manifest's path. */
function write(version: string, { module = 'count-words', more = '', name = 'words' } = {}): string {
  place.write(`${module}.wasm`, readFileSync(guest(module)));
  const text = `namespace = "org.example"\nname = "${name}"\nversion = "${version}"\nbinary = "${module}.wasm"\ndescription = "${module}"\n${more}`;
  return place.write(`${name}-${version}-${module}.toml`, text);
}

async function refused(code: string, args: readonly string[], stdin = ''): Promise<string> {
  const { status, stdout, stderr } = await place.docket([...args], { stdin });
  assert.notEqual(status, 0, stdout);
  assert.ok(stderr.includes(`[${code}]\n  `), stderr);
  return stderr;
}

test('a named module reads what is piped to it, or a file, and its result is found again', async () => {
  const { status, stdout, stderr } = await place.docket(['manifest', 'push', write('1')]);
  assert.deepEqual([status, stdout], [0, 'org.example.words@1.0.0\n'], stderr);
  const counted = { status: 0, stdout: 'a\t2\nb\t1\n', stderr: '' };
  for (const name of ['org.example.words', 'ORG.example.Words@1', 'org.example.words@latest'])
    assert.deepEqual(await place.docket(['exec', name], { stdin: 'a b a' }), counted, name);
  place.write('input.txt', 'a b a');
  assert.deepEqual(await place.docket(['exec', 'org.example.words', 'input.txt']), counted);
  const shown = await place.json<{ tasks: { via: string }[]; name: string }>('show', 'last');
  assert.deepEqual([shown.name, shown.tasks[0]?.via], ['org.example.words@1.0.0', 'declared']);
});

test('a digest with a slash is a digest, and no path', async () => {
  let sri = '';
  for (let i = 0; !sri.includes('/'); i++) {
    const pushed = await place.json<Row>('manifest', 'push', write('1', { name: `slash-${i}` }));
    sri = pushed.manifest.sri.includes('/') ? `${pushed.name}@${pushed.manifest.sri}` : '';
  }
  assert.equal((await place.docket(['exec', sri], { stdin: 'a' })).stdout, 'a\t1\n');
});

test('the newest version that is meant runs; each is found by its digests too', async () => {
  const pushed: Row[] = [];
  for (const [version, module] of [
    ['1.2', 'exit'],
    ['1.10', 'count-words'],
    ['2.0.0-beta', 'noop'],
  ] as const)
    pushed.push(await place.json<Row>('manifest', 'push', write(version, { module })));
  const { versions } = await place.json<{ versions: Row[] }>('manifest', 'versions', 'org.example.words');
  assert.deepEqual(
    versions.map(({ version }) => version),
    ['2.0.0-beta', '1.10.0', '1.2.0'],
  );
  const version = async (selector: string): Promise<string> =>
    (await place.json<Row>('manifest', 'show', `org.example.words${selector}`)).version;
  assert.deepEqual(await Promise.all(['', '@1', '@1.2', '@2', '@latest'].map(version)), [
    '1.10.0',
    '1.10.0',
    '1.2.0',
    '2.0.0-beta',
    '1.10.0',
  ]);
  for (const { module, manifest, version: own } of pushed)
    for (const { sri } of [module, manifest]) assert.equal(await version(`@${sri}`), own);
  const { modules } = await place.json<{ modules: (Row & { versions: unknown })[] }>('manifest', 'ls');
  assert.deepEqual(
    modules.map((row) => [row.name, row.version, row.versions]),
    [['org.example.words', '1.10.0', 3]],
  );
  assert.match(await place.out('manifest', 'ls'), /^org\.example\.words +1\.10\.0 +3 +count-words$/m);
});

test('a version never changes, not even by going', async () => {
  const file = write('1');
  const first = await place.json<Row>('manifest', 'push', file);
  assert.deepEqual(await place.json<Row>('manifest', 'push', file), first, 'the same again is the same');
  await refused('MANIFEST_EXISTS', ['manifest', 'push', write('1.0', { module: 'noop' })]);
  place.write('count-words.wasm', readFileSync(guest('noop')));
  await refused('MANIFEST_EXISTS', ['manifest', 'push', file]);
  await place.out('manifest', 'rm', 'org.example.words@1');
  await refused('MANIFEST_UNKNOWN', ['exec', 'org.example.words']);
  assert.match(await refused('MANIFEST_EXISTS', ['manifest', 'push', file]), /was there already/);
  await refused('MANIFEST_UNKNOWN', ['exec', 'org.example.words']);
  assert.deepEqual(await place.json<Row>('manifest', 'push', write('1')), first, 'as it was it may come back');
});

test('of processes that name one version at once one wins, and the others hear of it', async () => {
  const files = ['noop', 'exit', 'count-words', 'loop'].map((module) => write('3', { module }));
  const ended = await Promise.all(files.map((file) => place.docket(['manifest', 'push', file])));
  assert.deepEqual(ended.map(({ status }) => status).toSorted(), [0, 1, 1, 1]);
  for (const { status, stderr } of ended) if (status !== 0) assert.match(stderr, /MANIFEST_EXISTS/);
});

describe('what the manifest says', () => {
  test('counts where the call says nothing', async () => {
    const more = 'args = ["3"]\n[env]\nA = "1"\n[limits]\ntime = "5min"\nopen_files = 8\n';
    await place.out('manifest', 'push', write('1', { module: 'exit', more }));
    assert.equal((await place.docket(['exec', 'org.example.words'])).status, 3);
    assert.equal((await place.docket(['exec', 'org.example.words', '--', '4'])).status, 4);
    await place.out('manifest', 'push', write('2', { module: 'loop', more: '[limits]\ntime = "100ms"\n' }));
    assert.equal((await place.docket(['exec', 'org.example.words'])).status, 124);
    assert.equal((await place.docket(['exec', 'org.example.words@2', '--time', '50ms'])).status, 124);
  });

  test('it asks for is given by the caller or not at all', async () => {
    await place.out('manifest', 'push', write('1', { more: 'required_permissions = ["clock"]\n' }));
    assert.match(await refused('PERMISSION_DENIED', ['exec', 'org.example.words']), /--grant clock/);
    assert.equal((await place.docket(['exec', 'org.example.words', '--grant', 'clock'], { stdin: 'a' })).stdout, 'a\t1\n');
    await place.out('manifest', 'push', write('2', { more: 'required_permissions = ["http:*"]\n' }));
    await refused('PERMISSION_DENIED', ['exec', 'org.example.words', '--grant', 'clock,random']);
  });

  test('is checked before anything is named', async () => {
    place.write('text.wasm', 'no module');
    await refused('MANIFEST_INVALID', ['manifest', 'push', write('newest')]);
    await refused('LIMIT_REFUSED', ['manifest', 'push', write('1', { more: '[limits]\nopen_files = 1\n' })]);
    const text = readFileSync(write('1'), 'utf8');
    await refused('MODULE_INVALID', ['manifest', 'push', place.write('a.toml', text.replace('count-words.wasm', 'text.wasm'))]);
    await refused('INPUT_UNREADABLE', ['manifest', 'push', place.write('b.toml', text.replace('count-words.wasm', 'gone.wasm'))]);
    await refused('INPUT_UNREADABLE', ['manifest', 'push', 'gone.toml']);
    await refused('INPUT_UNREADABLE', ['manifest', 'push', '.']);
    assert.deepEqual((await place.json<{ modules: unknown[] }>('manifest', 'ls')).modules, []);
  });
});

test('a module uses an extension that is granted, and both stand in the document', async () => {
  for (const name of ['fib', 'uses-fib']) {
    const more = name === 'fib' ? '' : 'required_extensions = ["fib"]\n';
    await place.out('manifest', 'push', write('1', { module: name, name, more }));
  }
  assert.match(await refused('PERMISSION_DENIED', ['exec', 'org.example.uses-fib']), /asks for extension:fib.*\n.*--grant extension:fib/);
  const { status, stdout, stderr } = await place.docket(['exec', 'org.example.uses-fib', '--grant', 'extension:fib']);
  assert.deepEqual([status, stdout.split('\n').slice(7, 9)], [0, ['Fibonacci #8 = 21', 'Fibonacci #9 = 34']], stderr);
  const document = await place.json<{ extensions: Record<string, { name: string }> }>(
    'exec',
    'org.example.uses-fib',
    '--grant',
    'extension:org.example.fib',
  );
  assert.equal(document.extensions['fib']?.name, 'org.example.fib@1.0.0');
  await refused('PERMISSION_DENIED', ['exec', 'org.example.uses-fib', '--grant', 'extension:fib@1']);
  await refused('USAGE', ['exec', guest('noop'), '--grant', 'extension:fib']);
});

test('wrong words are told apart', async () => {
  await place.out('manifest', 'push', write('1'));
  for (const words of [
    [],
    ['pull'],
    ['push'],
    ['push', 'a', 'b'],
    ['ls', 'a'],
    ['show'],
    ['show', 'words'],
    ['show', 'a..b'],
    ['show', 'org.example.words@x'],
    ['versions', 'org.example.words@1'],
    ['rm', 'org.example.words'],
    ['rm', 'org.example.words@latest'],
    ['rm', 'org.example.words@1', '--all'],
    ['ls', '--all'],
  ])
    await refused('USAGE', ['manifest', ...words]);
  assert.match(await refused('MANIFEST_UNKNOWN', ['exec', 'org.example.word']), /did you mean "org\.example\.words"\?/);
  assert.match(await refused('MANIFEST_UNKNOWN', ['exec', 'org.example.words@7']), /there are: 1\.0\.0/);
  await refused('USAGE', ['exec', 'words']);
  await refused('USAGE', ['exec', guest('noop'), 'input.txt']);
  await refused('USAGE', ['exec', 'org.example.words', 'input.txt', '--stdin', 'input.txt']);
  const { error } = await place.json<Failure>('manifest', 'rm', 'org.example.gone@1');
  assert.equal(error.code, 'MANIFEST_UNKNOWN');
});
