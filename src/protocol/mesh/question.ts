import { encode } from '../../ipld/dag-cbor.ts';
import type { IpldMap } from '../../ipld/value.ts';
import { MESH_VERSION } from './member.ts';
import { misfit, readMessage, type Refused, text } from './message.ts';

/** What members ask each other: `{v, ask, …}`, and are answered: `{v, …}`. What else is in it each kind says itself. */

/** Words of `[a-z-]`. */
const KIND = /^[a-z][a-z-]*$/;
const LONGEST_KIND = 32;

export function encodeQuestion(ask: string, parts: IpldMap): Uint8Array {
  return encode({ ...parts, v: MESH_VERSION, ask });
}

/** `parts`: all of the map; nothing in it but the kind was looked at. */
export function decodeQuestion(bytes: Uint8Array): { readonly ask: string; readonly parts: IpldMap } | Refused {
  return readMessage(bytes, (parts) => {
    const ask = text(parts, 'ask', LONGEST_KIND);
    return KIND.test(ask) ? { ask, parts } : misfit('ask is not the name of a kind');
  });
}

export function encodeAnswer(parts: IpldMap): Uint8Array {
  return encode({ ...parts, v: MESH_VERSION });
}

/** What `read` makes of an answer, with the readers of `message.ts`. */
export function decodeAnswer<T>(bytes: Uint8Array, read: (parts: IpldMap) => T): { readonly answer: T } | Refused {
  return readMessage(bytes, (parts) => ({ answer: read(parts) }));
}
