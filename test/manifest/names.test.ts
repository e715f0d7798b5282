import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { nameKey, nameProblem, shownName } from '../../src/manifest/name.ts';
import { parseReference } from '../../src/manifest/reference.ts';
import { canonicalVersion, chooseVersion, newestFirst } from '../../src/manifest/version.ts';

describe('names of modules', () => {
  for (const good of ['sh.serval.loudify', 'sh.serval.serval-facts', 'a.b', 'org.example.x86_64', 'A.B', '1.2', 'sh.serval.as-fib'])
    test(`${good} is one`, () => assert.equal(nameProblem(good), undefined));

  const bad = [
    '',
    '.',
    'loudify',
    'a..b',
    '.a.b',
    'a.b.',
    'a.-b',
    'a.b-',
    'a/b.c',
    '../a.b',
    'a.b c',
    'a.b\0',
    'ä.b',
    'a.b@1',
    `a.${'b'.repeat(200)}`,
  ];
  for (const text of bad)
    test(`${JSON.stringify(text.slice(0, 20))} is none`, () => {
      assert.equal(typeof nameProblem(text), 'string');
      assert.throws(() => nameKey(text), { code: 'USAGE' });
    });

  test('neither case nor - or _ tells two apart', () => {
    assert.equal(nameKey('SH.Serval.Serval-Facts'), nameKey('sh.serval.serval_facts'));
    assert.notEqual(nameKey('a.b.c'), nameKey('a.b_c'));
    assert.equal(shownName('sh.Serval', 'Serval-Facts'), 'sh.serval.serval-facts');
  });
});

describe('versions', () => {
  const canonical = { '1': '1.0.0', '1.2': '1.2.0', '1.2.3': '1.2.3', '1-beta': '1.0.0-beta', '1.2.3-rc.1+b7': '1.2.3-rc.1', '0': '0.0.0' };
  for (const [text, spelled] of Object.entries(canonical))
    test(`${text} is ${spelled}`, () => assert.equal(canonicalVersion(text), spelled));

  for (const text of ['', 'v1', '1.', '.1', '1.2.3.4', '01', '1.02', 'latest', '1 ', '-1', '1-', '99999999999999999999', '1'.repeat(200)])
    test(`${JSON.stringify(text.slice(0, 20))} is none`, () => assert.equal(canonicalVersion(text), undefined));

  const held = ['1.0.0', '1.10.0', '1.2.0', '1.2.9', '2.0.0-beta.2', '2.0.0-beta.11', '10.0.0'];
  const chosen: readonly (readonly [selector: string | undefined, version: string | undefined])[] = [
    [undefined, '10.0.0'],
    ['1', '1.10.0'],
    ['1.2', '1.2.9'],
    ['1.2.0', '1.2.0'],
    ['2', '2.0.0-beta.11'],
    ['2.0.0', undefined],
    ['2.0.0-beta.2', '2.0.0-beta.2'],
    ['1.3', undefined],
    ['3', undefined],
  ];
  for (const [selector, version] of chosen)
    test(`@${selector ?? 'latest'} chooses ${version ?? 'none'}`, () => assert.equal(chooseVersion(held, selector), version));

  test('with nothing stable the latest is the newest there is', () => assert.equal(chooseVersion(['1.0.0-a', '1.0.0-b']), '1.0.0-b'));

  test('the order of what is held does not matter', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray(held, { minLength: 1 }), fc.constantFrom(undefined, '1', '1.2', '2', '10'), (some, selector) => {
        assert.equal(chooseVersion(some, selector), chooseVersion(newestFirst(some), selector));
      }),
    );
  });
});

describe('references', () => {
  const sri = 'sha256-uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=';
  const good = {
    'a.b': { kind: 'latest' },
    'a.b@latest': { kind: 'latest' },
    'a.b@1': { kind: 'version', version: '1' },
    'a.b@1.2.3-beta.1': { kind: 'version', version: '1.2.3-beta.1' },
    [`a.b@${sri}`]: { kind: 'digest', sri },
  } as const;
  for (const [text, selector] of Object.entries(good))
    test(text, () => assert.deepEqual(parseReference(text), { name: 'a.b', key: 'a.b', selector }));

  for (const text of [
    '',
    '@',
    'a',
    'a.b@',
    'a.b@x',
    'a.b@1@2',
    'a.b@sha256-abc',
    `a.b@${sri}=`,
    'a.b@sha512-x',
    '@1',
    'a.b@^1',
    'a.b@../x',
  ])
    test(`${text} is none`, () => assert.throws(() => parseReference(text), { code: 'USAGE' }));
});
