import type { Codec, CoreType, CoreValue, Source } from './codec.ts';
import { SEQUENCE_WEIGHT, VALUE_WEIGHT, type Weight } from './meter.ts';
import type { Passage } from './region.ts';
import { trap } from './trap.ts';

/** Strings and lists: an address and a length, with their contents in memory. */

const POINTER_AND_LENGTH: readonly CoreType[] = ['i32', 'i32'];

const TEXT: Weight = { weight: SEQUENCE_WEIGHT, items: 0 };

/** A codec of what lies elsewhere in memory, by how it is read and written there. */
function sequence(
  type: Codec['type'],
  depth: number,
  get: (pass: Passage, address: number, length: number) => unknown,
  put: (pass: Passage, value: unknown) => readonly [address: number, length: number],
): Codec {
  return {
    type,
    size: 8,
    align: 4,
    depth,
    weight: VALUE_WEIGHT,
    items: 1,
    flat: POINTER_AND_LENGTH,
    load: (pass, at) => get(pass, pass.region.view.getUint32(at, true), pass.region.view.getUint32(at + 4, true)),
    store: (pass, value, at) => {
      const [address, length] = put(pass, value);
      pass.region.view.setUint32(at, address, true);
      pass.region.view.setUint32(at + 4, length, true);
    },
    lift: (pass, from: Source) => {
      const address = from.next() as number;
      return get(pass, address >>> 0, (from.next() as number) >>> 0);
    },
    lower: (pass, value, into: CoreValue[]) => {
      const [address, length] = put(pass, value);
      into.push(address | 0, length | 0);
    },
  };
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const UTF16 = new TextDecoder('utf-16le', { fatal: true, ignoreBOM: true });

/** In the encoding `latin1+utf16`: this many code units, not bytes of Latin-1. */
const IS_UTF16 = 2 ** 31;

export const STRING: Codec = sequence({ kind: 'string' }, 1, getString, putString);

function getString({ region }: Passage, address: number, length: number): string {
  switch (region.text) {
    case 'utf8':
      return decode(UTF8, region.lift(address, length, 1, TEXT));
    case 'utf16':
      return decode(UTF16, region.lift(address, length * 2, 2, TEXT));
    case 'latin1+utf16':
      if (length >= IS_UTF16) return decode(UTF16, region.lift(address, (length - IS_UTF16) * 2, 2, TEXT));
      return Buffer.from(region.lift(address, length, 2, TEXT)).toString('latin1');
  }
}

/** What is not well formed traps, as the canonical ABI has it: replacing it would make one value of many. */
function decode(decoder: TextDecoder, bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) throw trap(`a string is not valid ${decoder.encoding.toUpperCase()}`);
    throw error;
  }
}

function putString({ region }: Passage, value: unknown): readonly [number, number] {
  const text = value as string;
  if (region.text === 'utf8') {
    const bytes = Buffer.from(text);
    return [putBytes(region, bytes, 1), bytes.length];
  }
  if (region.text === 'latin1+utf16' && isLatin1(text)) return [putBytes(region, Buffer.from(text, 'latin1'), 2), text.length];
  const address = putBytes(region, Buffer.from(text, 'utf16le'), 2);
  return [address, region.text === 'utf16' ? text.length : text.length + IS_UTF16];
}

function isLatin1(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0xff) return false;
  return true;
}

function putBytes(region: Passage['region'], bytes: Uint8Array, align: number): number {
  const at = region.allocate(bytes.length, align, SEQUENCE_WEIGHT);
  region.write(bytes, at);
  return at;
}

/** Machines that Docket runs on have the byte order of WebAssembly. */
const TYPED = {
  u8: Uint8Array,
  s8: Int8Array,
  u16: Uint16Array,
  s16: Int16Array,
  u32: Uint32Array,
  s32: Int32Array,
  u64: BigUint64Array,
  s64: BigInt64Array,
  f32: Float32Array,
  f64: Float64Array,
} as const;

type TypedArray = InstanceType<(typeof TYPED)[keyof typeof TYPED]>;

export function listOf(element: Codec): Codec {
  const type = { kind: 'list', element: element.type } as const;
  const kind = element.type.kind;
  const typed = kind in TYPED ? TYPED[kind as keyof typeof TYPED] : undefined;
  if (typed === undefined) return sequence(type, element.depth + 1, getList(element), putList(element));
  // Bytes are one value, numbers one each.
  const items = kind === 'u8' ? 0 : 1;
  const get = ({ region }: Passage, address: number, length: number): unknown => {
    const at = region.lift(address, length * element.size, element.align, {
      weight: SEQUENCE_WEIGHT,
      items: length * items,
    });
    // Small copies lie in V8's own heap, at a quarter of what an array costs that has a buffer of its own.
    return new typed(at.buffer, at.byteOffset, length).slice();
  };
  const put = (pass: Passage, value: unknown): readonly [number, number] => {
    if (!(value instanceof typed)) return putList(element)(pass, value);
    const { buffer, byteOffset, byteLength, length } = value as TypedArray;
    return [putBytes(pass.region, new Uint8Array(buffer, byteOffset, byteLength), element.align), length];
  };
  return sequence(type, element.depth + 1, get, put);
}

function getList(element: Codec): (pass: Passage, address: number, length: number) => unknown[] {
  return (pass, address, length) => {
    const { size, align, weight, items: each } = element;
    pass.region.lift(address, length * size, align, { weight: SEQUENCE_WEIGHT + length * weight, items: length * each });
    const items: unknown[] = [];
    for (let i = 0; i < length; i++) items.push(element.load(pass, address + i * size));
    return items;
  };
}

function putList(element: Codec): (pass: Passage, value: unknown) => readonly [number, number] {
  return (pass, value) => {
    const { size, align } = element;
    const items = value as ArrayLike<unknown>;
    const bytes = items.length * size;
    if (bytes >= 2 ** 32) throw trap(`a list of ${items.length} elements is larger than any memory`);
    const at = pass.region.allocate(bytes, align, SEQUENCE_WEIGHT + items.length * element.weight);
    for (let i = 0; i < items.length; i++) element.store(pass, items[i], at + i * size);
    return [at, items.length];
  };
}
