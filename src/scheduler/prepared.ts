import type { Ipld } from '../ipld/value.ts';
import type { Key } from '../receipt/key.ts';

/** A task whose promises are resolved: its input and the resolved key of that. */
export interface Prepared {
  readonly input: Ipld;
  readonly key: Key;
  /** When it was looked up, as the claims of the home count. */
  readonly since: number;
}
