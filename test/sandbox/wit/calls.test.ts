import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Float, type Ipld } from '../../../src/ipld/value.ts';
import type { Failure } from '../../../src/receipt/outcome.ts';
import { fromJsResult, toJsArgs } from '../../../src/sandbox/wit/calls.ts';
import { jsName } from '../../../src/sandbox/wit/js-name.ts';
import { calleeOf, exportedFunctions, lookUp } from '../../../src/sandbox/wit/look-up.ts';
import type { WitFunction, WitWorld } from '../../../src/sandbox/wit/model.ts';
import { worldOf } from '../../../src/sandbox/wit/world.ts';
import { echoComponent, instantiate } from './echo.ts';

const func = (name: string, rest: Partial<WitFunction> = {}): WitFunction => ({ name, params: [], ...rest });
const world: WitWorld = {
  imports: [],
  exports: [
    ...['add-one', 'snake_case', 'camelCase', 'PascalCase', 'UPPER', '%interface', 'exact', 'Exact', 'get-url-2d'].map((name) => ({
      name,
      func: func(name),
    })),
    { name: 'a:b/calc@1.2.0', interface: [func('add-one'), func('[method]blob.read'), func('sub')] },
    { name: 'a:b/twice@1.0.0', interface: [func('x')] },
    { name: 'a:b/twice@2.0.0', interface: [func('x')] },
    { name: 'plain', interface: [func('go')] },
  ],
};

const FOUND: readonly (readonly [asked: string, found: string | undefined])[] = [
  ['add-one', 'add-one'],
  ['add_one', 'add-one'],
  ['addOne', 'add-one'],
  ['AddOne', 'add-one'],
  ['ADD_ONE', 'add-one'],
  ['add one', 'add-one'],
  ['snake-case', 'snake_case'],
  ['camel_case', 'camelCase'],
  ['pascal-case', 'PascalCase'],
  ['upper', 'UPPER'],
  ['interface', '%interface'],
  ['exact', 'exact'],
  ['Exact', 'Exact'],
  ['getUrl_2d', 'get-url-2d'],
  ['add-two', undefined],
  ['', undefined],
  ['toString', undefined],
  ['__proto__', undefined],
  ['a:b/calc@1.2.0#add-one', 'a:b/calc@1.2.0 add-one'],
  ['a:b/calc@1.2.0#addOne', 'a:b/calc@1.2.0 add-one'],
  ['a:b/calc#sub', 'a:b/calc@1.2.0 sub'],
  ['plain#go', 'plain go'],
  ['a:b/twice#x', undefined],
  ['a:b/twice@2.0.0#x', 'a:b/twice@2.0.0 x'],
  ['a:b/calc@1.2.0', undefined],
  ['calc#sub', undefined],
  ['sub', undefined],
  ['plain#', undefined],
  ['#go', undefined],
];

for (const [asked, found] of FOUND) {
  test(`a task that calls ${JSON.stringify(asked)} means ${found}`, () => {
    const callee = lookUp(world, asked);
    assert.equal(callee && [callee.interface, callee.func.name].filter(Boolean).join(' '), found);
  });
}

function refusal(result: object): Failure {
  assert.ok('failure' in result);
  return result.failure as Failure;
}

test('a function that is not there is told with those that are', () => {
  const { message, data } = refusal(calleeOf(world, 'add-two'));
  assert.match(message, /^the component does not export "add-two": it exports "add-one", "snake_case", .* and 5 more$/);
  assert.deepEqual((data?.['exports'] as string[] | undefined)?.at(-1), 'plain#go');
  assert.equal(refusal(calleeOf({ imports: [], exports: [] }, 'f')).message, 'the component does not export "f": it exports no function');
  assert.equal([...exportedFunctions(world)].length, 15);
});

const HANDLES: readonly (readonly [WitFunction, RegExp])[] = [
  [func('f', { params: [{ name: 'a', type: { kind: 'borrow', resource: 'blob' } }] }), /its parameter "a" holds borrow<blob>/],
  [func('f', { result: { kind: 'list', element: { kind: 'own', resource: 'blob' } } }), /its result holds own<blob>/],
  [func('f', { result: { kind: 'result', err: { kind: 'future' } } }), /its result holds future/],
  [func('f', { result: { kind: 'variant', cases: [{ name: 'a' }, { name: 'b', type: { kind: 'error-context' } }] } }), /error-context/],
  [
    func('f', {
      params: [{ name: 'a', type: { kind: 'record', fields: [{ name: 'x', type: { kind: 'stream', element: { kind: 'u8' } } }] } }],
    }),
    /"a" holds stream<u8>/,
  ],
  [func('f', { async: true }), /it is async/],
  [func('[method]f.x'), /belongs to a resource/],
];

for (const [each, message] of HANDLES) {
  test(`refused by name: ${message.source}`, () => {
    const failure = refusal(
      calleeOf(
        {
          imports: [],
          exports: [
            { name: each.name, func: each },
            { name: 'ok', func: func('ok') },
          ],
        },
        each.name,
      ),
    );
    assert.match(failure.message, message);
    assert.ok(
      'callee' in
        calleeOf(
          {
            imports: [],
            exports: [
              { name: 'f', func: each },
              { name: 'ok', func: func('ok') },
            ],
          },
          'ok',
        ),
    );
  });
}

const sum = func('sum', {
  params: [
    { name: 'first', type: { kind: 'u32' } },
    { name: 'rest', type: { kind: 'list', element: { kind: 'u32' } } },
  ],
});

test('arguments are counted, and the missing ones named', () => {
  assert.match(
    refusal(toJsArgs(sum, [1])).message,
    /^1 arguments are given, the function takes 2: "rest" \(list<u32>\) is missing\. sum: func\(first: u32, rest: list<u32>\)$/,
  );
  assert.match(refusal(toJsArgs(sum, [])).message, /"first" \(u32\), "rest" \(list<u32>\) are missing/);
  assert.match(refusal(toJsArgs(sum, [1, [], 3])).message, /^3 arguments are given, the function takes 2: 1 too many/);
});

test('a wrong argument is told with its parameter, its type and its value', () => {
  const { message, data } = refusal(toJsArgs(sum, [1, [2, 'x']]));
  assert.equal(message, 'parameter "rest" at [1] is "x", not u32: it takes integers of 0 to 4294967295 (all of it: list<u32>)');
  assert.deepEqual(data, { index: 1, param: 'rest', path: '[1]', type: 'u32', value: '"x"', of: 'list<u32>' });
});

test('what is not known yet is not looked at', () => {
  assert.deepEqual(toJsArgs(sum, ['later', [1]], { known: (arg) => arg !== 'later' }), { args: [undefined, Uint32Array.of(1)] });
});

/** Not through lists, as in echo.test.ts, but as parameters and results of their own. */
const BARE: Readonly<Record<string, { readonly type: string; readonly core: string; readonly values: readonly Ipld[] }>> = {
  'give-bool': { type: 'bool', core: 'i32', values: [true, false] },
  'give-u8': { type: 'u8', core: 'i32', values: [0, 255] },
  'give-s8': { type: 's8', core: 'i32', values: [-128, 127] },
  'give-s32': { type: 's32', core: 'i32', values: [-(2 ** 31), 2 ** 31 - 1] },
  'give-u32': { type: 'u32', core: 'i32', values: [2 ** 32 - 1] },
  'give-u64': { type: 'u64', core: 'i64', values: [2n ** 64n - 1n, 0] },
  'give-s64': { type: 's64', core: 'i64', values: [-(2n ** 63n)] },
  'give-float': { type: 'f32', core: 'f32', values: [3883.2, new Float(-0)] },
  'give-double': { type: 'f64', core: 'f64', values: [0.1] },
  'give-char': { type: 'char', core: 'i32', values: ['𝄞'] },
  'give-enum': { type: 'color', core: 'i32', values: ['red', 'light-green'] },
  'give-flags': { type: 'perms', core: 'i32', values: [[], ['write-all']] },
  'give-record': { type: 'one', core: 'i64', values: [{ 'only-field': 2n ** 64n - 1n }] },
};
const more = [
  ...Object.entries(BARE).map(([name, { type }]) => `export ${name}: func(a: ${type}) -> ${type};`),
  'export give-result: func(a: result<u32, u32>) -> result<u32, u32>;',
  'export give-option: func(a: option<u32>) -> option<u32>;',
  'export nothing: func();',
].join('\n');
const code = [
  ...Object.entries(BARE).map(([name, { core }]) => `(func (export "${name}") (param ${core}) (result ${core}) (local.get 0))`),
  ...['give-result', 'give-option'].map(
    (name) => `(func (export "${name}") (param i32 i32) (result i32)
      (i32.store (i32.const 8) (local.get 0)) (i32.store (i32.const 12) (local.get 1)) (i32.const 8))`,
  ),
  '(func (export "nothing"))',
].join('\n');
const declarations = 'enum color { red, light-green } flags perms { read, write-all } record one { only-field: u64 }';
const { component } = await echoComponent({}, { declarations, more, code });
const echoed = worldOf(component);
const exports = await instantiate(component);

function through(name: string, ...args: Ipld[]): Ipld {
  const found = calleeOf(echoed, name);
  assert.ok('callee' in found);
  const converted = toJsArgs(found.callee.func, args);
  assert.ok('args' in converted);
  const result = fromJsResult(found.callee.func, called(found.callee.func, name, converted.args));
  assert.ok('value' in result);
  return result.value;
}

/** Code made by jco gives the ok side bare, and throws the err side. */
function called({ result }: WitFunction, name: string, args: readonly unknown[]): unknown {
  const call = (): unknown => exports[jsName(name)]!(...args);
  if (result?.kind !== 'result') return call();
  try {
    return { tag: 'ok', val: call() };
  } catch (error) {
    return { tag: 'err', val: (error as { readonly payload: unknown }).payload };
  }
}

for (const [name, { type, values }] of Object.entries(BARE)) {
  test(`${type} goes in and out of a function by itself`, () => values.forEach((value) => assert.deepEqual(through(name, value), value)));
}

test('a function gives its err side by throwing, which is a value like others', () => {
  assert.deepEqual(through('give-result', [7, null]), [7, null]);
  assert.deepEqual(through('give-result', [null, 7]), [null, 7]);
});

test('an option and nothing at all are null', () => {
  assert.deepEqual(through('give-option', 7), 7);
  assert.equal(through('give-option', null), null);
  assert.equal(through('nothing'), null);
});
