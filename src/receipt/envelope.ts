import { SIGNATURE_LENGTH } from '../ipld/signature.ts';

/**
 * How receipts are stored and sent: DAG-CBOR of `{r: receipt, s: signature}`. The signature always has 64 bytes, so the frame
 * around the receipt is constant, and both ways need no codec: the receipt's own bytes are what is hashed and signed.
 */

/** Map of two, key "r". */
const HEAD = Uint8Array.from([0xa2, 0x61, 0x72]);
/** Key "s", 64 bytes. */
const MIDDLE = Uint8Array.from([0x61, 0x73, 0x58, SIGNATURE_LENGTH]);
const FRAME = HEAD.length + MIDDLE.length + SIGNATURE_LENGTH;

export interface Envelope {
  /** The receipt's DAG-CBOR. */
  readonly r: Uint8Array;
  /** Ed25519 over `r`. */
  readonly s: Uint8Array;
}

export function seal({ r, s }: Envelope): Uint8Array {
  const bytes = new Uint8Array(FRAME + r.length);
  bytes.set(HEAD);
  bytes.set(r, HEAD.length);
  bytes.set(MIDDLE, HEAD.length + r.length);
  bytes.set(s, HEAD.length + r.length + MIDDLE.length);
  return bytes;
}

/** Views of `bytes`, or undefined if the frame is another. */
export function open(bytes: Uint8Array): Envelope | undefined {
  const middle = bytes.length - SIGNATURE_LENGTH - MIDDLE.length;
  if (middle < HEAD.length || !stands(HEAD, bytes, 0) || !stands(MIDDLE, bytes, middle)) return undefined;
  return { r: bytes.subarray(HEAD.length, middle), s: bytes.subarray(middle + MIDDLE.length) };
}

function stands(part: Uint8Array, bytes: Uint8Array, at: number): boolean {
  for (let i = 0; i < part.length; i++) if (bytes[at + i] !== part[i]) return false;
  return true;
}
