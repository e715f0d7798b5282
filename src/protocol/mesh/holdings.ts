import * as Cid from '../../ipld/cid.ts';
import { isLink, isList, type Ipld } from '../../ipld/value.ts';
import { canonicalVersion } from '../../manifest/version.ts';
import { count, data, flag, link, list, misfit, readMessage, type Refused, text } from './message.ts';
import { encodeAnswer, encodeQuestion } from './question.ts';

/**
 * What members ask each other about blobs and names. Who is asked tells of its own home alone, and asks nobody else.
 *
 * - `has`: `{cids, everybody}` → `{held: [[index, size]…]}`. Who holds none of them answers only if everybody is to.
 * - `module`: `{reference}` → `{version, manifest, module}` of the version it would take. `alias`: `{name}` → `{blob}`. Who does not know does not answer.
 * - `piece`: `{cid, offset, length}` → `{size, bytes}`: at most `length` bytes of the blob from `offset` on, fewer only at its end.
 */

/** CIDs in one question. */
export const MOST_ASKED = 256;
const LONGEST_REFERENCE = 300;

export interface HasQuestion {
  readonly cids: readonly Cid.CID[];
  readonly everybody: boolean;
}

/** By the index of its CID in the question; sizes in bytes. */
export type Held = ReadonlyMap<number, number>;

export interface ModuleAnswer {
  /** In full, as `canonicalVersion` has it. */
  readonly version: string;
  /** The blob of its text, and that of its module. */
  readonly manifest: Cid.CID;
  readonly module: Cid.CID;
}

export interface PieceQuestion {
  readonly cid: Cid.CID;
  readonly offset: number;
  readonly length: number;
}

export interface Piece {
  /** Of the whole blob. */
  readonly size: number;
  readonly bytes: Uint8Array;
}

export function encodeHas({ cids, everybody }: HasQuestion): Uint8Array {
  return encodeQuestion('has', { cids: [...cids], everybody });
}

export function decodeHas(bytes: Uint8Array): HasQuestion | Refused {
  return readMessage(bytes, (parts) => ({
    cids: list(parts, 'cids', MOST_ASKED, stored),
    everybody: flag(parts, 'everybody'),
  }));
}

export function encodeHeld(held: Held): Uint8Array {
  return encodeAnswer({ held: [...held].map(([index, size]) => [index, size]) });
}

/** `asked`: how many CIDs were. */
export function decodeHeld(bytes: Uint8Array, asked: number): { readonly held: Held } | Refused {
  return readMessage(bytes, (parts) => ({ held: new Map(list(parts, 'held', asked, (item, name) => pair(item, name, asked))) }));
}

export function encodeModuleQuestion(reference: string): Uint8Array {
  return encodeQuestion('module', { reference });
}

export function decodeModuleQuestion(bytes: Uint8Array): { readonly reference: string } | Refused {
  return readMessage(bytes, (parts) => ({ reference: text(parts, 'reference', LONGEST_REFERENCE) }));
}

export function encodeModuleAnswer({ version, manifest, module }: ModuleAnswer): Uint8Array {
  return encodeAnswer({ version, manifest, module });
}

export function decodeModuleAnswer(bytes: Uint8Array): ModuleAnswer | Refused {
  return readMessage(bytes, (parts) => {
    const version = text(parts, 'version', 100);
    if (canonicalVersion(version) !== version) misfit('version is none, or not written as such are');
    return { version, manifest: stored(link(parts, 'manifest'), 'manifest'), module: stored(link(parts, 'module'), 'module') };
  });
}

export function encodeAliasQuestion(name: Cid.CID): Uint8Array {
  return encodeQuestion('alias', { name });
}

export function decodeAliasQuestion(bytes: Uint8Array): { readonly name: Cid.CID } | Refused {
  return readMessage(bytes, (parts) => {
    const name = link(parts, 'name');
    return Cid.isUnixFs(name) ? { name } : misfit('name is not that of a file in UnixFS');
  });
}

export function encodeAliasAnswer(blob: Cid.CID): Uint8Array {
  return encodeAnswer({ blob });
}

export function decodeAliasAnswer(bytes: Uint8Array): { readonly blob: Cid.CID } | Refused {
  return readMessage(bytes, (parts) => ({ blob: stored(link(parts, 'blob'), 'blob') }));
}

export function encodePieceQuestion({ cid, offset, length }: PieceQuestion): Uint8Array {
  return encodeQuestion('piece', { cid, offset, length });
}

export function decodePieceQuestion(bytes: Uint8Array): PieceQuestion | Refused {
  return readMessage(bytes, (parts) => ({
    cid: stored(link(parts, 'cid'), 'cid'),
    offset: count(parts, 'offset'),
    length: count(parts, 'length', { least: 1 }),
  }));
}

export function encodePiece({ size, bytes }: Piece): Uint8Array {
  return encodeAnswer({ size, bytes });
}

export function decodePiece(bytes: Uint8Array): Piece | Refused {
  return readMessage(bytes, (parts) => ({ size: count(parts, 'size'), bytes: data(parts, 'bytes') }));
}

function stored(item: Ipld, name: string): Cid.CID {
  return isLink(item) && Cid.isStored(item) ? item : misfit(`${name} names no blob`);
}

function pair(item: Ipld, name: string, asked: number): [number, number] {
  if (!isList(item) || item.length !== 2) misfit(`${name} is not a pair`);
  const [index, size] = item;
  if (typeof index !== 'number' || !Number.isSafeInteger(index) || index < 0 || index >= asked)
    misfit(`${name} names no CID of the question`);
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) misfit(`${name} has a size that is none`);
  return [index, size];
}
