import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { globSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { buildGuests } from '../scripts/build-guests.ts';
import { ROOT } from '../scripts/run-command.ts';
import * as Words from './guests/words.ts';

/** Every example does what its comments and examples/README.md say. They share a home, as a user's runs do. */

interface Report {
  readonly state: string;
  readonly tasks: Readonly<Record<'total' | 'ran' | 'cached' | 'failed' | 'skipped' | 'cancelled', number>>;
  readonly outputs: Readonly<Record<string, unknown>>;
}

let folder: string;

before(async () => {
  await buildGuests();
  folder = mkdtempSync(join(tmpdir(), 'docket-examples-'));
});
after(() => rmSync(folder, { recursive: true }));

function docket(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const env = { ...process.env, DOCKET_HOME: join(folder, 'home') };
  return spawnSync(process.execPath, [join(ROOT, 'bin', 'docket'), ...args], { cwd: ROOT, env, encoding: 'utf8' });
}

function runExample(name: string, ...args: string[]): Report {
  const { status, stdout, stderr } = docket('run', `examples/${name}`, '--json', ...args);
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout) as Report;
}

test('there is a test for each example', () => {
  assert.deepEqual(readdirSync(join(ROOT, 'examples')).toSorted(), [
    '01-word-count',
    '02-numbers',
    '03-files-and-limits',
    '04-named-module',
    '05-serval-api',
    '06-homestar-port',
    'README.md',
  ]);
});

test('01-word-count gives the true counts, and a second run computes nothing', () => {
  const counts = new Map<string, number>();
  for (const file of globSync('node_modules/**/*.md', { cwd: ROOT }))
    Words.add(counts, Words.countWords(readFileSync(join(ROOT, file), 'utf8')));
  const out = join(folder, 'words');
  const first = runExample('01-word-count/workflow.yaml', '--out', out);
  assert.equal(readFileSync(join(out, 'top20'), 'utf8'), Words.topLines(counts, 20));
  assert.deepEqual([first.tasks.ran, first.tasks.cached], [first.tasks.total, 0]);

  const second = runExample('01-word-count/workflow.yaml');
  assert.deepEqual(second.tasks, { ...first.tasks, ran: 0, cached: first.tasks.total });
  assert.deepEqual(second.outputs, first.outputs);

  const other = docket('run', 'examples/01-word-count/workflow.yaml', '--input', 'top=3');
  assert.equal(other.stdout, Words.topLines(counts, 3), 'one text output is printed as it is');
});

test('02-numbers adds up', () => {
  const { tasks, outputs } = runExample('02-numbers/workflow.json');
  assert.deepEqual([tasks.ran, Object.values(outputs)], [5, [6765 + 46368]]);
});

test('03-files-and-limits keeps files, and goes on after a limit was broken', () => {
  const out = join(folder, 'limits');
  const { tasks, outputs } = runExample('03-files-and-limits/workflow.yaml', '--out', out);
  assert.deepEqual([tasks.ran, tasks.failed], [3, 1]);
  assert.equal(outputs['why-not'], 'limit/time');
  assert.equal(readFileSync(join(out, 'pages'), 'utf8'), '256\n');
  const counts = new Map<string, number>();
  for (const file of globSync('examples/03-files-and-limits/texts/*.md', { cwd: ROOT }))
    Words.add(counts, Words.countWords(readFileSync(join(ROOT, file), 'utf8')));
  const files = readdirSync(join(out, 'words', 'by-letter'))
    .toSorted()
    .map((name) => readFileSync(join(out, 'words', 'by-letter', name), 'utf8'));
  assert.equal(files.join(''), Words.sortedLines(counts));
});

test('a module runs without a workflow file', () => {
  const { stdout, stderr } = docket(
    'exec',
    'build/guests/count-words.wasm',
    '--dir',
    'examples/03-files-and-limits/texts::texts',
    '--',
    'texts/docket.md',
  );
  const text = readFileSync(join(ROOT, 'examples/03-files-and-limits/texts/docket.md'), 'utf8');
  assert.equal(stdout, Words.sortedLines(Words.countWords(text)), stderr);
});

test('04-named-module counts what it is given, by its name', () => {
  const pushed = docket('manifest', 'push', 'examples/04-named-module/count-words.toml');
  assert.equal(pushed.stdout, 'org.example.count-words@1.0.0\n', pushed.stderr);
  const { status, stdout, stderr } = docket('exec', 'org.example.count-words', 'README.md');
  assert.equal(status, 0, stderr);
  const counts = Words.countWords(readFileSync(join(ROOT, 'README.md'), 'utf8'));
  assert.equal(stdout.split('\n').length - 1, counts.size);
});
