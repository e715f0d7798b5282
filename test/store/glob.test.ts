import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { globFiles } from '../../src/store/glob.ts';
import { rejects } from '../contract/store.ts';
import { temporaryFolder } from './helpers.ts';

const FILES = [
  'a.md',
  'b.txt',
  '!x.md',
  'a*b.md',
  '.hidden.md',
  '.config/c.md',
  'docs/d.md',
  'docs/deep/e.md',
  'docs/deep/f.txt',
  'node_modules/p/README.md',
  'node_modules/.bin/tool.md',
];

function setUp(): ReturnType<typeof temporaryFolder> {
  const folder = temporaryFolder();
  for (const path of FILES) {
    mkdirSync(dirname(join(folder.path, path)), { recursive: true });
    writeFileSync(join(folder.path, path), '');
  }
  symlinkSync('docs', join(folder.path, 'linked'));
  symlinkSync('docs/d.md', join(folder.path, 'link.md'));
  symlinkSync('nowhere', join(folder.path, 'dangling.md'));
  symlinkSync('circle.md', join(folder.path, 'circle.md'));
  mkdirSync(join(folder.path, 'folder.md'));
  return folder;
}

const CASES: Record<string, string[]> = {
  '*.md': ['!x.md', 'a*b.md', 'a.md', 'link.md'],
  '**/*.md': ['!x.md', 'a*b.md', 'a.md', 'docs/d.md', 'docs/deep/e.md', 'link.md', 'node_modules/p/README.md'],
  'node_modules/**/*.md': ['node_modules/p/README.md'],
  'node_modules/.bin/*': ['node_modules/.bin/tool.md'],
  '**/.*/*.md': ['.config/c.md', 'node_modules/.bin/tool.md'],
  '.*.md': ['.hidden.md'],
  'docs/*': ['docs/d.md'],
  './docs/*': ['docs/d.md'],
  'docs/**': ['docs/d.md', 'docs/deep/e.md', 'docs/deep/f.txt'],
  'docs/*/*.{md,txt}': ['docs/deep/e.md', 'docs/deep/f.txt'],
  '{docs,node_modules/p}/*.md': ['docs/d.md', 'node_modules/p/README.md'],
  'docs/deep/../d.md': ['docs/deep/../d.md'],
  'docs/d.md': ['docs/d.md'],
  'a\\*b.md': ['a*b.md'],
  '!x.md': ['!x.md'],
  '[ab].*': ['a.md', 'b.txt'],
  'nowhere/*': [],
  'a.md/*': [],
  docs: [],
  'linked/*.md': ['linked/d.md'],
};

for (const [pattern, expected] of Object.entries(CASES)) {
  test(`${pattern} finds ${expected.length}`, async () => {
    using folder = setUp();
    assert.deepEqual(await globFiles(folder.path, pattern), expected);
    if (!pattern.startsWith('./') && !pattern.startsWith('!')) {
      assert.deepEqual(
        await globFiles('/', join(folder.path, '/') + pattern),
        expected.map((path) => `${folder.path}/${path}`),
      );
    }
    if (!pattern.startsWith('./') && !pattern.startsWith('!')) {
      assert.deepEqual(
        await globFiles(join(folder.path, 'docs'), `../${pattern}`),
        expected.map((path) => `../${path}`),
      );
    }
  });
}

test('a folder that cannot be read is INPUT_UNREADABLE', async (t) => {
  if (process.getuid?.() === 0) return t.skip('root may read every folder');
  using folder = setUp();
  chmodSync(join(folder.path, 'docs'), 0);
  await rejects(globFiles(folder.path, '**/*.md'), 'INPUT_UNREADABLE');
  chmodSync(join(folder.path, 'docs'), 0o700);
});
