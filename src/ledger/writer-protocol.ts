import type { Chunk } from './pack.ts';
import type { SqliteFailure } from './sqlite-failure.ts';
import type { Conflicts } from './writing.ts';

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
  /** Closes the database and ends. */
  | { readonly kind: 'close' };

export type Reply =
  /** Durable. `spent` are the chunks of the batch, given back. */
  | { readonly kind: 'done'; readonly conflicts: Conflicts; readonly spent: readonly Chunk[] }
  | { readonly kind: 'checked'; readonly problems: readonly string[] }
  /** The database is closed; the thread ends by itself. */
  | { readonly kind: 'closed' }
  /** The transaction was rolled back. `dangling`: the batch itself was wrong. */
  | { readonly kind: 'failed'; readonly failure: SqliteFailure; readonly dangling: boolean };
