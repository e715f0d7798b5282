import fc from 'fast-check';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as Cid from '../../../src/ipld/cid.ts';
import { encode } from '../../../src/ipld/dag-cbor.ts';
import { Float, type Ipld } from '../../../src/ipld/value.ts';
import type { WitType } from '../../../src/sandbox/wit/model.ts';
import { sampleOf } from '../../../src/sandbox/wit/sample.ts';
import { fromJs, toJs } from '../../../src/sandbox/wit/values.ts';
import { anyType, valueOf } from './arbitrary.ts';

/** What is refused on the way in, and what on the way out; what is taken is in echo.test.ts. */

const u8: WitType = { kind: 'u8' };
const u32: WitType = { kind: 'u32' };
const string: WitType = { kind: 'string' };
const list = (element: WitType): WitType => ({ kind: 'list', element });
const option = (some: WitType): WitType => ({ kind: 'option', some });
const point: WitType = {
  kind: 'record',
  name: 'point',
  fields: [
    { name: 'x', type: u8 },
    { name: 'long-y', type: option(u8) },
  ],
};
const shape: WitType = { kind: 'variant', cases: [{ name: 'dot' }, { name: 'circle', type: u8 }] };
const link = Cid.ofBlob(Uint8Array.of(1));

const REFUSED_IN: readonly (readonly [WitType, Ipld, RegExp])[] = [
  [{ kind: 'bool' }, 1, /^the value is 1, not bool$/],
  [{ kind: 'bool' }, 'true', /"true", not bool/],
  [u8, 256, /256, not u8: it takes integers of 0 to 255/],
  [u8, -1, /-1, not u8/],
  [u8, 1.5, /1\.5, not u8/],
  [u8, new Float(256), /256\.0, not u8/],
  [u8, '1', /"1", not u8/],
  [u8, null, /null, not u8/],
  [u8, true, /true, not u8/],
  [{ kind: 's8' }, 128, /of -128 to 127/],
  [{ kind: 'u64' }, -1, /of 0 to 18446744073709551615/],
  [{ kind: 'u64' }, new Float(2 ** 64), /18446744073709552000\.0, not u64/],
  [{ kind: 's64' }, 2n ** 63n, /9223372036854775808, not s64/],
  [{ kind: 's64' }, 0.5, /0\.5, not s64/],
  [{ kind: 'f32' }, 1e39, /too large/],
  [{ kind: 'f64' }, '1', /not f64/],
  [{ kind: 'char' }, '', /one character/],
  [{ kind: 'char' }, 'ab', /one character/],
  [{ kind: 'char' }, 97, /one character/],
  [string, 1, /1, not string/],
  [string, true, /true, not string/],
  [string, ['a'], /\["a"\], not string/],
  [list(u8), 'not base64!', /string of base64/],
  [list(u8), 'aGVsbG9=', /string of base64/],
  [list(u8), 'aGVsbG9', /string of base64/],
  [list(u8), 'a_-_', /string of base64/],
  [list(u8), [1, 256], /^the value at \[1\] is 256, not u8: .*\(all of it: list<u8>\)$/],
  [list(u8), { a: 1 }, /\{"a": 1\}, not list<u8>/],
  [list(u32), Uint8Array.of(1), /1 bytes, not list<u32>/],
  [list(u32), 'AQ', /not list<u32>/],
  [list(string), null, /not list<string>/],
  [list({ kind: 'tuple', types: [string, u8] }), { a: 'b' }, /^the value at \.a is "b", not u8/],
  [list({ kind: 'tuple', types: [u8, u8] }), { a: 1 }, /not list<tuple<u8, u8>>/],
  [list({ kind: 'tuple', types: [string, u8] }), [['a', 1, 2]], /a list of 2/],
  [point, { x: 1 }, /the field "long-y" is missing/],
  [point, { x: 1, 'long-y': null, z: 1 }, /no field "z"/],
  [point, { x: 1, longY: null }, /the field "long-y" is missing/],
  [point, { x: 300, 'long-y': null }, /^the value at \.x is 300, not u8: .* \(all of it: record point \{ x: u8, long-y: option<u8> \}\)$/],
  [point, [1, null], /not record point/],
  [point, Object.create({ x: 1, 'long-y': 1 }) as Ipld, /is missing/],
  [{ kind: 'tuple', types: [u8, u8] }, [1], /a list of 2/],
  [{ kind: 'tuple', types: [u8, u8] }, [1, 2, 3], /a list of 2/],
  [shape, {}, /one key/],
  [shape, { dot: null, circle: 1 }, /one key/],
  [shape, { square: 1 }, /no case "square"/],
  [shape, 'square', /no case "square"/],
  [shape, 'circle', /"circle" needs a value/],
  [shape, { dot: 1 }, /"dot" has no value/],
  [shape, { circle: null }, /at \.circle is null, not u8/],
  [shape, 'toString', /no case "toString"/],
  [{ kind: 'enum', names: ['a', 'b'] }, 'c', /not enum \{ a, b \}/],
  [{ kind: 'enum', names: ['a'] }, { a: null }, /not enum/],
  [{ kind: 'flags', names: ['a', 'b'] }, ['c'], /no flag "c"/],
  [{ kind: 'flags', names: ['a', 'b'] }, [1], /no flag 1/],
  [{ kind: 'flags', names: ['a', 'b'] }, { a: true }, /names that are set/],
  [option(u8), 'a', /"a", not u8/],
  [option(option(u8)), [], /a list of one/],
  [option(option(u8)), [1, 2], /a list of one/],
  [{ kind: 'result', ok: u8 }, null, /\[value, null\] for ok/],
  [{ kind: 'result', ok: u8 }, [1], /\[value, null\] for ok/],
  [{ kind: 'result', ok: u8 }, [1, 1], /one of the two must be null/],
  [{ kind: 'result', ok: u8 }, [null, null], /one of the two must be null/],
  [{ kind: 'result' }, [null, null], /one of the two must be null/],
  [{ kind: 'result', ok: option(u8), err: option(u8) }, [null, null], /one of the two must be null/],
  [{ kind: 'result', ok: option(u8), err: option(u8) }, [1, null], /a list of its own/],
  [{ kind: 'result', ok: u8, err: string }, ['a', null], /at \[0\] is "a", not u8/],
  [{ kind: 'own', resource: 'blob' }, 1, /not own<blob>: it has no value outside/],
  [{ kind: 'stream', element: u8 }, 1, /not stream<u8>: it has no value outside/],
  [{ kind: 'error-context' }, 1, /no value outside/],
];

for (const [type, value, message] of REFUSED_IN) {
  test(`in, refused: ${message.source}`, () => {
    const result = toJs(type, value);
    assert.ok('failure' in result);
    assert.match(result.failure.message, message);
    assert.equal(result.failure.code, 'invalid');
    encode(result.failure.data as Ipld);
  });
}

test('a message has room for little of a large value', () => {
  const large = { text: 'x'.repeat(1_000_000), list: Array.from({ length: 100_000 }, (_, i) => ({ i })) };
  for (const value of [large, [large], [[[[large]]]], 'y'.repeat(1_000_000), new Uint8Array(1_000_000)]) {
    const result = toJs(u8, value);
    assert.ok('failure' in result && result.failure.message.length < 300, 'failure' in result ? result.failure.message : '');
  }
});

test('a link stands for the bytes it names, where bytes are wanted and can be had', () => {
  const bytes = Uint8Array.of(1, 2);
  const bytesOf = (given: Cid.CID): Uint8Array => (given.equals(link) ? bytes : assert.fail());
  assert.deepEqual(toJs(list(u8), link, { bytesOf }), { value: bytes });
  assert.deepEqual(toJs(option(list(list(u8))), [link], { bytesOf }), { value: [bytes] });
  assert.deepEqual(toJs(string, link, { bytesOf }), { value: 'AQI' });
  const task = Cid.ofValue('no blob');
  assert.deepEqual(toJs(string, task, { bytesOf }), { value: task.toString() });
  for (const options of [{}, { bytesOf: () => undefined }]) {
    const refused = toJs(list(u8), link, options);
    assert.match('failure' in refused ? refused.failure.message : '', /is the link bafkrei\w+, not list<u8>: it names no blob/);
  }
  assert.ok('failure' in toJs(list(u32), link, { bytesOf }));
});

test('pairs stay pairs where a map would lose one, or has no form to be seen in', () => {
  const pairs = list({ kind: 'tuple', types: [string, u8] });
  for (const [given, expected] of [
    [
      [
        ['a', 1],
        ['b', 2],
      ],
      { a: 1, b: 2 },
    ],
    [
      [
        ['a', 1],
        ['a', 2],
      ],
      [
        ['a', 1],
        ['a', 2],
      ],
    ],
    [
      [
        ['a', 1],
        ['/', 2],
      ],
      [
        ['a', 1],
        ['/', 2],
      ],
    ],
  ] as const)
    assert.deepEqual(fromJs(pairs, given), { value: expected });
});

test('a link becomes its text, bytes become base64', () => {
  assert.deepEqual(toJs(string, link), { value: link.toString() });
  const old = Cid.parse('QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG');
  assert.deepEqual(toJs(string, old), { value: 'QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG' });
});

const REFUSED_OUT: readonly (readonly [WitType, unknown, RegExp])[] = [
  [{ kind: 'f64' }, Number.NaN, /NaN, not f64: it has no IPLD form/],
  [{ kind: 'f32' }, Number.POSITIVE_INFINITY, /Infinity, not f32/],
  [list({ kind: 'f32' }), Float32Array.of(1, Number.NaN), /at \[1\] is NaN/],
  [string, 'a\ud800', /half of a surrogate pair/],
  [{ kind: 'char' }, '\udc00', /half of a surrogate pair/],
  [u8, 256, /not u8/],
  [{ kind: 'u64' }, 1, /not u64/],
  [{ kind: 'u64' }, 2n ** 64n, /not u64/],
  [point, { x: 1 }, /not record/],
  [point, Object.create({ x: 1, longY: undefined }), /not record/],
  [shape, { tag: 'toString' }, /not variant/],
  [list(u8), [1, 2], /not list<u8>/],
  [list(u32), Int32Array.of(1), /not list<u32>/],
];

for (const [type, value, message] of REFUSED_OUT) {
  test(`out, refused: ${message.source}`, () => {
    const result = fromJs(type, value);
    assert.ok('failure' in result);
    assert.match(result.failure.message, message);
  });
}

/** What `toJs` took, whatever its form, comes out in one form, which goes in and out unchanged. */
test('what comes out is canonical, and goes in again', () => {
  fc.assert(
    fc.property(
      anyType().chain((type) => fc.tuple(fc.constant(type), valueOf(type))),
      ([type, value]) => {
        const first = back(type, value);
        encode(first);
        assert.deepEqual(back(type, first), first);
      },
    ),
    { numRuns: 2_000 },
  );
});

function back(type: WitType, value: Ipld): Ipld {
  const js = toJs(type, value);
  assert.ok('value' in js, 'failure' in js ? js.failure.message : '');
  const ipld = fromJs(type, js.value);
  assert.ok('value' in ipld, 'failure' in ipld ? ipld.failure.message : '');
  return ipld.value;
}

test('whatever transpiled code gives, it becomes IPLD or a failure', () => {
  const anything = fc.anything({
    withBigInt: true,
    withTypedArray: true,
    withNullPrototype: true,
    withObjectString: true,
    withSparseArray: true,
    withSet: true,
    withMap: true,
    withDate: true,
  });
  const near = fc.record({ tag: fc.constantFrom('ok', 'err', 'some', 'none', 'a', 'b'), val: anything }, { requiredKeys: [] });
  fc.assert(
    fc.property(anyType(), fc.oneof(anything, near), (type, value) => {
      const result = fromJs(type, value);
      if ('value' in result) encode(result.value);
      else encode(result.failure.data as Ipld);
    }),
    { numRuns: 5_000 },
  );
});

test('whatever a task gives, it is taken or a failure', () => {
  fc.assert(
    fc.property(anyType(), anyType().chain(valueOf), (type, value) => {
      const result = toJs(type, value);
      if ('failure' in result) encode(result.failure.data as Ipld);
      else assert.ok('value' in fromJs(type, result.value));
    }),
    { numRuns: 5_000 },
  );
});

test('a sample of a type is one', () => {
  fc.assert(
    fc.property(anyType(), (type) => {
      const sample = sampleOf(type);
      encode(sample);
      assert.ok('value' in toJs(type, sample));
    }),
    { numRuns: 2_000 },
  );
});
