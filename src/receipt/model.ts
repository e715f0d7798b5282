import type { CID } from '../ipld/cid.ts';
import type { Float, Ipld, IpldMap } from '../ipld/value.ts';

/** The encoded record, described in `docs/formats.md`. Its CID is DAG-CBOR + SHA3-256 over these five keys. */
export interface Receipt {
  /** The invocation that ran: CID of `{task}`. */
  readonly ran: CID;
  readonly out: Out;
  readonly meta: ReceiptMeta;
  /** DID of the key that signed. */
  readonly iss: string;
  /** Proofs, carried and never judged. */
  readonly prf: readonly Ipld[];
}

/** `just` comes from Homestar, for a value that is neither success nor failure; it is never issued here and read as `ok`. */
export type Out = readonly [tag: 'ok' | 'error' | 'just', value: Ipld];

/** What is known of an execution besides its result. Later versions may add keys. */
export interface ReceiptMeta {
  /** The function called for `wasm/run`, as in Homestar; else the op. */
  readonly op: string;
  readonly instruction: CID;
  /** The resolved key, 32 bytes; absent if the promises could not be resolved. */
  readonly key?: Uint8Array;
  /** Absent if the op has none, or it could not be had. */
  readonly module?: CID;
  /** Modules whose functions it imported, by the name it imported them from; absent if there are none. */
  readonly extensions?: { readonly [name: string]: CID };
  /** Milliseconds since the Unix epoch, whole. */
  readonly started: number;
  readonly usage: ReceiptUsage;
  /** Those of the task in whole units: bytes, milliseconds, descriptors, units of fuel. */
  readonly limits: { readonly [limit: string]: number | bigint };
  /** What a function of a component wrote beside what it returned; absent if nothing. */
  readonly logs?: { readonly stdout: Ipld; readonly stderr: Ipld };
  /** What the task was granted; empty for a pure one. */
  readonly grants: readonly string[];
  /** DID of the agent that ran it. */
  readonly agent: string;
  /** Counts from 1. */
  readonly attempt: number;
  /** Version of Docket. */
  readonly docket: string;
  /** The kind of processor, as Node.js names it: `x64`. Absent in receipts of before there was a mesh. */
  readonly cpu?: string;
}

/** As `Usage`, with the milliseconds in the form of IPLD floats (see `float`). */
interface ReceiptUsage {
  readonly wall: number | Float;
  readonly cpu: number | Float;
  readonly memory: number;
  readonly output: number;
  readonly fuel?: number | bigint;
}

/** A receipt as plain IPLD, in a form the codecs take. */
export function toIpld({ ran, out, meta, iss, prf }: Receipt): IpldMap {
  // Interfaces have no index signature, so the compiler cannot see that every key of `meta` is IPLD.
  return { ran, out, meta: meta as unknown as IpldMap, iss, prf };
}
