import type { ManifestRow } from '../manifest/row.ts';
import { readCid } from './read-cid.ts';
import type { Reading } from './reading.ts';

/** Reads of named modules. */

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
