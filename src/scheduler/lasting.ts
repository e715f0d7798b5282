import type { Ipld } from '../ipld/value.ts';
import type { Durable } from '../workflow/durable.ts';

/** What a task gave, to be put where it outlives whoever has it. */
export interface Lasting {
  readonly value: Ipld;
  readonly durable: Durable;
}

/** Puts them there; for each why it is not there, or undefined if it is for certain. Comes to an end by itself. Throws the signal's reason. */
export type Keep = (outputs: readonly Lasting[], signal: AbortSignal) => Promise<readonly (Error | undefined)[]>;
