import type { CID } from '../ipld/cid.ts';

/**
 * A directory as one DAG-CBOR map: path → entry. Paths are relative, `/`-separated, NFC-agnostic (bytes as given), without
 * empty, `.` or `..` parts; a directory stands in the map only if it is empty. One encoding per directory.
 */
export type TreeEntry =
  | { readonly cid: CID; readonly size: number; readonly executable: boolean }
  | { readonly link: string }
  | { readonly directory: true };

export type Tree = Readonly<Record<string, TreeEntry>>;
