/**
 * Fields of a protocol buffer as they lie in its bytes: https://protobuf.dev/programming-guides/encoding. Only what the messages of Bazel's cache need:
 * integers up to 2^53 and bytes. Written by hand since a library and its generated code are a hundred times as much.
 */

export type Field = { readonly number: number } & ({ readonly bytes: Uint8Array } | { readonly integer: number });

/** The bytes are no message of the kind expected. */
export class MessageInvalid extends Error {}

const VARINT = 0;
const FIXED_64 = 1;
const BYTES = 2;
const FIXED_32 = 5;

/** In the order they come, unknown ones too. Throws `MessageInvalid`. */
export function* fields(message: Uint8Array): Generator<Field> {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = message[at++];
      if (byte === undefined || scale > 2 ** 63) throw new MessageInvalid('a number is cut off or has more than 64 bits');
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  };
  const skip = (length: number): Uint8Array => {
    const end = at + length;
    if (end > message.length) throw new MessageInvalid('a field is cut off');
    const bytes = message.subarray(at, end);
    at = end;
    return bytes;
  };
  while (at < message.length) {
    const tag = varint();
    const number = Math.floor(tag / 8);
    if (number === 0 || number >= 2 ** 29) throw new MessageInvalid('a field has no number');
    switch (tag % 8) {
      case VARINT:
        yield { number, integer: varint() };
        break;
      case FIXED_64:
        skip(8);
        break;
      case BYTES:
        yield { number, bytes: skip(varint()) };
        break;
      case FIXED_32:
        skip(4);
        break;
      default:
        throw new MessageInvalid('a field is of no kind there is');
    }
  }
}

/** The bytes of a field that cannot hold an integer. Throws `MessageInvalid`. */
export function bytesOf(field: Field): Uint8Array {
  if ('bytes' in field) return field.bytes;
  throw new MessageInvalid(`field ${field.number} holds a number`);
}
