import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { DocketError, isDocketError } from '../../src/errors.ts';
import { parse } from '../../src/ipld/cid.ts';
import { decode, decodeKey, encode } from '../../src/ipld/dag-cbor.ts';
import { Float, MAX_DEPTH, MAX_INTEGER, MIN_INTEGER, type Ipld } from '../../src/ipld/value.ts';
import { hex, ipld, judge, nested } from './helpers.ts';

/** A class of one's own. */
class Own {
  readonly a = 1;
}

const invalid = { name: 'DocketError', code: 'IPLD_INVALID' };

/** The value may be one the types forbid. */
function encodeAny(value: unknown): Uint8Array {
  return encode(value as Ipld);
}

suite('DAG-CBOR', () => {
  test('any value comes back as it was, in the bytes another codec writes', () => {
    fc.assert(
      fc.property(ipld, (value) => {
        const bytes = encode(value);
        assert.deepEqual(decode(bytes), value);
        assert.deepEqual(Buffer.from(bytes), Buffer.from(judge.encode(value)));
        assert.deepEqual(judge.decode(bytes), value);
      }),
      { numRuns: 1000 },
    );
  });

  test('known encodings', () => {
    const known: [string, Ipld][] = [
      ['00', 0],
      ['17', 23],
      ['1818', 24],
      ['18ff', 255],
      ['190100', 256],
      ['19ffff', 65535],
      ['1a00010000', 65536],
      ['1affffffff', 4294967295],
      ['1b0000000100000000', 4294967296],
      ['1b001fffffffffffff', Number.MAX_SAFE_INTEGER],
      ['1b0020000000000000', 2n ** 53n],
      ['1bffffffffffffffff', MAX_INTEGER],
      ['20', -1],
      ['3903e7', -1000],
      ['3b001ffffffffffffe', Number.MIN_SAFE_INTEGER],
      ['3b001fffffffffffff', -(2n ** 53n)],
      ['3bffffffffffffffff', MIN_INTEGER],
      ['fb3ff0000000000000', new Float(1)],
      ['fb8000000000000000', new Float(-0)],
      ['fb3ff8000000000000', 1.5],
      ['fb7e37e43c8800759c', new Float(1e300)],
      ['f4', false],
      ['f5', true],
      ['f6', null],
      ['60', ''],
      ['62c3bc', 'ü'],
      ['64f09f9880', '😀'],
      ['63efbbbf', '\ufeff'],
      ['43010203', Uint8Array.of(1, 2, 3)],
      ['a3 6162 01 6163 02 626161 03', { aa: 3, c: 2, b: 1 }],
      [
        'd82a 5825 00 01711620 ecbb2419f1bb37879627f13bb7c664a103a100c8a287c93938d25c0b30e13f1d',
        parse('bafyrmihmxmsbt4n3g6dzmj7rho34mzfbaoqqbsfcq7etsogslqftbyj7du'),
      ],
    ];
    for (const [bytes, value] of known) {
      assert.equal(encode(value).toHex(), bytes.replaceAll(' ', ''));
      assert.deepEqual(decode(hex(bytes)), value);
    }
  });

  test('keys sort by the length of their UTF-8, then by its bytes', () => {
    const keys = ['😀', '\uffff', 'abcd', 'zz', 'é', 'aaa', 'b', '', 'a', 'A'];
    const sorted = ['', 'A', 'a', 'b', 'zz', 'é', 'aaa', '\uffff', 'abcd', '😀'];
    const value = Object.fromEntries(keys.map((key, i) => [key, i]));
    assert.deepEqual(Object.keys(decode(encode(value)) as object), sorted);
  });

  test('more keys than are sorted by insertion', () => {
    const value = Object.fromEntries(Array.from({ length: 2000 }, (_, i) => [`k${(i * 7919) % 2000}`, i]));
    assert.deepEqual(encode(value), new Uint8Array(judge.encode(value)));
  });

  test('a key may be __proto__, and stays data', () => {
    const bytes = hex('a1 69 5f5f70726f746f5f5f a1 65 61646d696e f5');
    const value = decode(bytes) as Record<string, unknown>;
    assert.equal(Object.getPrototypeOf(value), Object.prototype);
    assert.equal(value['admin'], undefined);
    assert.deepEqual(Object.keys(value), ['__proto__']);
    assert.deepEqual(encode(value as Ipld), bytes);
  });

  test('values do not share memory with the bytes they came from', () => {
    const value = ['text', Uint8Array.of(1, 2, 3), parse('bafyrmihmxmsbt4n3g6dzmj7rho34mzfbaoqqbsfcq7etsogslqftbyj7du')];
    const bytes = encode(value);
    assert.equal(bytes.buffer.byteLength, bytes.length, 'encode gives memory of its own');
    const decoded = decode(bytes);
    bytes.fill(0);
    assert.deepEqual(decoded, value);
  });

  test('bytes may lie anywhere in their buffer', () => {
    const value = { float: 1.5, big: MAX_INTEGER, text: 'a longer text than the others' };
    const padded = Uint8Array.from([...[9, 9, 9], ...encode(value), 9]);
    assert.deepEqual(decode(padded.subarray(3, -1)), value);
  });

  test('nesting is bounded both ways', () => {
    assert.deepEqual(decode(encode(nested(MAX_DEPTH))), nested(MAX_DEPTH));
    assert.throws(() => encode(nested(MAX_DEPTH + 1)), invalid);
    assert.throws(() => encode(nested(200_000)), invalid);
    for (const opener of [0x81, 0xa1]) assert.throws(() => decode(new Uint8Array(1_000_000).fill(opener)), invalid);
    assert.throws(() => decode(Uint8Array.from([...new Uint8Array(MAX_DEPTH).fill(0x81), 0x80])), invalid);
    const circle: unknown[] = [];
    circle.push(circle);
    assert.throws(() => encodeAny(circle), invalid);
  });

  test('what is no IPLD value is refused', () => {
    const sparse: unknown[] = [];
    sparse.length = 2;
    const refused: unknown[] = [
      undefined,
      NaN,
      Infinity,
      -Infinity,
      new Float(NaN),
      new Float(Infinity),
      2 ** 53,
      -(2 ** 60),
      MAX_INTEGER + 1n,
      MIN_INTEGER - 1n,
      '\ud800',
      'long enough for the other path \udfff',
      'é\ud800',
      { '\ud800': 1 },
      { a: undefined },
      sparse,
      () => 1,
      Symbol('a'),
      new Date(0),
      new Map(),
      new Set(),
      /a/,
      new URL('a:b'),
      Promise.resolve(),
      new Own(),
      new DataView(new ArrayBuffer(1)),
      new Uint16Array(1),
    ];
    for (const value of refused) assert.throws(() => encodeAny([value]), invalid, inspect(value));
  });

  test('bigints within the safe range, null prototypes and a negative zero take the one form there is', () => {
    assert.deepEqual(encode(5n), encode(5));
    assert.deepEqual(encode(-5n), encode(-5));
    assert.deepEqual(encode(-0), encode(0));
    assert.deepEqual(encodeAny({ __proto__: null, a: 1 }), encode({ a: 1 }));
    assert.deepEqual(encodeAny(Buffer.from('abc')), encode(Uint8Array.of(97, 98, 99)));
  });

  test('bytes in any but the one form are refused', () => {
    const cid = `01711620${'00'.repeat(32)}`;
    const refused: Record<string, string> = {
      nothing: '',
      'trailing bytes': '0000',
      'integer in two bytes': '1817',
      'integer in three bytes': '1900ff',
      'integer in five bytes': '1a0000ffff',
      'integer in nine bytes': '1b00000000ffffffff',
      'negative integer in two bytes': '3800',
      'length in two bytes': '780161',
      'bytes length in nine bytes': '5b0000000000000001 00',
      'list length in three bytes': '990001 00',
      'indefinite bytes': '5f 41 00 ff',
      'indefinite string': '7f 61 61 ff',
      'indefinite list': '9f 00 ff',
      'indefinite map': 'bf 61 61 00 ff',
      'break alone': 'ff',
      'reserved length 28': '1c',
      'reserved length 30': '9e',
      'keys out of order': 'a2 61 62 00 61 61 00',
      'longer key first': 'a2 62 61 61 00 61 62 00',
      'key twice': 'a2 61 61 00 61 61 00',
      'number as key': 'a1 00 00',
      'bytes as key': 'a1 41 61 00',
      'key missing': 'a1',
      'value missing': 'a1 61 61',
      'item missing': '82 00',
      'tag 0': 'c0 60',
      'tag 2': 'c2 41 01',
      'tag 43': `d82b 5825 00${cid}`,
      'tag 42 in three bytes': `d9002a 5825 00${cid}`,
      'link as a string': 'd82a 6161',
      'link of nothing': 'd82a 40',
      'tag alone': 'd82a',
      'link without zero': `d82a 5824 ${cid}`,
      'link of zero alone': 'd82a 41 00',
      'link with another base': `d82a 5825 01${cid}`,
      'link cut short': 'd82a 47 00 01711620 0000',
      'link with more bytes': `d82a 5826 00${cid}00`,
      'link of version 2': `d82a 5825 00 02711620${'00'.repeat(32)}`,
      'link with a longer codec': `d82a 5826 00 01f1001620${'00'.repeat(32)}`,
      undefined: 'f7',
      'simple 0': 'e0',
      'simple 32': 'f820',
      'half float': 'f93c00',
      'single float': 'fa3f800000',
      'not a number': 'fb7ff8000000000000',
      infinity: 'fb7ff0000000000000',
      'float cut short': 'fb3ff00000',
      'integer cut short': '1b00',
      'not UTF-8': '61ff',
      'a surrogate as UTF-8': '63eda080',
      'overlong UTF-8': '62c080',
      'string cut short': '6261',
      'long string cut short': '7a7fffffff61',
      'bytes of 2^53': '5b0020000000000000',
      'list of 2^32': '9b0000000100000000',
      'map of 2^31': 'ba80000000',
    };
    for (const [name, bytes] of Object.entries(refused)) assert.throws(() => decode(hex(bytes)), invalid, name);
  });

  test('no bytes do anything but decode to what encodes as them, or fail in order', () => {
    const mutated = fc.tuple(ipld, fc.nat(), fc.nat({ max: 255 })).map(([value, at, byte]) => {
      const bytes = encode(value);
      bytes[at % bytes.length] = byte;
      return bytes;
    });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 40 }), mutated), (bytes) => {
        let value: Ipld;
        try {
          value = decode(bytes);
        } catch (error) {
          assert(isDocketError(error, 'IPLD_INVALID'), String(error));
          return;
        }
        assert.deepEqual(encode(value), bytes);
      }),
      { numRuns: 3000 },
    );
  });

  test('one key of a map is what it is in the whole map', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string({ maxLength: 4 }), ipld, { noNullPrototype: true }), (map) => {
        const bytes = encode(map);
        for (const [key, value] of Object.entries(map)) assert.deepEqual(encode(decodeKey(bytes, key)!), encode(value));
        assert.equal(decodeKey(bytes, 'absent'), undefined);
      }),
    );
    assert.throws(() => decodeKey(encode([1]), 'a'), { code: 'IPLD_INVALID' });
    assert.throws(() => decodeKey(hex('a1 61'), 'a'), { code: 'IPLD_INVALID' });
  });

  test('an error tells at which byte', () => {
    assert.throws(
      () => decode(hex('82 00 1817')),
      (error) => error instanceof DocketError && error.details['at'] === 2 && error.message.includes('byte 2'),
    );
  });
});
