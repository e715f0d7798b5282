import type { CID } from '../ipld/cid.ts';
import type { MemoTable } from '../ledger/ledger.ts';
import type { Expected } from '../receipt/judge.ts';
import type { Receipt } from '../receipt/model.ts';
import type { Outcome } from '../receipt/outcome.ts';
import type { Refusal } from '../receipt/trust.ts';

/** Where results of other agents are found: what a coordinator needs of a mesh. */
export interface SharedResults {
  /**
   * What is known under these keys, in this order. Ends within about a second, and never rejects: who cannot be asked knows nothing.
   * All that it gives was verified, and its issuer is believed.
   */
  find(questions: readonly Question[], asking?: Asking): Promise<readonly Answer[]>;
}

export interface Asking {
  /** For how many ms it is asked again as long as the answer is not certain. Default 0. */
  readonly patience?: number;
  /** Nobody waits for the answer any more. */
  readonly signal?: AbortSignal;
}

export interface Question {
  readonly table: MemoTable;
  /** 32 bytes. */
  readonly key: Uint8Array;
  /** What the receipt must say. */
  readonly expected: Expected;
  /** How many receipts of different issuers are of use. */
  readonly most: number;
}

export interface Answer {
  readonly found: readonly FoundResult[];
  /** What was found and is not used. */
  readonly refused: readonly Refusal[];
}

export interface FoundResult {
  readonly cid: CID;
  /** As signed. */
  readonly bytes: Uint8Array;
  readonly receipt: Receipt;
  readonly outcome: Outcome;
  /** Who says that it belongs to a declared key. */
  readonly heardOf: string | undefined;
  /** Small blobs the result names, by lower-case hex SHA2-256; verified. */
  readonly small: ReadonlyMap<string, Uint8Array>;
  /** Larger ones, with their sizes in bytes, and who held them when this was filed. */
  readonly held: readonly { readonly cid: CID; readonly size: number }[];
  readonly holder: string;
}
