import { createHash } from 'node:crypto';
import { importer, type ImporterOptions } from 'ipfs-unixfs-importer';
import { fixedSize } from 'ipfs-unixfs-importer/chunker';
import { balanced } from 'ipfs-unixfs-importer/layout';
import { encode as encodeCbor } from 'cborg';
import type { CID } from '../../../src/ipld/cid.ts';
import * as Cid from '../../../src/ipld/cid.ts';

/** How Kubo cuts files up by default, spelled out: the defaults of the library are others. */
export const DEFAULT: ImporterOptions = {
  cidVersion: 1,
  rawLeaves: true,
  wrapWithDirectory: false,
  chunker: fixedSize({ chunkSize: 262_144 }),
  layout: balanced({ maxChildrenPerNode: 174 }),
};

/** Bytes that differ from chunk to chunk. */
export function sample(size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size; at += 32) {
    bytes.set(
      createHash('sha256')
        .update(String(at))
        .digest()
        .subarray(0, Math.min(32, size - at)),
      at,
    );
    at += at % 8192 === 0 ? 0 : 8192 - 32 - (at % 8192);
  }
  return bytes;
}

export interface Imported {
  readonly cid: CID;
  /** By CID, in the order in which they were made: leaves first. */
  readonly blocks: Map<string, Uint8Array>;
}

/** What somebody else makes of the bytes. */
export async function imported(bytes: Uint8Array, options: ImporterOptions = DEFAULT): Promise<Imported> {
  const blocks = new Map<string, Uint8Array>();
  const store = {
    put: async (cid: { toString(): string }, block: Uint8Array) => {
      blocks.set(cid.toString(), block);
      return cid;
    },
  };
  for await (const entry of importer([{ content: bytes }], store as never, options))
    return { cid: Cid.parse(entry.cid.toString()), blocks };
  throw new Error('nothing was imported');
}

/** A CAR of these blocks in this order; CIDs as given. */
export function car(roots: readonly CID[], blocks: readonly (readonly [CID, Uint8Array])[]): Uint8Array {
  // A CID in DAG-CBOR is tag 42 before 0 and its bytes.
  const links = roots.map((cid) => Buffer.concat([Buffer.from([0xd8, 0x2a]), encodeCbor(Buffer.concat([Buffer.from([0]), cid.bytes]))]));
  const header = Buffer.concat([
    Buffer.from([0xa2]),
    encodeCbor('roots'),
    Buffer.from([0x80 + links.length]),
    ...links,
    encodeCbor('version'),
    encodeCbor(1),
  ]);
  const sections = blocks.map(([cid, block]) => section(Buffer.concat([cid.bytes, block])));
  return Buffer.concat([section(header), ...sections]);
}

function section(bytes: Uint8Array): Uint8Array {
  return Buffer.concat([varint(bytes.length), bytes]);
}

export function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return Uint8Array.from([...bytes, rest]);
}

/** What somebody else makes of a folder with these files. */
export async function importedFolder(files: Readonly<Record<string, Uint8Array>>, options: ImporterOptions = {}): Promise<Imported> {
  const blocks = new Map<string, Uint8Array>();
  const store = {
    put: async (cid: { toString(): string }, block: Uint8Array) => {
      blocks.set(cid.toString(), block);
      return cid;
    },
  };
  const source = Object.entries(files).map(([path, content]) => ({ path, content }));
  let root: CID | undefined;
  for await (const entry of importer(source, store as never, { ...DEFAULT, ...options, wrapWithDirectory: true }))
    if (entry.path === '' || entry.path === undefined) root = Cid.parse(entry.cid.toString());
  return { cid: root!, blocks };
}

/** A dag-pb node of these links with this data. */
export function node(links: readonly Uint8Array[], data: readonly number[] | undefined): Uint8Array {
  const parts = links.flatMap((each) => [Uint8Array.of(0x12), section(each)]);
  return Buffer.concat(data === undefined ? parts : [...parts, Uint8Array.of(0x0a), section(Uint8Array.from(data))]);
}

/** A link of dag-pb. */
export function link({ bytes }: CID, name: string): Uint8Array {
  return Buffer.concat([Uint8Array.of(0x0a), section(bytes), Uint8Array.of(0x12), section(Buffer.from(name))]);
}
