import type { CID } from '../ipld/cid.ts';

/** A version of a name, as a home keeps it. */
export interface ManifestRow {
  /** As it is looked up, and as it is shown. */
  readonly name: string;
  readonly shown: string;
  /** Spelled out, as `1.0.0`, and as the manifest has it. */
  readonly version: string;
  readonly written: string;
  /** The blob of its text. */
  readonly manifest: CID;
  /** Null as long as it was not sent. */
  readonly module: CID | null;
  readonly isRemoved: boolean;
  /** When it was named, in milliseconds since the epoch. */
  readonly at: number;
}

/** One that has its module. */
export interface NamedModule extends ManifestRow {
  readonly module: CID;
}
