import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { globSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { inflateSync } from 'node:zlib';
import { buildGuests } from '../scripts/build-guests.ts';
import { ROOT } from '../scripts/run-command.ts';
import { componentExample } from '../scripts/write-component-example.ts';
import { decode, encode } from '../src/ipld/dag-json.ts';
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
    '07-components',
    '08-mesh',
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

test('08-mesh counts what one process counts', () => {
  // A workflow reads what lies below the folder docket is started in.
  const texts = join(ROOT, 'build', 'mesh-text-test');
  const script = (name: string, ...args: string[]): string => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [join(ROOT, 'examples/08-mesh', name), ...args], { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    return stdout;
  };
  try {
    script('make-text.mjs', texts, '--bytes', '2000000', '--pieces', '8');
    assert.equal(
      globSync('*.txt', { cwd: texts }).reduce((sum, name) => sum + readFileSync(join(texts, name)).length, 0),
      2_000_000,
    );
    const out = join(folder, 'mesh');
    const { tasks } = runExample('08-mesh/workflow.yaml', '--input', 'texts=../../build/mesh-text-test/*.txt', '--out', out);
    assert.deepEqual([tasks.total, tasks.ran], [15, 15]);
    assert.equal(readFileSync(join(out, 'counts'), 'utf8'), script('count.mjs', texts));
  } finally {
    rmSync(texts, { recursive: true, force: true });
  }
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

test('07-components names its component and picture as they are', () => {
  const text = readFileSync(join(ROOT, 'examples/07-components/workflow.json'), 'utf8');
  assert.deepEqual(encode(decode(text)), encode(componentExample()), '`npm run examples` writes it anew');
});

test('07-components makes its pictures, puts another in the place of one that failed, and gives errors as values', async () => {
  docket('store', 'put', 'build/guests/images.wasm', 'examples/07-components/hills.png');
  const out = join(folder, 'pictures');
  const { tasks, outputs } = runExample('07-components/workflow.json', '--out', out);
  assert.deepEqual([tasks.total, tasks.ran, tasks.failed, tasks.skipped], [9, 8, 1, 0]);
  const gray = { red: 171, green: 171, blue: 171 };
  assert.deepEqual(outputs['7'], [{ width: 64, height: 64, average: gray, opaque: true }, null]);
  assert.deepEqual(outputs['8'], [null, { 'not-a-png': null }]);
  assert.equal(docket('logs', 'last', '4').stderr.split('\n')[0], 'error images: the area ends at 164, 64, the picture at 144, 96');
  assert.match(
    docket('logs', 'last', '5').stderr,
    /warn images: a blank picture instead of: unreachable in "components\/images\/images\/crop"/,
  );

  const hills = pixelsOf(readFileSync(join(ROOT, 'examples/07-components/hills.png')));
  const row = pixelsOf(readFileSync(join(out, '6')));
  assert.deepEqual([row.width, row.height], [4 * 64 + 3 * 4, 64]);
  for (const [x, y] of [
    [0, 0],
    [63, 0],
    [31, 40],
    [63, 63],
  ] as const) {
    const [red, green, blue] = hills.at(72 + x, 2 + y) as [number, number, number];
    assert.deepEqual(row.at(x, y), [red, green, blue, 255]);
    const level = Math.floor((299 * red + 587 * green + 114 * blue) / 1000);
    assert.deepEqual(row.at(68 + 63 - y, x), [level, level, level, 255], 'rotated clockwise');
    assert.deepEqual(row.at(136 + x, y), [level, Math.floor((level * 160) / 255), Math.floor((level * 90) / 255), 255]);
    assert.deepEqual(row.at(204 + x, y), [40, 40, 48, 255]);
  }
  assert.deepEqual(row.at(65, 10), [0, 0, 0, 0], 'the gap');
  assert.match(docket('run', 'examples/07-components/workflow.json').stderr, /9 tasks: 0 ran, 8 cached, 1 failed/);
});

/** The pixels of a PNG file with 8 bits a sample, RGB or RGBA, by way of Node's zlib. */
function pixelsOf(file: Buffer): { width: number; height: number; at: (x: number, y: number) => number[] } {
  const [width, height, samples] = [file.readUInt32BE(16), file.readUInt32BE(20), file[25] === 6 ? 4 : 3];
  const data: Buffer[] = [];
  for (let at = 8; at < file.length; at += 12 + file.readUInt32BE(at))
    if (file.toString('latin1', at + 4, at + 8) === 'IDAT') data.push(file.subarray(at + 8, at + 8 + file.readUInt32BE(at)));
  const packed = inflateSync(Buffer.concat(data));
  const size = width * samples;
  const rows = Array.from({ length: height }, () => new Uint8Array(size));
  for (const [y, row] of rows.entries()) {
    const filter = packed[y * (size + 1)]!;
    for (let x = 0; x < size; x++) {
      const [left, up, corner] = [row[x - samples] ?? 0, rows[y - 1]?.[x] ?? 0, rows[y - 1]?.[x - samples] ?? 0];
      const guess = left + up - corner;
      const nearest = [left, up, corner].toSorted((a, b) => Math.abs(guess - a) - Math.abs(guess - b))[0]!;
      row[x] = packed[y * (size + 1) + 1 + x]! + [0, left, up, (left + up) >> 1, nearest][filter]!;
    }
  }
  return { width, height, at: (x, y) => [...rows[y]!.subarray(x * samples, (x + 1) * samples)] };
}

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
