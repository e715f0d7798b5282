import type { CID } from '../ipld/cid.ts';
import * as Cid from '../ipld/cid.ts';
import { encode } from '../ipld/dag-cbor.ts';
import type { Difference } from '../protocol/explanation.ts';
import { type Ipld, type IpldList, type IpldMap, isLink, isList, isMap } from '../ipld/value.ts';

/** The entries of a tree, or undefined to compare trees as wholes. */
export type ReadTree = (cid: CID) => IpldMap | undefined;

/**
 * What differs between two preimages of keys, field by field. A file of a tree counts as one field. What was put into a list or taken out of it
 * does not make all that stands behind it differ.
 */
export function compareKeys(before: Ipld, after: Ipld, readTree: ReadTree): Difference[] {
  return [...compare([], before, after, readTree)];
}

type Path = readonly (string | number)[];

function* compare(path: Path, before: Ipld | undefined, after: Ipld | undefined, readTree: ReadTree): Generator<Difference> {
  if (before !== undefined && after !== undefined) {
    if (isSame(before, after)) return;
    if (isMap(before) && isMap(after) && !isFile(before) && !isFile(after)) return yield* compareMaps(path, before, after, readTree);
    if (isList(before) && isList(after)) return yield* compareLists(path, before, after, readTree);
    if (isLink(before) && isLink(after) && Cid.isTree(before) && Cid.isTree(after)) {
      const [one, other] = [readTree(before), readTree(after)];
      if (one !== undefined && other !== undefined) return yield* compareMaps(path, one, other, readTree);
    }
  }
  yield { field: fieldOf(path), path, before, after };
}

function* compareMaps(path: Path, before: IpldMap, after: IpldMap, readTree: ReadTree): Generator<Difference> {
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    yield* compare([...path, key], own(before, key), own(after, key), readTree);
  }
}

function* compareLists(path: Path, before: IpldList, after: IpldList, readTree: ReadTree): Generator<Difference> {
  const shorter = Math.min(before.length, after.length);
  let head = 0;
  while (head < shorter && isSame(before[head]!, after[head]!)) head++;
  let tail = 0;
  while (tail < shorter - head && isSame(before.at(-1 - tail)!, after.at(-1 - tail)!)) tail++;
  const [old, fresh] = [before.slice(head, before.length - tail), after.slice(head, after.length - tail)];
  for (let i = 0; i < Math.max(old.length, fresh.length); i++) yield* compare([...path, head + i], old[i], fresh[i], readTree);
}

function isSame(a: Ipld, b: Ipld): boolean {
  return Buffer.compare(encode(a), encode(b)) === 0;
}

/** An entry of a tree. */
function isFile(value: IpldMap): boolean {
  return Object.hasOwn(value, 'cid') && Object.hasOwn(value, 'size');
}

function own(map: IpldMap, key: string): Ipld | undefined {
  return Object.hasOwn(map, key) ? map[key] : undefined;
}

function fieldOf(path: Path): string {
  let field = '';
  for (const step of path) {
    if (typeof step === 'number') field += `[${step}]`;
    else if (!/^[A-Za-z_][A-Za-z0-9_-]*$/.test(step)) field += `[${JSON.stringify(step)}]`;
    else field += field === '' ? step : `.${step}`;
  }
  return field;
}
