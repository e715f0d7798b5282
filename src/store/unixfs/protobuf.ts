/**
 * As much of protobuf as dag-pb and UnixFS are written in: varints and bytes with a length (https://protobuf.dev/programming-guides/encoding).
 * Reading is strict, since the bytes are a stranger's.
 */

/** A message that breaks a rule. Never leaves this folder. */
export class Malformed extends Error {}

export type Field =
  | { readonly number: number; readonly kind: 'varint'; readonly value: number }
  | { readonly number: number; readonly kind: 'bytes'; readonly value: Uint8Array };

const VARINT = 0;
const BYTES = 2;
/** Of a number below 2^53. */
const LONGEST_VARINT = 8;

/** The fields of a message in their order; bytes are views into it. Throws `Malformed`. */
export function* fieldsOf(message: Uint8Array): Generator<Field> {
  let at = 0;
  const varint = (): number => {
    const read = readVarint(message, at);
    if (read === undefined) throw new Malformed('it ends inside of a number');
    at = read.end;
    return read.value;
  };
  while (at < message.length) {
    const tag = varint();
    const number = Math.floor(tag / 8);
    if (number === 0) throw new Malformed('a field has the number 0');
    switch (tag % 8) {
      case VARINT:
        yield { number, kind: 'varint', value: varint() };
        break;
      case BYTES: {
        const length = varint();
        if (length > message.length - at) throw new Malformed(`field ${number} is longer than what holds it`);
        yield { number, kind: 'bytes', value: message.subarray(at, (at += length)) };
        break;
      }
      default:
        throw new Malformed(`field ${number} has the wire type ${tag % 8}`);
    }
  }
}

/** The number that begins at `at`; undefined if the bytes end inside of it. Throws `Malformed` for one that is longer than it need be, or above 2^53 - 1. */
export function readVarint(bytes: Uint8Array, at: number): { readonly value: number; readonly end: number } | undefined {
  let value = 0;
  let scale = 1;
  for (let i = 0; i < LONGEST_VARINT; i++) {
    const byte = bytes[at + i];
    if (byte === undefined) return undefined;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) {
      if (byte === 0 && i > 0) throw new Malformed('a number is longer than it need be');
      if (!Number.isSafeInteger(value)) break;
      return { value, end: at + i + 1 };
    }
    scale *= 0x80;
  }
  throw new Malformed('a number is above 2^53');
}

/** A message, written front to back. */
export class Message {
  readonly #parts: number[] = [];

  varint(number: number, value: number): void {
    this.#number(number * 8 + VARINT);
    this.#number(value);
  }

  bytes(number: number, value: Uint8Array): void {
    this.#number(number * 8 + BYTES);
    this.#number(value.length);
    for (const byte of value) this.#parts.push(byte);
  }

  finish(): Uint8Array {
    return Uint8Array.from(this.#parts);
  }

  #number(value: number): void {
    let rest = value;
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) this.#parts.push((rest % 0x80) | 0x80);
    this.#parts.push(rest);
  }
}
