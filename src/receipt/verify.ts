import { DocketError } from '../errors.ts';
import { type CID, isOfValueBytes, ofValueBytes } from '../ipld/cid.ts';
import { decode as decodeCbor, decodeKey } from '../ipld/dag-cbor.ts';
import { type FindVerifier, verifierFor } from '../ipld/identity.ts';
import type { Ipld } from '../ipld/value.ts';
import { type Envelope, open } from './envelope.ts';
import type { Out, Receipt } from './model.ts';
import { outcomeOf } from './out.ts';
import { asReceipt, misshapen } from './shape.ts';

/** What can be wrong with the bytes of a receipt, in the order of checking. */
export type Check =
  /** Not DAG-CBOR of `{r, s}` with a signature of 64 bytes. Nothing else can be checked then. */
  | 'envelope'
  /** The receipt's CID is not the expected one. */
  | 'cid'
  /** The receipt is not canonical DAG-CBOR. Only envelope and CID can be checked then. */
  | 'encoding'
  /** Keys are missing, unknown or of the wrong kind. */
  | 'shape'
  /** `out` is neither `["ok", value]` nor `["error", {code, message, data}]`. */
  | 'outcome'
  /** `iss` is not an Ed25519 `did:key`. */
  | 'issuer'
  /** The signature is not one of the receipt by its issuer. */
  | 'signature';

export interface Finding {
  readonly check: Check;
  readonly message: string;
}

export interface Decoded {
  readonly cid: CID;
  readonly receipt: Receipt;
  /** 64 bytes. */
  readonly signature: Uint8Array;
}

/** Reads an envelope without judging its signature. Throws `IPLD_INVALID`. */
export function decode(bytes: Uint8Array): Decoded {
  const envelope = open(bytes);
  if (envelope === undefined) throw new DocketError('IPLD_INVALID', 'a receipt is not in an envelope {r, s}');
  return { cid: ofValueBytes(envelope.r), receipt: receiptOf(envelope), signature: envelope.s.slice() };
}

/**
 * The receipt of this CID, or undefined if `bytes` are not an envelope around it. For bytes that were verified when they entered: the
 * CID covers everything but the signature, which is not looked at.
 */
export function decodeAs(cid: CID, bytes: Uint8Array): Receipt | undefined {
  const envelope = openAs(cid, bytes);
  try {
    return envelope && receiptOf(envelope);
  } catch {
    return undefined;
  }
}

/** As `decodeAs`, but only what came out: a memo hit needs no more, and the rest takes most of the time. */
export function outAs(cid: CID, bytes: Uint8Array): Out | undefined {
  const envelope = openAs(cid, bytes);
  try {
    const out = envelope && decodeKey(envelope.r, 'out');
    if (out === undefined) return undefined;
    outcomeOf(out);
    return out as unknown as Out;
  } catch {
    return undefined;
  }
}

/** Who is named as the issuer, of bytes that were verified when they entered; undefined if they are not a receipt. */
export function issuerOf(bytes: Uint8Array): string | undefined {
  const envelope = open(bytes);
  try {
    const iss = envelope && decodeKey(envelope.r, 'iss');
    return typeof iss === 'string' ? iss : undefined;
  } catch {
    return undefined;
  }
}

function openAs(cid: CID, bytes: Uint8Array): Envelope | undefined {
  const envelope = open(bytes);
  return envelope !== undefined && isOfValueBytes(cid, envelope.r) ? envelope : undefined;
}

function receiptOf({ r }: Envelope): Receipt {
  const value = decodeCbor(r);
  const problem = misshapen(value);
  if (problem !== undefined) throw new DocketError('IPLD_INVALID', `not a receipt: ${problem}`);
  const receipt = asReceipt(value);
  outcomeOf(receipt.out);
  return receipt;
}

/** Everything that is wrong with `bytes`; empty if the receipt is sound. Whether its issuer is to be trusted is another question. */
export function verify(bytes: Uint8Array, expected?: CID): readonly Finding[] {
  const examined = examine(bytes, expected);
  return 'findings' in examined ? examined.findings : [];
}

export type Examined = { readonly findings: readonly Finding[] } | { readonly sound: Omit<Decoded, 'signature'> };

/** As `verify`, and gives what was read on the way: of a sound receipt nothing is read twice. */
export function examine(bytes: Uint8Array, expected?: CID, verifiers: FindVerifier = verifierFor): Examined {
  const envelope = open(bytes);
  if (envelope === undefined)
    return { findings: [{ check: 'envelope', message: 'the bytes are not DAG-CBOR of {r, s} with a signature of 64 bytes' }] };
  const findings: Finding[] = [];
  const cid = ofValueBytes(envelope.r);
  if (expected !== undefined && cid.toString() !== expected.toString())
    findings.push({ check: 'cid', message: `the receipt is ${cid}, not ${expected}` });
  let value: Ipld;
  try {
    value = decodeCbor(envelope.r);
  } catch (error) {
    return { findings: [...findings, { check: 'encoding', message: (error as Error).message }] };
  }
  const problem = misshapen(value);
  if (problem !== undefined) return { findings: [...findings, { check: 'shape', message: `not a receipt: ${problem}` }] };
  const receipt = asReceipt(value);
  findings.push(...judge(receipt, envelope, verifiers));
  return findings.length === 0 ? { sound: { cid, receipt } } : { findings };
}

function* judge({ out, iss }: Receipt, { r, s }: Envelope, verifiers: FindVerifier): Generator<Finding> {
  try {
    outcomeOf(out);
  } catch (error) {
    yield { check: 'outcome', message: (error as Error).message };
  }
  const isOfIssuer = verifiers(iss);
  if (isOfIssuer === undefined) yield { check: 'issuer', message: `the issuer ${JSON.stringify(iss)} is not an Ed25519 did:key` };
  else if (!isOfIssuer(r, s)) yield { check: 'signature', message: `the signature is not one of this receipt by ${iss}` };
}
