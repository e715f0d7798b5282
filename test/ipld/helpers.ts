import { Token, Tokenizer, Type, decode as cborDecode, encode as cborEncode, type DecodeOptions } from 'cborg';
import fc from 'fast-check';
import { CID, fromSha256, parse } from '../../src/ipld/cid.ts';
import { fromDigest } from '../../src/ipld/cid-bytes.ts';
import { Float, float, integer, MAX_INTEGER, MIN_INTEGER, type Ipld } from '../../src/ipld/value.ts';

/** Any CID: version 1 of several kinds, and version 0. */
const link: fc.Arbitrary<CID> = fc.oneof(
  fc.uint8Array({ minLength: 32, maxLength: 32 }).map((digest) => fromDigest(0x71, 0x16, digest)),
  fc.uint8Array({ minLength: 32, maxLength: 32 }).map(fromSha256),
  fc.uint8Array({ minLength: 0, maxLength: 90 }).map((digest) => fromDigest(0x55, 0x00, digest)),
  fc.constant(parse('QmdfTbBqBPQ7VNxZEYEj14VmRuZBkqFbiwReogJgS1zR1n')),
);

/** Keys that have tripped codecs, and any others, but for "/", whose maps DAG-JSON cannot all hold. */
const key = fc.oneof(
  fc.constantFrom('__proto__', 'constructor', 'toString', 'hasOwnProperty', '', '0', '10', '9', 'bytes', 'é', '\uffff', '😀', 'asCID'),
  fc.string({ unit: 'binary', maxLength: 12 }).filter((text) => text !== '/'),
);

/** Any value at all, in the one form `decode` gives. */
export const ipld: fc.Arbitrary<Ipld> = fc.letrec<{ value: Ipld }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5 },
    fc.constantFrom(null, true, false),
    fc.maxSafeInteger().map((n) => n + 0),
    fc.integer({ min: -300, max: 70_000 }),
    fc.bigInt({ min: MIN_INTEGER, max: MAX_INTEGER }).map(integer),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map(float),
    fc.integer().map((n) => new Float(n)),
    fc.string({ unit: 'binary' }),
    fc.string({ maxLength: 300 }),
    fc.uint8Array(),
    link,
    fc.array(tie('value')),
    fc.dictionary(key, tie('value'), { noNullPrototype: true }),
  ),
})).value;

/** Keeps whole floats apart from integers, which cborg's own token values cannot. */
class LosslessTokenizer extends Tokenizer {
  override next(): Token {
    const token = super.next();
    return token.type === Type.float ? new Token(Type.float, float(token.value), token.encodedLength) : token;
  }
}

const decodeOptions: DecodeOptions = {
  allowIndefinite: false,
  allowUndefined: false,
  allowInfinity: false,
  allowNaN: false,
  allowBigInt: true,
  strict: true,
  rejectDuplicateMapKeys: true,
  tags: { 42: (read: () => unknown) => CID.decode((read() as Uint8Array).subarray(1)) },
};

/** DAG-CBOR by other people's code, which says whether ours is right. */
export const judge = {
  encode: (value: Ipld): Uint8Array =>
    cborEncode(value, {
      float64: true,
      typeEncoders: {
        Object: (object: object) => {
          if (object instanceof Float) return [new Token(Type.float, object.value)];
          if (!(object instanceof CID)) return null;
          return [new Token(Type.tag, 42), new Token(Type.bytes, Uint8Array.from([0, ...object.bytes]))];
        },
      },
    }),
  decode: (bytes: Uint8Array): unknown => cborDecode(bytes, { ...decodeOptions, tokenizer: new LosslessTokenizer(bytes, decodeOptions) }),
};

export function hex(text: string): Uint8Array {
  return Uint8Array.fromHex(text.replaceAll(' ', ''));
}

/** `depth` lists in each other. */
export function nested(depth: number): Ipld {
  let value: Ipld = [];
  for (let i = 1; i < depth; i++) value = [value];
  return value;
}
