import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Float, type Ipld } from '../../../src/ipld/value.ts';
import type { WitFunction } from '../../../src/sandbox/wit/model.ts';
import { fromJsResult, toJsArgs } from '../../../src/sandbox/wit/calls.ts';
import { lookUp } from '../../../src/sandbox/wit/look-up.ts';
import { jsName } from '../../../src/sandbox/wit/js-name.ts';
import { worldOf } from '../../../src/sandbox/wit/world.ts';
import { echoComponent, instantiate } from './echo.ts';

/** Each kind of type, with values that must come back as they went, and others that must come back as something else. */

const declarations = `
  record point { x: s32, very-long-y: option<u8> }
  record only-strange { to-string: string, %constructor: u8, has-own-property: bool }
  variant shape { dot, circle(f32), poly(list<point>), maybe(option<u8>) }
  enum color { red, light-green, dark-sea-blue }
  flags perms { read, write-all, x }
  flags many { a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, b0, b1, b2, b3, b4, b5, b6, b7, b8, b9, c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, d0, d1 }
  type again = option<u8>;
`;

const TABLE: readonly { readonly type: string; readonly same: readonly Ipld[]; readonly changed?: readonly (readonly [Ipld, Ipld])[] }[] = [
  { type: 'bool', same: [true, false] },
  { type: 'u8', same: [] },
  {
    type: 'list<u8>',
    same: [new Uint8Array(), Uint8Array.of(0, 255)],
    changed: [
      [[], new Uint8Array()],
      [[1, 2], Uint8Array.of(1, 2)],
      ['aGVsbG8', Buffer.from('hello')],
      ['aGVsbG8=', Buffer.from('hello')],
    ],
  },
  { type: 's8', same: [-128, 0, 127] },
  { type: 'list<s8>', same: [[], [-128, 127]] },
  { type: 'u16', same: [0, 65_535] },
  { type: 's16', same: [-32_768, 32_767] },
  {
    type: 'u32',
    same: [0, 4_294_967_295],
    changed: [
      [new Float(2), 2],
      [new Float(-0), 0],
    ],
  },
  { type: 's32', same: [-2_147_483_648, 2_147_483_647] },
  { type: 'list<s32>', same: [[], [-2_147_483_648, 2_147_483_647]] },
  { type: 'u64', same: [0, 2 ** 53 - 1, 2n ** 53n, 2n ** 64n - 1n], changed: [[new Float(1e18), 10n ** 18n]] },
  { type: 's64', same: [-(2n ** 63n), -1, 0, 2n ** 63n - 1n], changed: [[new Float(-3), -3]] },
  { type: 'list<u64>', same: [[1, 2n ** 64n - 1n]] },
  { type: 'list<s64>', same: [[-1, -(2n ** 63n)]] },
  {
    type: 'f32',
    same: [3883.2, 0.1, new Float(1), new Float(-0), 1e-45, new Float(16_777_216)],
    changed: [
      [1, new Float(1)],
      [16_777_217, new Float(16_777_216)],
      [1.00000001, new Float(1)],
    ],
  },
  { type: 'list<f32>', same: [[3883.2, 0.5]] },
  {
    type: 'f64',
    same: [0.1, new Float(-0), 5e-324, new Float(1e300)],
    changed: [
      [1, new Float(1)],
      [2n ** 53n + 1n, new Float(2 ** 53)],
    ],
  },
  { type: 'list<f64>', same: [[0.1, new Float(1)]] },
  { type: 'char', same: ['a', '\u0000', 'é', '𝄞', '\uffff'] },
  {
    type: 'string',
    same: ['', 'a\u0000b', '𝄞', 'null', 'bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy'],
    changed: [
      [null, 'null'],
      [Buffer.from('hello'), 'aGVsbG8'],
    ],
  },
  { type: 'list<string>', same: [[], ['a', 'b']] },
  { type: 'list<bool>', same: [[true, false]] },
  { type: 'list<list<u16>>', same: [[], [[], [1, 2]]] },
  {
    type: 'point',
    same: [
      { x: -1, 'very-long-y': null },
      { x: 1, 'very-long-y': 255 },
    ],
  },
  { type: 'only-strange', same: [{ 'to-string': 'a', constructor: 1, 'has-own-property': true }] },
  {
    type: 'shape',
    same: [{ dot: null }, { circle: 0.1 }, { poly: [{ x: 1, 'very-long-y': null }] }, { maybe: null }, { maybe: 1 }],
    changed: [['dot', { dot: null }]],
  },
  { type: 'color', same: ['red', 'light-green', 'dark-sea-blue'] },
  {
    type: 'perms',
    same: [[], ['read', 'write-all', 'x'], ['write-all']],
    changed: [
      [
        ['x', 'read', 'x'],
        ['read', 'x'],
      ],
    ],
  },
  { type: 'many', same: [['a0', 'd1'], ['c9']] },
  { type: 'tuple<u8, string>', same: [[1, 'a']] },
  { type: 'tuple<bool>', same: [[true]] },
  {
    type: 'list<tuple<string, u8>>',
    same: [
      {},
      { a: 1, b: 2 },
      JSON.parse('{"__proto__": 3}'),
      [
        ['a', 1],
        ['a', 2],
      ],
    ],
    changed: [
      [[], {}],
      [
        [
          ['b', 1],
          ['a', 2],
        ],
        { a: 2, b: 1 },
      ],
    ],
  },
  { type: 'list<tuple<string, point>>', same: [{ a: { x: 1, 'very-long-y': 2 } }] },
  { type: 'list<tuple<string, option<string>>>', same: [{ a: null, b: 'c' }] },
  { type: 'list<tuple<u8, string>>', same: [[], [[1, 'a']]] },
  { type: 'list<tuple<string, u8, u8>>', same: [[['a', 1, 2]]] },
  { type: 'option<u8>', same: [null, 0, 255] },
  { type: 'option<string>', same: [null, '', 'null'] },
  { type: 'option<list<u8>>', same: [null, new Uint8Array()] },
  { type: 'option<option<u8>>', same: [null, [null], [1]], changed: [[1, [1]]] },
  { type: 'option<again>', same: [null, [null], [1]] },
  { type: 'option<option<option<u8>>>', same: [null, [null], [[null]], [[1]]] },
  { type: 'option<option<option<option<u8>>>>', same: [null, [null], [[null]], [[[null]]], [[[1]]]], changed: [[1, [[[1]]]]] },
  { type: 'option<option<list<u8>>>', same: [null, [null], [Uint8Array.of(1)]] },
  { type: 'option<option<list<bool>>>', same: [null, [null], [[]], [[true]]] },
  {
    type: 'result<u8, string>',
    same: [
      [1, null],
      [null, 'no'],
    ],
  },
  {
    type: 'result<u8>',
    same: [
      [0, null],
      [null, 1],
    ],
    changed: [
      [
        [null, 'whatever'],
        [null, 1],
      ],
    ],
  },
  {
    type: 'result<_, string>',
    same: [
      [1, null],
      [null, 'no'],
    ],
    changed: [
      [
        [47, null],
        [1, null],
      ],
    ],
  },
  {
    type: 'result',
    same: [
      [1, null],
      [null, 1],
    ],
  },
  {
    type: 'result<option<u8>, string>',
    same: [
      [null, null],
      [1, null],
      [null, 'no'],
    ],
  },
  {
    type: 'result<u8, option<string>>',
    same: [
      [null, null],
      [1, null],
      [null, 'no'],
    ],
  },
  {
    type: 'result<option<u8>, option<string>>',
    same: [
      [[null], null],
      [[1], null],
      [null, [null]],
      [null, ['no']],
    ],
  },
  {
    type: 'result<option<u8>>',
    same: [
      [null, null],
      [1, null],
      [null, 1],
    ],
  },
  {
    type: 'result<result<u8, u8>, result>',
    same: [
      [[1, null], null],
      [null, [1, null]],
      [null, [null, 1]],
    ],
  },
];

const nameOf = (i: number): string => `echo-${String.fromCharCode(97 + Math.floor(i / 26), 97 + (i % 26))}`;
const { component } = await echoComponent(Object.fromEntries(TABLE.map(({ type }, i) => [nameOf(i), type])), { declarations });
const exports = await instantiate(component);
const world = worldOf(component);

function through(name: string, values: Ipld): unknown {
  const func = lookUp(world, name)?.func as WitFunction;
  const converted = toJsArgs(func, [values]);
  assert.ok('args' in converted, 'failure' in converted ? converted.failure.message : '');
  const result = fromJsResult(func, exports[jsName(name)]?.(...converted.args));
  assert.ok('value' in result, 'failure' in result ? result.failure.message : '');
  return result.value;
}

for (const [i, { type, same, changed = [] }] of TABLE.entries()) {
  test(`${type} goes through a component`, () => {
    const isBytes = type === 'u8';
    if (isBytes) return assert.deepEqual(through(nameOf(i), [1, 2]), Uint8Array.of(1, 2));
    assert.deepEqual(through(nameOf(i), same), same);
    const [given, got] = [changed.map(([value]) => value), changed.map(([, value]) => value)];
    assert.deepEqual((through(nameOf(i), given) as Ipld[]).map(plainBytes), got.map(plainBytes));
  });
}

const plainBytes = (value: Ipld): Ipld => (value instanceof Uint8Array ? new Uint8Array(value) : value);
