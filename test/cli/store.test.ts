import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { ROOT } from '../../scripts/run-command.ts';
import { guest, Place } from './helpers.ts';

/** `docket store`: files, folders and stdin in and out, whatever they are called and however large. */

let place: Place;
before(() => void (place = new Place()));
after(() => place[Symbol.dispose]());

const EMPTY = 'bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku';
const HELLO = 'bafkreiey5jxe6ilpf62lnh77tm5ejbbmhbugzjuf6p2v3remlu73ced34q';

test('names of every kind go in and come out, links and empty folders too', async () => {
  const names = [' sp ace', 'new\nline', 'ünï☃', '-dash', '.hidden', 'deep/er/file'];
  for (const name of names) place.write(join('odd', name), name);
  mkdirSync(place.at('odd', 'empty'));
  symlinkSync('ünï☃', place.at('odd', 'link'));
  writeFileSync(place.at('odd', 'run.sh'), '', { mode: 0o755 });
  const tree = (await place.out('store', 'put', 'odd')).trim();
  assert.match(tree, /^bafyrei[a-z2-7]{52}$/);

  await place.out('store', 'get', tree, 'out');
  assert.deepEqual(
    readdirSync(place.at('out'), { recursive: true }).toSorted(),
    readdirSync(place.at('odd'), { recursive: true }).toSorted(),
  );
  for (const name of names) assert.equal(readFileSync(place.at('out', name), 'utf8'), name);
  assert.equal(readlinkSync(place.at('out', 'link')), 'ünï☃');
  assert.ok((lstatSync(place.at('out', 'run.sh')).mode & 0o100) !== 0);

  const listed = await place.out('store', 'ls', tree);
  assert.equal(listed.trimEnd().split('\n').length, names.length + 3, 'one line each, whatever the name');
  assert.match(listed, /new\\nline$/m);
  const { entries } = await place.json<{
    entries: { path: string; cid?: string; link?: string; directory?: true; executable?: boolean }[];
  }>('store', 'ls', tree);
  assert.deepEqual(
    entries.map(({ path }) => path),
    [...names, 'empty', 'link', 'run.sh'].toSorted(),
  );
  assert.deepEqual(
    entries.find(({ path }) => path === 'run.sh'),
    { path: 'run.sh', cid: EMPTY, size: 0, executable: true },
  );
  assert.ok(Array.isArray((await place.json('store', 'put', 'out'))['stored']));
  assert.equal((await place.out('store', 'put', 'out')).trim(), tree, 'what came out is what went in');
});

test('files, several at once, stdin, and names that begin with a dash', async () => {
  place.write('-x', 'hi\n');
  place.write('y', '');
  const put = await place.docket(['store', 'put', 'y', '-', '--', '-x'], { stdin: 'hi\n' });
  assert.deepEqual([put.status, put.stdout], [0, `${EMPTY}  y\n${HELLO}  -\n${HELLO}  -x\n`]);
  assert.deepEqual(await place.json('store', 'put', './-x'), { stored: [{ path: './-x', cid: HELLO, size: 3 }] });
  assert.equal(await place.out('store', 'cat', HELLO), 'hi\n');
  assert.deepEqual(await place.json('store', 'stat', HELLO), {
    cid: HELLO,
    kind: 'blob',
    size: 3,
    sri: 'sha256-mOpuTyFvL7S2n/+bOkSELDhobKaF8/VdxIxdP7EQe+Q=',
  });
  assert.equal((await place.docket(['store', 'put', '-', '-'])).status, 2);
});

test('get replaces nothing unless told, and follows no link', async () => {
  await place.docket(['store', 'put', '-'], { stdin: 'hi\n' });
  place.write('mine', 'precious');
  symlinkSync('mine', place.at('alias'));
  const refused = await place.docket(['store', 'get', HELLO, 'mine']);
  assert.deepEqual([refused.status, readFileSync(place.at('mine'), 'utf8')], [1, 'precious']);
  assert.match(refused.stderr, /it exists \[OUTPUT_UNWRITABLE\]\n.*--force/);
  await place.out('store', 'get', HELLO, 'alias', '--force');
  assert.deepEqual([readFileSync(place.at('alias'), 'utf8'), readFileSync(place.at('mine'), 'utf8')], ['hi\n', 'precious']);
  mkdirSync(place.at('folder'));
  assert.deepEqual(await place.json('store', 'get', HELLO, 'folder'), { cid: HELLO, path: `folder/${HELLO}` });
  assert.equal((await place.docket(['store', 'get', HELLO, 'no/such/file'])).status, 1);
});

test('what is not there, not a CID, or cannot be read is told', async () => {
  place.write('leaky/x', '');
  symlinkSync('/etc/hostname', place.at('leaky', 'host'));
  const wrong: readonly (readonly [said: RegExp, ...args: string[]])[] = [
    [/cannot read missing: .*INPUT_UNREADABLE/, 'put', 'missing'],
    [/leaky\/host leads out of its folder.*INPUT_ESCAPES/, 'put', 'leaky'],
    [/is a device.*INPUT_UNREADABLE/, 'put', '/dev/zero'],
    [/"xyz" is not a CID.*CID_INVALID/, 'cat', 'xyz'],
    [/names no blob and no tree.*CID_INVALID/, 'cat', 'bafyrmih7lblvy72k5p4vzgd5hhohbodmekkd77kmvtoqo5mdktr2w46gkq'],
    [/BLOB_MISSING/, 'cat', 'bafkreia44stvxglq5s2uan6fxrvkl2fjnfgcsu4m4lpfl4ke2zzeun4peq'],
    [/BLOB_MISSING/, 'stat', 'bafkreia44stvxglq5s2uan6fxrvkl2fjnfgcsu4m4lpfl4ke2zzeun4peq'],
    [/names no tree.*CID_INVALID/, 'ls', HELLO],
  ];
  await Promise.all(
    wrong.map(async ([said, ...args]) => {
      const { status, stdout, stderr } = await place.docket(['store', ...args]);
      assert.match(stderr, said);
      assert.deepEqual([status, stdout], [1, '']);
    }),
  );
});

test(
  'what cannot be written to stdout is told, and is no success',
  { skip: !existsSync('/dev/full') && 'there is no /dev/full' },
  async () => {
    const cid = (await place.docket(['store', 'put', '-'], { stdin: Buffer.from('some text') })).stdout.trim();
    for (const [expected, ...args] of [
      [1, 'runs', '--json'],
      [1, 'store', 'stat', cid],
      [1, 'store', 'cat', cid],
      [1, 'help', 'run'],
      [1, '--version'],
      [125, 'exec', guest('count-words'), '--stdin', join(ROOT, 'README.md')],
    ] as const) {
      const full = openSync('/dev/full', 'w');
      const { status, stderr } = spawnSync(process.execPath, [join(ROOT, 'bin/docket'), ...args], {
        stdio: ['ignore', full, 'pipe'],
        env: { ...process.env, DOCKET_HOME: place.home },
        encoding: 'utf8',
      });
      closeSync(full);
      assert.deepEqual([args, status, /OUTPUT_UNWRITABLE/.test(stderr)], [args, expected, true], stderr);
    }
  },
);

test('a large blob passes through whole, a reader may go away, and damage is found and healed', async () => {
  const bytes = randomBytes(3 << 20);
  const digest = (content: Uint8Array): string => createHash('sha256').update(content).digest('hex');
  const cid = (await place.docket(['store', 'put', '-'], { stdin: bytes })).stdout.trim();
  await place.out('store', 'get', cid, 'large');
  assert.equal(digest(readFileSync(place.at('large'))), digest(bytes));

  const child = place.start(['store', 'cat', cid]);
  await once(child.stdout, 'data');
  child.stdout.destroy();
  let said = '';
  child.stderr.on('data', (text: Buffer) => (said += text.toString()));
  assert.deepEqual([await once(child, 'close'), said], [[141, null], ''], 'as a program that SIGPIPE ended, and quietly');

  const file = readdirSync(place.home, { recursive: true, withFileTypes: true }).find(
    (entry) => entry.isFile() && digest(readFileSync(join(entry.parentPath, entry.name))) === digest(bytes),
  )!;
  truncateSync(join(file.parentPath, file.name), 1_000_000);
  const damaged = await place.docket(['store', 'verify', '--json']);
  const { checked, damaged: found } = JSON.parse(damaged.stdout) as {
    checked: Record<string, number>;
    damaged: { kind: string; name: string; next: string }[];
  };
  assert.deepEqual([damaged.status, found.map(({ kind, name }) => [kind, name])], [1, [['blob', cid]]]);
  assert.match(found[0]!.next, /set aside/);
  assert.deepEqual(Object.keys(checked), ['blobs', 'receipts', 'keys', 'runs', 'tasks', 'manifests', 'tokens', 'aliases']);
  assert.equal((await place.out('store', 'put', 'large')).trim(), cid);
  const sound = await place.docket(['store', 'verify', cid, EMPTY]);
  assert.deepEqual([sound.status, sound.stderr], [0, '2 blobs checked, 0 damaged\n']);
  const { blobs } = await place.json<{ blobs: { cid: string; size: number }[] }>('store', 'ls');
  assert.deepEqual(
    blobs.find((blob) => blob.cid === cid),
    { cid, size: bytes.length },
  );
});
