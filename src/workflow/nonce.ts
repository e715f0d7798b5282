import { base32hex } from 'multiformats/bases/base32';
import { sha256 } from '../ipld/hash.ts';

/** Homestar's nonces: 12 bytes (xid) or 16 (uuid), as bytes or in base32hex without padding; `""` is none. */
export function isNonce(value: unknown): value is string | Uint8Array {
  if (value === '') return true;
  if (value instanceof Uint8Array) return isNonceLength(value.length);
  if (typeof value !== 'string') return false;
  try {
    return isNonceLength(base32hex.baseDecode(value).length);
  } catch {
    return false;
  }
}

/** The nonce for a text an author chose: itself if it is one, else 16 bytes of its SHA2-256, so that other implementations accept it. */
export function nonceOf(text: string): string | Uint8Array {
  return isNonce(text) ? text : sha256(new TextEncoder().encode(text)).slice(0, 16);
}

function isNonceLength(bytes: number): boolean {
  return bytes === 12 || bytes === 16;
}
