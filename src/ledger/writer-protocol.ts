import type { ConflictBytes } from './apply.ts';
import type { Chunk } from './pack.ts';
import type { SqliteFailure } from './sqlite-error.ts';

/** What the worker is given at its start. */
export interface WriterData {
  readonly path: string;
  /** How long it waits for writers of other processes, in ms. */
  readonly patience: number;
}

export type Request =
  /** Packed rows (`change.ts`), to be written in one transaction. */
  | { readonly kind: 'batch'; readonly rows: readonly Chunk[] }
  /** Looks through the whole database; answers what is wrong with it. */
  | { readonly kind: 'check' }
  /** Moves the write-ahead log into the database and ends. */
  | { readonly kind: 'close' };

export type Reply =
  /** Durable. `call` counts the `ROW.call` rows of the batch from 0. `spent` are its chunks, given back. */
  | { readonly kind: 'done'; readonly conflicts: readonly (ConflictBytes & { readonly call: number })[]; readonly spent: readonly Chunk[] }
  | { readonly kind: 'checked'; readonly problems: readonly string[] }
  /** The transaction was rolled back. `dangling`: the batch itself was wrong. */
  | { readonly kind: 'failed'; readonly failure: SqliteFailure; readonly dangling: boolean };
