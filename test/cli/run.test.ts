import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { mapConcurrent } from '../../src/base/limit-concurrency.ts';
import { ECHO, LONG_TEXT } from './guests.ts';
import { type Failure, guest, Place, type Report } from './helpers.ts';

/** `docket run`: documents, streams, outputs, exit statuses. */

let place: Place;

const GOOD = `
docket: 1
name: good
inputs:
  top: { default: 2 }
tasks:
  count: { each: ["b a b", "b c"], module: ${guest('count-words')}, stdin: "\${item}" }
  merge: { reduce: count, module: ${guest('merge-counts')}, files: { parts/: { parts: /stdout } } }
  top: { module: ${guest('top-words')}, args: ["\${inputs.top}"], stdin: { from: merge, at: /stdout } }
outputs:
  words: { from: top, at: /stdout }
`;

/** Two that fail, one behind one of them, one that is well. */
const BAD = `
docket: 1
tasks:
  seven: { module: ${guest('exit')}, args: ["7"] }
  echo: { module: echo.wasm, stdin: "words to keep" }
  behind: { module: ${guest('top-words')}, stdin: { from: seven, at: /stdout } }
  well: { module: ${guest('count-words')}, stdin: "fine" }
outputs:
  missing: { from: behind, at: /stdout }
  there: { from: well, at: /stdout }
`;

before(() => {
  place = new Place();
  place.write('long.wasm', LONG_TEXT);
  place.write('echo.wasm', ECHO);
  place.write('good.yaml', GOOD);
  place.write('bad.yaml', BAD);
});
after(() => place[Symbol.dispose]());

test('one text output is printed bare on stdout; everything else goes to stderr', async () => {
  const first = await place.docket(['run', 'good.yaml']);
  assert.deepEqual([first.status, first.stdout], [0, 'b\t3\na\t1\n']);
  assert.match(
    first.stderr,
    /^run [0-9A-Z]{26}: good, 4 tasks\n(?:.* tasks, [0-9]+ running\n)*completed in .*\. 4 tasks: 4 ran, 0 cached, 0 failed\n$/,
  );
  assert.ok(!first.stderr.includes('\u001B'), 'no control sequences to a pipe');

  const second = await place.docket(['run', 'good.yaml']);
  assert.equal(second.stdout, first.stdout);
  assert.match(second.stderr, /4 tasks: 0 ran, 4 cached, 0 failed — everything was cached\n$/);
  assert.equal(await place.out('run', 'good.yaml', '--input', 'top=1'), 'b\t3\n');
});

test('--json prints the run as one document', async () => {
  const report = await place.json<Report>('run', 'good.yaml', '--input', 'top=3');
  assert.deepEqual(Object.keys(report), ['run', 'workflow', 'state', 'tasks', 'outputs', 'errors', 'seconds']);
  assert.match(report.run, /^[0-9A-HJKMNP-TV-Z]{26}$/);
  assert.match(report.workflow, /^bafyrmi[a-z2-7]{52}$/);
  assert.equal(report.workflow, (await place.json('cid', 'good.yaml', '--input', 'top=3'))['workflow']);
  assert.deepEqual([report.state, report.tasks.total, report.errors], ['completed', 4, []]);
  assert.deepEqual(Object.keys(report.tasks), ['total', 'ran', 'cached', 'failed', 'skipped', 'cancelled']);
  assert.deepEqual(report.outputs, { words: { '/': { bytes: Buffer.from('b\t3\na\t1\nc\t1\n').toString('base64').replaceAll('=', '') } } });
  assert.equal(typeof report.seconds, 'number');
});

test('a failure leaves the others be; what is there is written, what is not is said, and the status is 1', async () => {
  const { status, stdout, stderr } = await place.docket(['run', 'bad.yaml', '--out', 'bad']);
  assert.deepEqual([status, stdout], [1, '']);
  assert.match(stderr, /^failed seven: the program ended with exit status 7$/m);
  assert.match(stderr, /^ {2}seven: the program ended with exit status 7 \[exit\] \(1 task behind it did not run\)$/m);
  assert.match(stderr, /4 tasks: 1 ran, 0 cached, 2 failed, 1 skipped/);
  assert.match(stderr, /^ {2}outputs\.missing: /m);
  assert.match(stderr, /docket show [0-9A-Z]{26} says more/);
  assert.deepEqual(readdirSync(place.at('bad')), ['there']);

  const report = await place.json<Report>('run', 'bad.yaml');
  assert.deepEqual([report.state, Object.keys(report.outputs)], ['failed', ['there']]);
  assert.deepEqual(report.errors.map(({ task, code, skipped }) => [task, code, skipped]).toSorted(), [
    ['echo', 'exit', 0],
    ['outputs.missing', 'output', 0],
    ['seven', 'exit', 1],
  ]);
  const fast = await place.json<Report>('run', 'bad.yaml', '--fail-fast', '--slots', '1', '--force');
  assert.ok(fast.tasks.cancelled + fast.tasks.skipped > 0, 'the rest is not begun');
});

test('--out has a file for text, bytes and blobs, a folder for trees and lists, DAG-JSON for data', async () => {
  place.write(
    'kinds.yaml',
    `
docket: 1
tasks:
  split: { module: ${guest('split-counts')}, stdin: "apple\\t1\\nbee\\t2\\n", outputs: ["by-letter/*"] }
  long: { module: long.wasm }
  add: { module: ${guest('numeric')}, func: add, args: [20, 22] }
  count: { each: [x, y], module: ${guest('count-words')}, stdin: "\${item}" }
outputs:
  folder: { from: split, at: /files }
  one.tsv: { from: split, at: /files/by-letter~1a.tsv }
  long: { from: long, at: /stdout }
  sum: { from: add }
  list.d: { from: count, at: /stdout }
`,
  );
  place.write('kinds/long', 'replaced');
  assert.equal(await place.out('run', 'kinds.yaml', '--out', 'kinds'), '');
  assert.deepEqual(readdirSync(place.at('kinds'), { recursive: true }).toSorted(), [
    'folder',
    'folder/by-letter',
    'folder/by-letter/a.tsv',
    'folder/by-letter/b.tsv',
    'list.d',
    'list.d/0000',
    'list.d/0001',
    'long',
    'one.tsv',
    'sum',
  ]);
  const text = (name: string): string => readFileSync(place.at('kinds', name), 'utf8');
  assert.deepEqual([text('one.tsv'), text('long').length, text('sum'), text('list.d/0001')], ['apple\t1\n', 100_000, '42\n', 'y\t1\n']);

  const named = await place.out('run', 'kinds.yaml');
  for (const line of [
    /^sum: 42$/m,
    /^long: bafkrei\S+ \(docket store cat prints it\)$/m,
    /^folder: bafyrei\S+ \(docket store ls lists it\)$/m,
  ])
    assert.match(named, line);
});

test('a single output is piped on byte for byte, however long it is', async () => {
  place.write('long.yaml', 'tasks: { long: { module: long.wasm } }\noutputs: { long: { from: long, at: /stdout } }\n');
  assert.equal(await place.out('run', 'long.yaml'), 'x'.repeat(100_000));
});

test('a place where outputs cannot be written is refused before anything is run', async () => {
  place.write('file', 'keep');
  const { status, stderr } = await place.docket(['run', 'good.yaml', '--input', 'top=77', '--out', 'file']);
  assert.equal(status, 1);
  assert.match(stderr, /^docket: cannot write .*file: .*\[OUTPUT_UNWRITABLE\]\n/);
  assert.equal((await place.json<Report>('run', 'good.yaml', '--input', 'top=77')).tasks.ran, 1, 'nothing was run before');
  assert.equal(readFileSync(place.at('file'), 'utf8'), 'keep');

  place.write('clash/words/inside', 'keep');
  const clash = await place.docket(['run', 'good.yaml', '--out', 'clash']);
  assert.equal(clash.status, 1);
  assert.match(clash.stderr, /completed in[^]*cannot write .*clash\/words/, 'the run is told all the same');
  assert.equal(readFileSync(place.at('clash', 'words', 'inside'), 'utf8'), 'keep');
});

test('tasks and groups can be forced', async () => {
  await place.out('run', 'good.yaml');
  const ran = async (...args: string[]): Promise<number> => (await place.json<Report>('run', 'good.yaml', ...args)).tasks.ran;
  assert.deepEqual(
    await mapConcurrent(
      [['--force'], ['--force-task', 'top'], ['--force-task', 'count'], ['--force-task', 'top', '--force-task', 'merge']],
      2,
      (args) => ran(...args),
    ),
    [4, 1, 2, 2],
  );
  const { status, stderr } = await place.docket(['run', 'good.yaml', '--force-task', 'tip']);
  assert.deepEqual([status, /no such task or group \(did you mean "top"\?\)/.test(stderr)], [2, true]);
});

test('a workflow comes from stdin, with paths relative to the current folder', async () => {
  const { status, stdout, stderr } = await place.docket(['run', '-', '--json'], {
    stdin: `tasks: { e: { module: echo.wasm, stdin: { file: good.yaml } } }\noutputs: { o: { from: e, at: /data/stdout, on: error } }\n`,
  });
  assert.equal(status, 0, stderr);
  assert.ok(JSON.stringify((JSON.parse(stdout) as Report).outputs).includes(Buffer.from(GOOD).toString('base64').replaceAll('=', '')));
});

test('a file that is not there or is wrong is told with its place, everything at once', async () => {
  place.write('wrong.yaml', 'docket: 1\nfoo: 1\ntasks:\n  a: { modul: x }\n');
  place.write('broken.yaml', 'tasks: [}');
  place.write('broken.json', '{ "tasks": [ { "run": ');
  place.write('tabs.yaml', 'tasks:\n\ta: 1\n');
  place.write('empty.yaml', '');
  place.write('latin1.yaml', Uint8Array.of(0x23, 0xe4, 0x0a));
  place.write('\u001B[31mred\nname.yaml', 'tasks: 3');
  const wrong: readonly (readonly [status: number, code: string, said: RegExp, ...args: string[]])[] = [
    [2, 'WORKFLOW_INVALID', /^docket: wrong\.yaml:2:1: .*"foo"[^]*wrong\.yaml:4:.*did you mean "module"[^]*3 problems\n$/, 'wrong.yaml'],
    [2, 'WORKFLOW_SYNTAX', /^docket: broken\.yaml:1:\d+: /, 'broken.yaml'],
    [2, 'WORKFLOW_SYNTAX', /^docket: latin1\.yaml:1:2: .*UTF-8/, 'latin1.yaml'],
    [2, 'WORKFLOW_SYNTAX', /^docket: broken\.json:1:23: expected a value, found the end/, 'broken.json'],
    [2, 'WORKFLOW_SYNTAX', /^docket: tabs\.yaml:2:1: .*Tabs[^]*spaces/, 'tabs.yaml'],
    [2, 'WORKFLOW_SYNTAX', /^docket: empty\.yaml:1:1: .*empty/, 'empty.yaml'],
    [2, 'WORKFLOW_INVALID', /^docket: \\u001b\[31mred\\nname\.yaml:1:/, '\u001B[31mred\nname.yaml'],
    [1, 'INPUT_UNREADABLE', /^docket: cannot read the workflow missing\.yaml: /, 'missing.yaml'],
    [1, 'INPUT_UNREADABLE', /^docket: cannot read the workflow \.: it is a folder/, '.'],
    [2, 'WORKFLOW_INPUT', /"tip".*/, 'good.yaml', '--input', 'tip=1'],
    [2, 'WORKFLOW_INPUT', /top/, 'good.yaml', '--input', 'top=many'],
    [2, 'USAGE', /--input top is given twice/, 'good.yaml', '--input', 'top=1', '--input', 'top=2'],
  ];
  await mapConcurrent(wrong, 4, async ([status, code, said, ...args]) => {
    const ended = await place.docket(['run', ...args, '--json']);
    assert.match(ended.stderr, said);
    assert.deepEqual([ended.status, (JSON.parse(ended.stdout) as Failure).error.code], [status, code], args.join(' '));
  });
  assert.equal((await place.json<Failure>('run', 'wrong.yaml')).error.problems?.length, 3);
});

test('a workflow may read its own folder, the one docket was started in, and what --input points at; nothing else', async () => {
  place.write('secret.txt', 'a secret');
  place.write('project/flows/own.txt', 'own');
  place.write('project/data.txt', 'data');
  const workflow = (path: string): string =>
    `inputs:\n  path: { default: ${path} }\ntasks:\n  a:\n    module: ${guest('count-words')}\n    stdin: { file: "\${inputs.path}" }\n`;
  const run = (...args: string[]): ReturnType<Place['docket']> => place.docket(['run', ...args], { cwd: place.at('project') });
  for (const [path, status] of [
    ['own.txt', 0],
    ['../data.txt', 0],
    ['../../secret.txt', 1],
    [place.at('secret.txt'), 1],
  ] as const) {
    place.write('project/flows/w.yaml', workflow(path));
    const ended = await run('flows/w.yaml');
    assert.equal(ended.status, status, ended.stderr);
    if (status === 1)
      assert.match(ended.stderr, /^docket: flows\/w\.yaml:6:20: .*secret\.txt lies outside .*\[INPUT_ESCAPES\]\n {2}.*--input/);
  }
  assert.equal((await run('flows/w.yaml', '--input', 'path=../../secret.txt')).status, 0);
  assert.match((await run('flows/w.yaml', '--input', 'path=../../nothing.txt')).stderr, /there is none/);
});

test('a broken module is refused with its place, and nothing is run', async () => {
  place.write('broken.wasm', 'text');
  place.write('module.yaml', `tasks:\n  fine: { module: ${guest('count-words')}, stdin: "never run" }\n  bad: { module: broken.wasm }\n`);
  for (let times = 0; times < 2; times++) {
    const { status, stderr, stdout } = await place.docket(['run', 'module.yaml']);
    assert.deepEqual([status, stdout], [2, '']);
    assert.match(stderr, /^docket: module\.yaml:3:18: module broken\.wasm: not valid WebAssembly.*\[MODULE_INVALID\]\n/);
  }
});

test('an unknown home is made, an unusable one is refused by name', async () => {
  place.write('taken/photo.png', '');
  const wrong = await mapConcurrent(
    [
      ['good.yaml', '--home', 'good.yaml'],
      ['good.yaml', '--home', 'taken'],
    ],
    2,
    (args) => place.docket(['run', ...args]),
  );
  for (const { status, stderr } of wrong) {
    assert.equal(status, 1);
    assert.match(stderr, /\[HOME_UNUSABLE\]\n[^]*--home/);
  }
  assert.equal((await place.docket(['runs', '--home', 'deep/er/home'])).status, 0);
  assert.ok(existsSync(place.at('deep', 'er', 'home')));
});
