import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { isDocketError } from '../../src/errors.ts';
import type { Manifest } from '../../src/manifest/model.ts';
import { parse } from '../../src/manifest/parse.ts';
import { covers, parsePermission, permissionText } from '../../src/manifest/permission.ts';
import { stringify } from '../../src/manifest/stringify.ts';

const SERVAL = `
name = "loudify"
namespace = "sh.serval"
version = "1"
binary = "build/loudify.wasm"
description = "SAYS IT LOUD"
required_extensions = ["as-fib"]
required_permissions = ["http:example.com", "extension:as-fib", "proc:read:*"]
`;

describe('a manifest', () => {
  test('of Serval is read', () => {
    assert.deepEqual(parse(SERVAL, 'm.toml'), {
      namespace: 'sh.serval',
      name: 'loudify',
      version: '1',
      binary: 'build/loudify.wasm',
      description: 'SAYS IT LOUD',
      permissions: [
        { kind: 'extension', target: 'as-fib' },
        { kind: 'http', target: 'example.com' },
        { kind: 'proc:read', target: '*' },
      ],
      args: [],
      env: {},
      limits: {},
    });
  });

  test('of ours has arguments, variables and limits', () => {
    const { args, env, limits } = parse(
      `${SERVAL}args = ["-v", ""]\n[env]\nLANG = "C"\n[limits]\nmemory = "64MiB"\ntime = "1.5s"\noutput = 1024\nopen_files = 16\nfuel = 1000\n`,
      'm.toml',
    );
    assert.deepEqual(
      { args, env, limits },
      {
        args: ['-v', ''],
        env: { LANG: 'C' },
        limits: { memory: 67_108_864, time: 1500, output: 1024, openFiles: 16, fuel: 1000 },
      },
    );
  });

  const without = (key: string): string => SERVAL.replace(new RegExp(`^${key} = .*$`, 'm'), '');
  const wrong: Readonly<Record<string, readonly [text: string, message: RegExp]>> = {
    'no TOML': ['name = ', /./],
    'a key twice': [`${SERVAL}name = "x"\n`, /./],
    'no name': [without('name'), /"name" is missing/],
    'no binary': [without('binary'), /"binary" is missing/],
    'a name that cannot be': [SERVAL.replace('"loudify"', '"../x"'), /the name "sh\.serval\.\.\.\/x"/],
    'a name with a dot': [SERVAL.replace('"loudify"', '"a.b"'), /holds a dot/],
    'a version that is none': [SERVAL.replace('"1"', '"newest"'), /"version" must be a version such as 1/],
    'a version that is a number': [SERVAL.replace('"1"', '1.0'), /"version" must be text/],
    'an unknown key': [`memroy = "1MiB"\n${SERVAL}`, /"memroy" is not known/],
    'an unknown limit': [`${SERVAL}[limits]\nmemroy = "1MiB"\n`, /"limits\.memroy" is not known \(did you mean "memory"\?\)/],
    'a limit without sense': [`${SERVAL}[limits]\ntime = "soon"\n`, /"limits\.time" must be a value such as "10s"/],
    'a negative limit': [`${SERVAL}[limits]\ntime = -1\n`, /"limits\.time"/],
    'limits that are a date': [`limits = 2026-01-01\n${SERVAL}`, /"limits" must be a table/],
    'a permission there is not': [SERVAL.replace('proc:read:*', 'proc:write:*'), /there is no permission "proc:write:\*"/],
    'a variable that cannot be': [`${SERVAL}[env]\n"A=B" = "x"\n`, /variable/],
    'arguments that are no texts': [`args = [1]\n${SERVAL}`, /"args" must be a list of texts/],
  };
  for (const [what, [text, message]] of Object.entries(wrong))
    test(`with ${what} is refused`, () => {
      assert.throws(
        () => parse(text, 'm.toml'),
        (error) => isDocketError(error, 'MANIFEST_INVALID') && message.test(error.message) && error.place?.file === 'm.toml',
      );
    });

  test('whatever the text, it is read or refused by name', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom(...'[]{}="\n.#a1-:') })), (text) => {
        try {
          parse(`${text}${SERVAL}`, 'm.toml');
        } catch (error) {
          assert.ok(isDocketError(error, 'MANIFEST_INVALID'), String(error));
        }
      }),
    );
  });
});

describe('as TOML', () => {
  const part = fc.stringMatching(/^[a-z0-9]([a-z0-9_-]{0,8}[a-z0-9])?$/);
  const manifests: fc.Arbitrary<Manifest> = fc.record(
    {
      namespace: fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('.')),
      name: part,
      version: fc.constantFrom('1', '1.2', '1.2.3-beta.1'),
      binary: part.map((name) => `${name}.wasm`),
      description: fc.string({ unit: 'binary' }).map((text) => text.toWellFormed()),
      permissions: fc
        .subarray(['clock', 'extension:a-b', 'extension:*', 'http:example.com:8080', 'http:*', 'proc:read:*', 'random'])
        .map((texts) => texts.toSorted().map((text) => parsePermission(text)!)),
      args: fc.array(fc.string().map((text) => text.toWellFormed())),
      env: fc.dictionary(
        fc.stringMatching(/^[A-Z_]{1,8}$/),
        fc.string().map((text) => text.replaceAll('\0', '')),
        { noNullPrototype: true },
      ),
      limits: fc.record(
        { memory: fc.nat(), time: fc.nat(), output: fc.nat(), openFiles: fc.nat(), fuel: fc.maxSafeNat() },
        { requiredKeys: [], noNullPrototype: true },
      ),
    },
    { noNullPrototype: true },
  );

  test('it is read back as it was, and is the same text each time', () => {
    fc.assert(
      fc.property(manifests, (manifest) => {
        const text = stringify(manifest);
        assert.deepEqual(parse(text, ''), manifest);
        assert.equal(stringify(parse(text, '')), text);
      }),
    );
  });

  test('where the module lay is not told', () => {
    for (const binary of ['/home/someone/secret/x.wasm', 'C:\\secret\\x.wasm', '../x.wasm'])
      assert.match(stringify({ ...parse(SERVAL, ''), binary }), /^binary = "x\.wasm"$/m);
  });
});

test('permissions are texts, and a star covers all of a kind', () => {
  const of = (text: string) => parsePermission(text)!;
  for (const text of ['clock', 'random', 'extension:*', 'extension:as-fib', 'http:*', 'http:a.example', 'proc:read:*'])
    assert.equal(permissionText(of(text)), text);
  for (const text of ['', 'clock:', 'extension:', 'extension:a b', 'http:', 'http:a/b', 'proc:read:1', 'proc', '*', 'Clock'])
    assert.equal(parsePermission(text), undefined, text);
  assert.ok(covers(of('extension:*'), of('extension:a')) && covers(of('clock'), of('clock')) && covers(of('http:a'), of('http:a')));
  assert.ok(
    !covers(of('extension:a'), of('extension:*')) && !covers(of('http:*'), of('extension:a')) && !covers(of('clock'), of('random')),
  );
});
