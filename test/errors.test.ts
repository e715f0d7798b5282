import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ROOT } from '../scripts/run-command.ts';
import { errorDocs } from '../scripts/write-error-docs.ts';
import { DocketError, ERROR_CODES, isDocketError, systemCode } from '../src/errors.ts';
import { FAILURE_CODES } from '../src/receipt/outcome.ts';

const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

test('docs/errors.md is what `npm run docs` writes', () => {
  assert.equal(read('docs/errors.md'), errorDocs());
});

test('docs/errors.md has every code once and no other', () => {
  const found = [...read('docs/errors.md').matchAll(/^\| `([^`]+)` \|/gm)].map(([, code]) => code);
  assert.deepEqual(found, [...FAILURE_CODES, ...Object.keys(ERROR_CODES)]);
});

test('every code can occur', () => {
  const text = globSync('src/**/*.ts', { cwd: ROOT })
    .filter((path) => path !== 'src/errors.ts')
    .map(read)
    .join('\n');
  assert.deepEqual(
    Object.keys(ERROR_CODES).filter((code) => !text.includes(`'${code}'`)),
    [],
  );
});

test('every other document names only codes there are', () => {
  const codes = new Set<string>(Object.keys(ERROR_CODES));
  const families = new Set([...codes].map((code) => code.split('_', 1)[0] ?? ''));
  const named = globSync('{*,docs/*,examples/*/*}.md', { cwd: ROOT }).flatMap((path) =>
    [...read(path).matchAll(/`([A-Z]+_[A-Z_]+)`/g)].map(([, code]) => ({ path, code: code ?? '' })),
  );
  assert.deepEqual(
    named.filter(({ code }) => families.has(code.split('_', 1)[0] ?? '') && !codes.has(code)),
    [],
  );
});

test('an error carries its code, its advice and its exit status', () => {
  const cause = new Error('inner');
  const error = new DocketError('WORKFLOW_INVALID', 'wrong', { cause, place: { file: 'a.yaml', line: 2, column: 3 }, details: { key: 1 } });
  assert.deepEqual(
    [isDocketError(error), isDocketError(error, 'WORKFLOW_INVALID'), isDocketError(error, 'USAGE'), isDocketError(cause)],
    [true, true, false, false],
  );
  assert.deepEqual([error.code, error.exit, error.cause, error.place?.line, error.details['key']], ['WORKFLOW_INVALID', 2, cause, 2, 1]);
  assert.equal(error.next, ERROR_CODES.WORKFLOW_INVALID.next);
  assert.equal(new DocketError('WORKFLOW_INVALID', 'wrong', { next: 'this' }).next, 'this');
  assert.equal(new DocketError('BLOB_MISSING', 'gone').exit, 1);
});

test('a system error tells its code', () => {
  assert.throws(
    () => readFileSync(join(ROOT, 'there', 'is', 'no', 'such')),
    (error) => systemCode(error) === 'ENOENT',
  );
  assert.deepEqual([null, undefined, 'ENOENT', { code: 5 }, new Error('x')].map(systemCode), [
    undefined,
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
});
