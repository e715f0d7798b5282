import { type Ipld, type IpldMap, isLink, isList, isMap } from '../ipld/value.ts';
import { replaceIn } from '../ipld/replace.ts';
import type { Awaited, Branch } from './model.ts';

/**
 * Promises in an instruction's input: `{"await/ok": <instruction CID>}`, likewise `await/error` and `await/*`, with an optional
 * `at`, a JSON pointer into what the branch gives. Any depth counts, and nothing else does: Homestar takes every map with one
 * link for a promise and overlooks those below the top, both of which turn data into something it is not.
 */
const BRANCHES: readonly Branch[] = ['await/ok', 'await/error', 'await/*'];

/** The promise `value` is, or undefined. */
export function asPromise(value: Ipld): Awaited | undefined {
  return isMap(value) ? promiseOf(value) : undefined;
}

function promiseOf(map: IpldMap): Awaited | undefined {
  for (const branch of BRANCHES) {
    const instruction = Object.hasOwn(map, branch) ? map[branch] : undefined;
    if (instruction === undefined || !isLink(instruction)) continue;
    const keys = Object.keys(map).length;
    if (keys === 1) return { branch, instruction, at: '' };
    if (keys === 2 && typeof map['at'] === 'string') return { branch, instruction, at: map['at'] };
  }
  return undefined;
}

/** The encoded form; an empty `at` is left out, as Homestar writes it. */
export function toIpld({ branch, instruction, at }: Awaited): Ipld {
  return at === '' ? { [branch]: instruction } : { [branch]: instruction, at };
}

/** Calls `visit` for every promise in `value`, depth first, repeats included. */
export function visitPromises(value: Ipld, visit: (awaited: Awaited) => void): void {
  if (isList(value)) for (const item of value) visitPromises(item, visit);
  else if (isMap(value)) {
    const awaited = promiseOf(value);
    if (awaited !== undefined) visit(awaited);
    else for (const key in value) visitPromises(value[key]!, visit);
  }
}

/** `value` with every promise replaced by what `give` says. What is given is not looked into again: results are data, never promises. */
export function substitute(value: Ipld, give: (awaited: Awaited) => Ipld): Ipld {
  return replaceIn(value, (part) => {
    const awaited = asPromise(part);
    return awaited && give(awaited);
  });
}
