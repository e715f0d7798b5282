import { encode } from '../../ipld/dag-cbor.ts';
import { count, data, misfit, readMessage, type Refused, text, texts } from './message.ts';
import { encodeAnswer, encodeQuestion } from './question.ts';

/**
 * How a member is asked for its door, and tells of it.
 *
 * - Question `door`: `{seal}`, a public key for X25519 that is made for this question alone, 32 bytes.
 * - Answer: `{seal, sealed, signature}`. `sealed` is the door, encrypted for who asked (`agent/mesh/door-seal.ts`); the signature is the member's, over what
 *   `signedPart` makes of it: an answer to another question, of another member or for another asker is refused.
 */

/** Where a member is reached by other members, and by what they are let in. */
export interface DoorKey {
  /** Names or addresses, tried in this order. */
  readonly hosts: readonly string[];
  readonly port: number;
  /** Of the key; another at each start of the agent. */
  readonly identity: string;
  /** 32 bytes. */
  readonly psk: Uint8Array;
  /** For the requests that are made then. */
  readonly token: string;
}

export interface SealedDoor {
  /** The answering side's public key for X25519. */
  readonly seal: Uint8Array;
  readonly sealed: Uint8Array;
  readonly signature: Uint8Array;
}

const SEAL_LENGTH = 32;
const KEY_LENGTH = 32;
const SIGNATURE_LENGTH = 64;
export const MOST_HOSTS = 16;
/** Of a host's name, by DNS. */
const LONGEST_HOST = 253;
const LONGEST_SEALED = 16 * 1024;

export function encodeDoorQuestion(seal: Uint8Array): Uint8Array {
  return encodeQuestion('door', { seal });
}

export function decodeDoorQuestion(bytes: Uint8Array): { readonly seal: Uint8Array } | Refused {
  return readMessage(bytes, (parts) => ({ seal: exactly(data(parts, 'seal', SEAL_LENGTH), SEAL_LENGTH) }));
}

export function encodeSealedDoor({ seal, sealed, signature }: SealedDoor): Uint8Array {
  return encodeAnswer({ seal, sealed, signature });
}

export function decodeSealedDoor(bytes: Uint8Array): SealedDoor | Refused {
  return readMessage(bytes, (parts) => ({
    seal: exactly(data(parts, 'seal', SEAL_LENGTH), SEAL_LENGTH),
    sealed: data(parts, 'sealed', LONGEST_SEALED),
    signature: exactly(data(parts, 'signature', SIGNATURE_LENGTH), SIGNATURE_LENGTH),
  }));
}

/** What a member signs: nothing else that its key signs has this shape. */
export function signedPart(parts: {
  readonly mesh: string;
  /** DIDs. */
  readonly of: string;
  readonly for: string;
  /** Public keys of both sides. */
  readonly asked: Uint8Array;
  readonly seal: Uint8Array;
  readonly sealed: Uint8Array;
}): Uint8Array {
  return encode({ 'docket-door': { ...parts } });
}

/** What is sealed. */
export function encodeDoor({ hosts, port, identity, psk, token }: DoorKey): Uint8Array {
  return encodeAnswer({ hosts: [...hosts], port, identity, psk, token });
}

export function decodeDoor(bytes: Uint8Array): DoorKey | Refused {
  return readMessage(bytes, (parts) => {
    const hosts = texts(parts, 'hosts', { most: MOST_HOSTS, longest: LONGEST_HOST });
    // They come into a header.
    if (hosts.length === 0 || !hosts.every(isHost)) misfit('hosts is empty, or holds something that is no host');
    const token = text(parts, 'token', 200);
    if (!/^[\w.~+/=-]+$/.test(token)) misfit('token is not one');
    return {
      hosts,
      port: count(parts, 'port', { least: 1, most: 65_535 }),
      identity: text(parts, 'identity', 100),
      psk: exactly(data(parts, 'psk', KEY_LENGTH), KEY_LENGTH),
      token,
    };
  });
}

/** A name, or an address of either version. */
const HOST = /^(?:[\w.-]+|[\da-fA-F:.]*:[\da-fA-F:.]*)$/;

export function isHost(host: string): boolean {
  return host.length <= LONGEST_HOST && HOST.test(host);
}

function exactly(bytes: Uint8Array, length: number): Uint8Array {
  return bytes.length === length ? bytes : misfit(`a key or signature has ${bytes.length} bytes instead of ${length}`);
}
