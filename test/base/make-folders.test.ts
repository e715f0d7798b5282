import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { makeFolders } from '../../src/base/make-folders.ts';

describe('makeFolders', () => {
  it('makes what is missing, and says whether it was', (t) => {
    const dir = mkdtempSync(join(tmpdir(), 'docket-folders-'));
    t.after(() => rmSync(dir, { recursive: true }));
    assert.equal(makeFolders(join(dir, 'a/b/c'), 0o700), true);
    assert.equal(statSync(join(dir, 'a/b')).mode & 0o777, 0o700);
    assert.equal(makeFolders(join(dir, 'a/b/c')), false);
    writeFileSync(join(dir, 'file'), '');
    assert.throws(() => makeFolders(join(dir, 'file')), { code: 'EEXIST' });
    assert.throws(() => makeFolders(join(dir, 'file/below')), { code: 'ENOTDIR' });
  });

  it('gives up where no folder can be made', { skip: process.platform !== 'linux' && 'there is no /proc' }, () => {
    assert.throws(() => makeFolders('/proc/nothing/below'), { code: 'ENOENT' });
  });
});
