import { isDocketError } from '../../errors.ts';
import type { CID } from '../../ipld/cid.ts';
import { decode } from '../../ipld/dag-cbor.ts';
import { Float, type Ipld, type IpldMap, isLink, isList, isMap } from '../../ipld/value.ts';
import { MESH_VERSION } from './member.ts';

/**
 * Reading what members send: DAG-CBOR maps with the version under `v`. Anybody who has the engine's credentials can send anything, so shapes and bounds are
 * checked whole before anything is done with a message; keys that are not known are of a later Docket, and left alone.
 */

/**
 * Why a message was not read: it is larger than any is, no DAG-CBOR map, of a newer version, or has a part that is missing, of the wrong kind, or out of bounds.
 */
export type RefusedBecause = 'large' | 'garbage' | 'newer' | 'shape';

export interface Refused {
  readonly refused: RefusedBecause;
  /** For people. */
  readonly problem: string;
}

/** Bytes; what NATS can be made to carry at most. */
const LARGEST = 64 * 2 ** 20;

/** Of runs, and its inverse the least; more than anybody can ask for. */
const MOST_WEIGHT = 1_000;

/** Leaves a decoder, and never this folder. */
class Misfit extends Error {}

/** What `read` makes of a message of this version; `read` may use the readers below. */
export function readMessage<T>(bytes: Uint8Array, read: (map: IpldMap) => T): T | Refused {
  if (bytes.length > LARGEST) return { refused: 'large', problem: `it has ${bytes.length} bytes` };
  try {
    const value = decode(bytes);
    if (!isMap(value)) return { refused: 'garbage', problem: 'it is not a map' };
    const version = own(value, 'v');
    if (typeof version === 'number' && version > MESH_VERSION) return { refused: 'newer', problem: `it is of version ${version}` };
    if (version !== MESH_VERSION) throw new Misfit('v is not the number of a version');
    return read(value);
  } catch (error) {
    return refusedBy(error);
  }
}

/** What `read` makes of a part of a message, or why nothing: the others may be fine. */
export function readPart<T>(read: () => T): { readonly part: T } | Refused {
  try {
    return { part: read() };
  } catch (error) {
    return refusedBy(error);
  }
}

/** Throws what is a mistake of this reader. */
function refusedBy(error: unknown): Refused {
  if (error instanceof Misfit) return { refused: 'shape', problem: error.message };
  if (isDocketError(error)) return { refused: error.code === 'IPLD_INVALID' ? 'garbage' : 'shape', problem: error.message };
  throw error;
}

export function misfit(problem: string): never {
  throw new Misfit(problem);
}

export function own(map: IpldMap, key: string): Ipld | undefined {
  return Object.hasOwn(map, key) ? map[key] : undefined;
}

/** `most`: characters. */
export function text(map: IpldMap, key: string, most: number): string {
  const value = own(map, key);
  if (typeof value !== 'string') misfit(`${key} is not a string`);
  if (value.length > most) misfit(`${key} has more than ${most} characters`);
  return value;
}

export function flag(map: IpldMap, key: string): boolean {
  const value = own(map, key);
  if (typeof value !== 'boolean') misfit(`${key} is not true or false`);
  return value;
}

/** A whole number. */
export function count(map: IpldMap, key: string, { least = 0, most = Number.MAX_SAFE_INTEGER } = {}): number {
  const value = own(map, key);
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) misfit(`${key} is not a whole number`);
  if (value < least || value > most) misfit(`${key} is not from ${least} to ${most}`);
  return value;
}

/** Any number. */
export function amount(map: IpldMap, key: string, { least = 0, most = Number.MAX_VALUE } = {}): number {
  const value = own(map, key);
  const plain = value instanceof Float ? value.value : value;
  if (typeof plain !== 'number') misfit(`${key} is not a number`);
  if (plain < least || plain > most) misfit(`${key} is not from ${least} to ${most}`);
  return plain;
}

/** Of a run beside others. Shares are divided by it, so it is never nothing. */
export function weightOf(map: IpldMap): number {
  return amount(map, 'weight', { least: 1 / MOST_WEIGHT, most: MOST_WEIGHT });
}

/** `most`: of its length. */
export function data(map: IpldMap, key: string, most = LARGEST): Uint8Array {
  const value = own(map, key);
  if (!(value instanceof Uint8Array)) misfit(`${key} is not bytes`);
  if (value.length > most) misfit(`${key} has more than ${most} bytes`);
  return value;
}

export function link(map: IpldMap, key: string): CID {
  const value = own(map, key);
  if (!isLink(value)) misfit(`${key} is not a link`);
  return value;
}

/** Each item as `read` has it, which is told what to call it. */
export function list<T>(map: IpldMap, key: string, most: number, read: (item: Ipld, name: string) => T): T[] {
  const value = own(map, key);
  if (!isList(value)) misfit(`${key} is not a list`);
  if (value.length > most) misfit(`${key} has more than ${most} items`);
  return value.map((item, i) => read(item, `${key}[${i}]`));
}

/** A list of maps. */
export function maps<T>(map: IpldMap, key: string, most: number, read: (item: IpldMap) => T): T[] {
  return list(map, key, most, (item, name) => {
    if (!isMap(item)) misfit(`${name} is not a map`);
    return read(item);
  });
}

/** A list of strings. */
export function texts(map: IpldMap, key: string, { most, longest }: { readonly most: number; readonly longest: number }): string[] {
  return list(map, key, most, (item, name) => {
    if (typeof item !== 'string' || item.length > longest) misfit(`${name} is not a string of at most ${longest} characters`);
    return item;
  });
}

/** A map whose keys are data: `read` gets each of its entries. */
export function entries<T>(map: IpldMap, key: string, most: number, read: (value: Ipld, name: string) => T): Record<string, T> {
  const value = own(map, key);
  if (!isMap(value)) misfit(`${key} is not a map`);
  const found = Object.entries(value);
  if (found.length > most) misfit(`${key} has more than ${most} entries`);
  // Not by assignment, which would change the prototype for one of its names.
  return Object.fromEntries(found.map(([name, item]) => [name, read(item, name)]));
}
