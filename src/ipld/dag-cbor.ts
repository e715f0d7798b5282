import { decode as cborDecode, encode as cborEncode, Token, Tokenizer, Type, type DecodeOptions, type EncodeOptions } from 'cborg';
import { CID } from 'multiformats/cid';
import { DocketError } from '../errors.ts';
import { Float, float, type Ipld } from './value.ts';

/**
 * Canonical DAG-CBOR (https://ipld.io/specs/codecs/dag-cbor/spec/): map keys sorted length first then bytewise,
 * shortest integers, floats always 64 bits, links as tag 42. Both ways lossless for `Ipld`; `@ipld/dag-cbor` is not
 * used because it turns 1.0 into the integer 1, which changes CIDs.
 */

const LINK_TAG = 42;

const encodeOptions: EncodeOptions = {
  float64: true,
  typeEncoders: {
    Object: (value: object) => {
      if (value instanceof Float) {
        if (!Number.isFinite(value.value)) throw new DocketError('IPLD_INVALID', `${value.value} has no DAG-CBOR form`);
        return [new Token(Type.float, value.value)];
      }
      if ((value as { asCID?: unknown }).asCID !== value) return null;
      const cid = value as CID;
      const bytes = new Uint8Array(cid.bytes.length + 1);
      bytes.set(cid.bytes, 1);
      return [new Token(Type.tag, LINK_TAG), new Token(Type.bytes, bytes)];
    },
    number: (value: number) => {
      if (!Number.isFinite(value)) throw new DocketError('IPLD_INVALID', `${value} has no DAG-CBOR form`);
      if (Number.isInteger(value) && !Number.isSafeInteger(value)) {
        throw new DocketError('IPLD_INVALID', `the integer ${value} is not exact: give it as a bigint, or as a Float`);
      }
      return null;
    },
    undefined: () => {
      throw new DocketError('IPLD_INVALID', 'undefined has no DAG-CBOR form');
    },
  },
};

export function encode(value: Ipld): Uint8Array {
  try {
    return cborEncode(value, encodeOptions);
  } catch (cause) {
    if (cause instanceof DocketError) throw cause;
    throw new DocketError('IPLD_INVALID', `not encodable as DAG-CBOR: ${(cause as Error).message}`, { cause });
  }
}

/** Keeps whole floats apart from integers, which cborg's own token values cannot. */
class LosslessTokenizer extends Tokenizer {
  #depth = 0;

  override next(): Token {
    const token = super.next();
    if (token.type === Type.float) return new Token(Type.float, float(token.value), token.encodedLength);
    if ((token.type === Type.map || token.type === Type.array) && ++this.#depth > 1e7) {
      throw new DocketError('IPLD_INVALID', 'too many nested values');
    }
    return token;
  }
}

function link(read: () => unknown): CID {
  const bytes = read();
  if (!(bytes instanceof Uint8Array) || bytes[0] !== 0) throw new DocketError('IPLD_INVALID', 'a link must be bytes with a leading zero');
  return CID.decode(bytes.subarray(1));
}

const decodeOptions: DecodeOptions = {
  allowIndefinite: false,
  allowUndefined: false,
  allowInfinity: false,
  allowNaN: false,
  allowBigInt: true,
  strict: true,
  rejectDuplicateMapKeys: true,
  tags: { [LINK_TAG]: link },
};

/** Decodes bytes that must be canonical: anything `encode` would not have written is refused with `IPLD_INVALID`. */
export function decode(bytes: Uint8Array): Ipld {
  try {
    const value = cborDecode(bytes, { ...decodeOptions, tokenizer: new LosslessTokenizer(bytes, decodeOptions) }) as Ipld;
    const again = encode(value);
    if (again.length !== bytes.length || !again.every((byte, i) => byte === bytes[i])) {
      throw new DocketError('IPLD_INVALID', 'the DAG-CBOR is not canonical');
    }
    return value;
  } catch (cause) {
    if (cause instanceof DocketError) throw cause;
    throw new DocketError('IPLD_INVALID', `not DAG-CBOR: ${(cause as Error).message}`, { cause });
  }
}
