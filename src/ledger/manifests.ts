import type { CID } from '../ipld/cid.ts';
import { readCid } from './read-cid.ts';
import type { Reading } from './reading.ts';

/** Reads of named modules. */

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

type Columns = [
  name: string,
  version: string,
  shown: string,
  written: string,
  manifest: Uint8Array,
  module: Uint8Array | null,
  at: number,
  removed: number,
];

const ROWS = 'SELECT name, version, shown, written, manifest, module, at, removed FROM manifests';

/** All that were not removed, or all such versions of one name, by name and in the order they were named. */
export function manifests(reading: Reading, name?: string): ManifestRow[] {
  return (reading.all(`${ROWS} WHERE (?1 IS NULL OR name = ?1) AND removed = 0 ORDER BY name, id`, name ?? null) as Columns[]).map(toRow);
}

/** Of a version that was removed too. */
export function manifest(reading: Reading, name: string, version: string): ManifestRow | undefined {
  const row = reading.get(`${ROWS} WHERE name = ? AND version = ?`, name, version) as Columns | undefined;
  return row && toRow(row);
}

function toRow([name, version, shown, written, cid, module, at, removed]: Columns): ManifestRow {
  const of = `of manifest ${shown}@${version}`;
  return {
    name,
    version,
    shown,
    written,
    manifest: readCid(cid, `the text ${of}`),
    module: module && readCid(module, `the module ${of}`),
    isRemoved: removed !== 0,
    at,
  };
}
