import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { DocketError } from '../../src/errors.ts';
import { parse } from '../../src/ipld/cid.ts';
import * as DagCbor from '../../src/ipld/dag-cbor.ts';
import { decode, decodeWithPlaces, encode } from '../../src/ipld/dag-json.ts';
import { Float, MAX_DEPTH, MAX_INTEGER, MIN_INTEGER, type Ipld } from '../../src/ipld/value.ts';
import { ipld, nested } from './helpers.ts';

const invalid = { name: 'DocketError', code: 'IPLD_INVALID' };
const CID = 'bafyrmihmxmsbt4n3g6dzmj7rho34mzfbaoqqbsfcq7etsogslqftbyj7du';

suite('DAG-JSON', () => {
  test('any value comes back as it was, pretty or not, and is the same value in DAG-CBOR', () => {
    fc.assert(
      fc.property(ipld, fc.nat({ max: 4 }), (value, indent) => {
        const text = encode(value);
        assert.deepEqual(decode(text), value);
        assert.deepEqual(decode(encode(value, { indent })), value);
        assert.equal(encode(DagCbor.decode(DagCbor.encode(decode(text)))), text);
      }),
      { numRuns: 1000 },
    );
  });

  test('agrees with JSON.parse on plain JSON', () => {
    fc.assert(
      fc.property(fc.json({ noUnicodeString: false }), fc.nat({ max: 3 }), (text, indent) => {
        const value: unknown = JSON.parse(text);
        const spaced = JSON.stringify(value, undefined, indent);
        assert.deepEqual(JSON.parse(encode(decode(spaced))), JSON.parse(spaced));
      }),
    );
  });

  test('accepts and refuses the same texts as JSON.parse, doubled keys and lone surrogates aside', () => {
    const noise = fc.string({ unit: fc.constantFrom(...'[]{}",:0123456789.eE+-truefalsn \n\t\\u'.split('')), maxLength: 12 });
    fc.assert(
      fc.property(noise, (text) => {
        let expected: unknown;
        let refused = false;
        try {
          expected = JSON.parse(text);
        } catch {
          refused = true;
        }
        try {
          assert.deepEqual(JSON.parse(encode(decode(text))), expected);
        } catch (error) {
          if (!(error instanceof DocketError)) throw error;
          assert(refused || /twice|surrogate|too large/.test(error.message), `${text}: ${error.message}`);
        }
      }),
      { numRuns: 3000 },
    );
  });

  test('numbers keep what they are', () => {
    const numbers: [string, Ipld, string?][] = [
      ['0', 0],
      ['-1', -1],
      ['1.0', new Float(1)],
      ['-0.0', new Float(-0)],
      ['-0', new Float(-0), '-0.0'],
      ['1e3', new Float(1000), '1000.0'],
      ['1E+3', new Float(1000), '1000.0'],
      ['1.5', 1.5],
      ['1.50', 1.5, '1.5'],
      ['1e-7', 1e-7],
      ['1e+300', new Float(1e300)],
      ['100000000000000000000.0', new Float(1e20)],
      ['9007199254740991', Number.MAX_SAFE_INTEGER],
      ['9007199254740992', 2n ** 53n],
      ['-9007199254740991', Number.MIN_SAFE_INTEGER],
      ['-9007199254740993', -(2n ** 53n) - 1n],
      ['18446744073709551615', MAX_INTEGER],
      ['18446744073709551616', new Float(2 ** 64), '18446744073709552000.0'],
      ['18446744073709552000', new Float(2 ** 64), '18446744073709552000.0'],
      ['-18446744073709551616', MIN_INTEGER],
      ['-18446744073709551617', new Float(-(2 ** 64)), '-18446744073709552000.0'],
      [`1${'0'.repeat(300)}`, new Float(1e300), '1e+300'],
    ];
    for (const [text, value, canonical] of numbers) {
      assert.deepEqual(decode(text), value, text);
      assert.equal(encode(value), canonical ?? text);
    }
  });

  test('links and bytes', () => {
    assert.deepEqual(decode(`{"/":"${CID}"}`), parse(CID));
    assert.equal(encode([parse(CID)]), `[{"/":"${CID}"}]`);
    assert.deepEqual(decode(' { "/" : { "bytes" : "AQI" } } '), Uint8Array.of(1, 2));
    assert.equal(encode(Uint8Array.of(1, 2)), '{"/":{"bytes":"AQI"}}');
    assert.deepEqual(decode('{"/":{"bytes":""}}'), new Uint8Array(0));
  });

  test('maps with the key "/" that are neither', () => {
    const plain: [string, Ipld][] = [
      ['{"/":1}', { '/': 1 }],
      ['{"/":{}}', { '/': {} }],
      ['{"/":{"bytes":1}}', { '/': { bytes: 1 } }],
      ['{"/":{"a":1,"bytes":"AQI"}}', { '/': { a: 1, bytes: 'AQI' } }],
      [`{"/":{"/":"${CID}"}}`, { '/': parse(CID) }],
      ['{"!":1,"/":"a"}', { '!': 1, '/': 'a' }],
      ['{"bytes":"AQI"}', { bytes: 'AQI' }],
    ];
    for (const [text, value] of plain) {
      assert.deepEqual(decode(text), value);
      assert.equal(encode(value), text);
    }
  });

  test('broken links and bytes are refused, also where they would be written', () => {
    const broken = [
      '{"/":""}',
      '{"/":"cid"}',
      `{"/":"${CID}","a":1}`,
      '{"/":{"bytes":"AQI="}}',
      '{"/":{"bytes":"AQJ"}}',
      '{"/":{"bytes":"A"}}',
      '{"/":{"bytes":"A-_"}}',
      '{"/":{"bytes":"AQI","x":1}}',
      '{"/":{"bytes":"AQI"},"a":1}',
    ];
    for (const text of broken) assert.throws(() => decode(text), invalid, text);
    for (const value of [{ '/': 'a' }, { '/': CID, a: 1 }, { '/': { bytes: 'AQI' } }, { '/': { bytes: 'AQI', x: 1 }, z: 1 }])
      assert.throws(() => encode(value), invalid);
  });

  test('keys sort bytewise by UTF-8', () => {
    assert.equal(
      encode({ '😀': 1, '\uffff': 2, b: 3, aa: 4, é: 5, '10': 6, '9': 7 }),
      '{"10":6,"9":7,"aa":4,"b":3,"é":5,"\uffff":2,"😀":1}',
    );
  });

  test('indented text is for people', () => {
    assert.equal(
      encode({ b: [1, parse(CID)], a: {}, c: [] }, { indent: 2 }),
      `{\n  "a": {},\n  "b": [\n    1,\n    {"/":"${CID}"}\n  ],\n  "c": []\n}`,
    );
  });

  test('strings', () => {
    assert.equal(decode(String.raw`"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00"`), '"\\/\b\f\n\r\té😀');
    assert.equal(encode('"\\/\b\u0001é😀\u2028'), String.raw`"\"\\/\b\u0001é😀` + '\u2028"');
    for (const text of [
      String.raw`"\ud800"`,
      String.raw`"\ude00\ud83d"`,
      '"\ud800"',
      '"\n"',
      '"\u0000"',
      String.raw`"\x41"`,
      String.raw`"\u12"`,
      String.raw`"\u12g4"`,
      String.raw`"\u+123"`,
      '"',
      '"\\',
      '"\\"',
      String.raw`"\constructor"`,
    ]) {
      assert.throws(() => decode(text), invalid, text);
    }
    assert.throws(() => encode('\udc00'), invalid);
    assert.throws(() => encode({ '\udc00': 1 }), invalid);
  });

  test('malformed texts are refused', () => {
    const texts = [
      '',
      ' ',
      'nul',
      'nulll',
      'True',
      '01',
      '-',
      '+1',
      '.5',
      '1.',
      '1e',
      '0x10',
      'NaN',
      'Infinity',
      '1e999',
      `1${'0'.repeat(400)}`,
      '[',
      '[1',
      '[1,',
      '[1,]',
      '[,]',
      '[1 2]',
      '{',
      '{"a"',
      '{"a":',
      '{"a":1',
      '{"a":1,}',
      '{a:1}',
      "{'a':1}",
      '{1:1}',
      '[]]',
      '1 1',
      '\ufeff1',
      '\u00a01',
      '/*c*/1',
      '1//',
      '{"a":1,"a":2}',
      '{"a":1,"\\u0061":1}',
      '{"__proto__":1,"__proto__":1}',
    ];
    for (const text of texts) assert.throws(() => decode(text), invalid, text);
  });

  test('what is no IPLD value is not written', () => {
    for (const value of [
      undefined,
      NaN,
      Infinity,
      new Float(NaN),
      2 ** 53,
      MAX_INTEGER + 1n,
      MIN_INTEGER - 1n,
      new Date(0),
      { a: undefined },
      [() => 1],
    ]) {
      assert.throws(() => encode(value as Ipld), invalid, inspect(value));
    }
    const sparse: Ipld[] = [];
    sparse.length = 1;
    assert.throws(() => encode(sparse), invalid);
  });

  test('a key may be __proto__, and stays data', () => {
    const value = decode('{"__proto__":{"admin":true}}') as Record<string, unknown>;
    assert.equal(Object.getPrototypeOf(value), Object.prototype);
    assert.equal(value['admin'], undefined);
    assert.equal(encode(value as Ipld), '{"__proto__":{"admin":true}}');
  });

  test('nesting is bounded both ways, as in DAG-CBOR', () => {
    const deepest = (inner: string): string => '['.repeat(MAX_DEPTH - 1) + inner + ']'.repeat(MAX_DEPTH - 1);
    assert.equal(encode(nested(MAX_DEPTH)), deepest('[]'));
    for (const leaf of [`[{"/":"${CID}"}]`, '[{"/":{"bytes":"AQI"}}]', '[]', '{}', '{"/":1}']) {
      const value = decode(deepest(leaf));
      assert.equal(encode(value), deepest(leaf));
      assert.deepEqual(DagCbor.decode(DagCbor.encode(value)), value);
    }
    for (const leaf of ['[[]]', '[{}]', '{"a":{"bytes":""}}', '{"/":{"bytes":1}}', '{"/":{"/":{"a":1}}}'])
      assert.throws(() => decode(deepest(leaf)), invalid, leaf);
    assert.throws(() => encode(nested(MAX_DEPTH + 1)), invalid);
    assert.throws(() => encode(nested(100_000)), invalid);
    for (const opener of ['[', '{"a":', '{"/":']) assert.throws(() => decode(opener.repeat(500_000)), invalid);
  });
});

suite('places in DAG-JSON', () => {
  test('an error says where', () => {
    assert.throws(
      () => decode('{\n  "a": 1,\r\n  "b": tru\n}', { file: 'w.json' }),
      (error) => {
        assert(error instanceof DocketError);
        assert.deepEqual(error.place, { file: 'w.json', line: 3, column: 8 });
        assert.equal(error.message, 'expected a value, found "t"');
        return true;
      },
    );
    assert.throws(() => decode('[1,\n2'), { place: { line: 2, column: 2 }, message: 'expected "," or "]", found the end of the text' });
    assert.throws(() => decode('{"a":1,\n "a":2}'), { place: { line: 2, column: 2 }, message: 'the key "a" stands twice' });
    assert.throws(() => decode('\n\n{"/":"x"}'), { place: { line: 3, column: 1 } });
  });

  test('every value has one', () => {
    const text = `\n{ "tasks": [\n  { "run": {"/": "${CID}"} },\n  7, {"__proto__": {"x": null}}\n] }`;
    const { value, place } = decodeWithPlaces(text, { file: 'f' });
    assert.deepEqual(value, decode(text));
    assert.deepEqual(place([]), { file: 'f', line: 2, column: 1 });
    assert.deepEqual(place(['tasks']), { file: 'f', line: 2, column: 3 });
    assert.deepEqual(place(['tasks', 0]), { file: 'f', line: 3, column: 3 });
    assert.deepEqual(place(['tasks', 0, 'run']), { file: 'f', line: 3, column: 5 });
    assert.deepEqual(place(['tasks', 1]), { file: 'f', line: 4, column: 3 });
    assert.deepEqual(place(['tasks', 2, '__proto__', 'x']), { file: 'f', line: 4, column: 21 });
  });

  test('what is not there has that of the closest container', () => {
    const { place } = decodeWithPlaces('[\n {"a": 1}]');
    assert.deepEqual(place([0, 'b']), { line: 2, column: 2 });
    assert.deepEqual(place([0, 'a', 'b', 'c']), { line: 2, column: 3 });
    assert.deepEqual(place([5]), { line: 1, column: 1 });
    assert.deepEqual(place([0, 'constructor', 'name']), { line: 2, column: 2 });
    assert.deepEqual(decodeWithPlaces('  1').place(['a']), { line: 1, column: 3 });
  });
});
