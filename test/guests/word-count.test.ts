import assert from 'node:assert/strict';
import { closeSync, globSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { WASI } from 'node:wasi';
import { buildGuests } from '../../scripts/build-guests.ts';
import * as Words from './words.ts';

/**
 * The guests of the word-count example against a second implementation of the same rules. They run on Node's own WASI here,
 * so that a fault of ours in the sandbox cannot hide one of theirs.
 */

const root = fileURLToPath(new URL('../..', import.meta.url));
let folder: string;

before(async () => {
  await buildGuests();
  folder = mkdtempSync(join(tmpdir(), 'docket-words-'));
  mkdirSync(join(folder, 'parts'));
});
after(() => rmSync(folder, { recursive: true }));

function run(guest: string, args: readonly string[], input: string): { exit: number; stdout: string; stderr: string } {
  const path = (name: string): string => join(folder, name);
  writeFileSync(path('stdin'), input);
  const [stdin, stdout, stderr] = [openSync(path('stdin'), 'r'), openSync(path('stdout'), 'w'), openSync(path('stderr'), 'w')];
  try {
    const wasi = new WASI({ version: 'preview1', args: [guest, ...args], stdin, stdout, stderr, preopens: { '/': folder }, returnOnExit: true });
    const module = new WebAssembly.Module(readFileSync(join(root, 'build', 'guests', `${guest}.wasm`)));
    const exit = wasi.start(new WebAssembly.Instance(module, wasi.getImportObject() as WebAssembly.Imports));
    return { exit, stdout: readFileSync(path('stdout'), 'utf8'), stderr: readFileSync(path('stderr'), 'utf8') };
  } finally {
    for (const fd of [stdin, stdout, stderr]) closeSync(fd);
  }
}

describe('count-words', () => {
  const texts: Readonly<Record<string, string>> = {
    nothing: '',
    'only markup': '# \n***\n<b></b>\n',
    'case and order': 'The cat\nthe CAT the b a',
    apostrophes: "don't don’t 'quoted' dogs' o'clock's",
    digits: 'es2015 2015 3d x1y2',
    'links and URLs': '[text](target/of/link) ![image](a.png "title") https://example.com/a-b?c=d, <http://x.y/z> see ftp://host',
    'open parenthesis': '[text](never closed\nnext',
    fences: 'before\n```js\nconst code = 1;\n```\nbetween\n~~~\n```\ninside\n~~~\nafter\n```\nopen to the end',
    html: '<div class="x">in <b>tags</b></div> <!-- a comment -- > still --> 1 < 2 a<b <never',
    entities: 'a&nbsp;b &amp; &#8217; AT&T; salt&pepper',
    'other scripts': 'Ünïcode ÀÉÎ straße Ελληνικά ΣΊΣΥΦΟΣ Русский язык 日本語 한국어 עברית हिन्दी ﬁn Ⱥ',
    symbols: 'a→b ✓done 🚀launch “quoted” — dash… 50€ ½ ² ×',
    'not an ASCII end': 'word \u00e9',
  };
  for (const [name, text] of Object.entries(texts)) {
    test(name, () => {
      assert.deepEqual(run('count-words', [], text), { exit: 0, stdout: Words.sortedLines(Words.countWords(text)), stderr: '' });
    });
  }

  test('counts what it should, not only the same as the judge', () => {
    const { stdout } = run('count-words', [], '# The *end*\n\nThe end’s [near](http://the.end/). `the`\n\n```\nthe\n```\n');
    assert.equal(stdout, "end\t1\nend's\t1\nnear\t1\nthe\t3\n");
  });

  test('bytes that are not UTF-8 do no harm', () => {
    writeFileSync(join(folder, 'bad.md'), Buffer.from([0x61, 0xff, 0x62, 0xe2, 0x82, 0x20, 0xc3]));
    assert.deepEqual(run('count-words', ['bad.md'], ''), { exit: 0, stdout: 'a\t1\nb\t1\n', stderr: '' });
  });

  test('takes files by name, relative or from the root', () => {
    writeFileSync(join(folder, 'one.md'), 'one two');
    writeFileSync(join(folder, 'two.md'), 'two');
    assert.equal(run('count-words', ['one.md', '/two.md'], 'unread').stdout, 'one\t1\ntwo\t2\n');
  });

  test('a missing file is an error', () => {
    const { exit, stdout, stderr } = run('count-words', ['missing.md'], '');
    assert.deepEqual({ exit, stdout }, { exit: 2, stdout: '' });
    assert.match(stderr, /missing\.md/);
  });
});

test('the whole pipeline gives the true counts of real texts', () => {
  const sum = new Map<string, number>();
  const files = globSync('node_modules/**/*.md', { cwd: root });
  assert.ok(files.length > 50);
  for (const [index, file] of files.entries()) {
    const text = readFileSync(join(root, file), 'utf8');
    const counts = Words.countWords(text);
    const { stdout } = run('count-words', [], text);
    assert.equal(stdout, Words.sortedLines(counts), file);
    writeFileSync(join(folder, 'parts', String(index)), stdout);
    Words.add(sum, counts);
  }
  const merged = run('merge-counts', [], '');
  assert.equal(merged.stdout, Words.sortedLines(sum));
  assert.equal(run('top-words', [], merged.stdout).stdout, Words.topLines(sum, 20));
  assert.equal(run('top-words', ['3'], merged.stdout).stdout, Words.topLines(sum, 3));
  assert.equal(run('top-words', ['100000'], merged.stdout).stdout, Words.topLines(sum, 100_000));
});

test('split-counts sorts into files by the first letter', () => {
  assert.deepEqual(run('split-counts', [], 'bee\t1\nant\t2\nbat\t3\nélan\t4\nñu\t5\n'), { exit: 0, stdout: '', stderr: '' });
  const files = readdirSync(join(folder, 'by-letter')).map((name) => [name, readFileSync(join(folder, 'by-letter', name), 'utf8')]);
  assert.deepEqual(Object.fromEntries(files), { 'a.tsv': 'ant\t2\n', 'b.tsv': 'bat\t3\nbee\t1\n', 'other.tsv': 'élan\t4\nñu\t5\n' });
});

describe('top-words', () => {
  test('ties stand in the order of their bytes', () => {
    assert.equal(run('top-words', ['3'], 'b\t1\na\t1\nB\t1\nc\t2\n').stdout, 'c\t2\nB\t1\na\t1\n');
  });

  for (const [name, args, input] of [
    ['a line without a count', [], 'word\n'],
    ['a count that is no number', [], 'word\tx\n'],
    ['an argument that is no number', ['many'], ''],
  ] as const) {
    test(`${name} is an error`, () => {
      const { exit, stdout, stderr } = run('top-words', args, input);
      assert.deepEqual({ exit, stdout }, { exit: 2, stdout: '' });
      assert.notEqual(stderr, '');
    });
  }
});
