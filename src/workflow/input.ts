import { DocketError } from '../errors.ts';
import { isTree } from '../ipld/cid.ts';
import { type Ipld, isLink, isList, isMap } from '../ipld/value.ts';
import { grantProblem } from './grants.ts';
import { findClash, listedPaths, pathProblem } from './guest-path.ts';
import { asPromise } from './promise.ts';
import { didYouMean, listNames } from '../base/suggest.ts';

/**
 * The shape of an instruction's `input` for each op, checked for workflows that were not compiled from the YAML format. A promise may
 * stand for any value. Throws `WORKFLOW_INVALID`.
 */
export function checkInput(op: string, input: Ipld): void {
  if (!isMap(input)) return refuse('"input" must be a map');
  const check = op === 'wasm/run' ? WASM : WASI;
  for (const key of Object.keys(input)) {
    if (key === 'grant' && op === 'wasm/run')
      refuse('"input" of wasm/run has no "grant"', 'Put it into "meta": it is no part of the instruction there.');
    if (!Object.hasOwn(check, key))
      refuse(`"input" of ${op} has no key "${key}"${didYouMean(key, Object.keys(check))}`, `Known keys: ${listNames(Object.keys(check))}.`);
  }
  for (const [key, accepts] of Object.entries(check)) {
    const value = input[key];
    const wrong = value === undefined ? (op === 'wasm/run' ? 'is missing' : undefined) : accepts(value);
    if (wrong !== undefined) refuse(`"${key}" in "input" of ${op} ${wrong}`);
  }
  checkPromises(input);
}

/** What is meant as a promise but is none would reach the task as data, and nothing would be awaited. */
function checkPromises(value: Ipld): void {
  if (isList(value)) for (const item of value) checkPromises(item);
  if (!isMap(value)) return;
  const awaited = asPromise(value);
  if (awaited !== undefined) {
    if (!/^(\/([^~]|~[01])*)?$/.test(awaited.at)) refuse(`"${awaited.at}" is not a JSON pointer`, 'Write /stdout, or /files/out.json.');
    return;
  }
  for (const [key, item] of Object.entries(value)) {
    if (key.startsWith('await/'))
      refuse(
        `"${key}" does not make a promise here`,
        'A promise is {"await/ok": LINK}, await/error or await/*, with at most an "at" that is a JSON pointer.',
      );
    checkPromises(item);
  }
}

/** Modules one command may import functions of; each is an instance of its own. */
export const MOST_EXTENSIONS = 16;

/** What is wrong with a value, or undefined. */
type Check = (value: Ipld) => string | undefined;

const WASM: Readonly<Record<string, Check>> = {
  func: (value) => (typeof value === 'string' ? undefined : 'must be a string'),
  args: (value) => (isList(value) ? undefined : 'must be a list'),
};

const texts: Check = (value) =>
  isList(value) && value.every((item) => typeof item === 'string' && !item.includes('\0'))
    ? undefined
    : 'must be a list of strings without NUL';

const WASI: Readonly<Record<string, Check>> = {
  args: texts,
  env: (value) => {
    if (!isMap(value)) return 'must be a map of strings';
    const wrong = Object.entries(value).find(
      ([name, text]) => name === '' || /[=\0]/.test(name) || typeof text !== 'string' || text.includes('\0'),
    );
    return wrong === undefined ? undefined : `has a wrong entry "${wrong[0]}"`;
  },
  stdin: (value) => (isBytes(value) ? undefined : 'must be a string, bytes, a link or a promise'),
  files: (value) => {
    if (!isMap(value)) return 'must be a map from paths to values';
    const paths: { path: string; isFile: boolean }[] = [];
    for (const [path, entry] of Object.entries(value)) {
      const bare = path.endsWith('/') ? path.slice(0, -1) : path;
      const mayBeFolder = asPromise(entry) !== undefined || (isLink(entry) && isTree(entry));
      const problem = path === '.' && mayBeFolder ? undefined : pathProblem(bare);
      if (problem !== undefined) return `has the path "${path}", which ${problem}`;
      if (isList(entry) ? bare === path || !entry.every(isFile) : !isFile(entry)) {
        return `must have a file, a tree or a promise at "${path}", or a list of them if it ends with a slash`;
      }
      if (isList(entry)) paths.push(...listedPaths(path, entry.length).map((listed) => ({ path: listed, isFile: true })));
      else paths.push({ path: bare, isFile: !mayBeFolder });
    }
    const clash = findClash(paths);
    return clash === undefined ? undefined : `mounts both "${clash[0]}" and "${clash[1]}"`;
  },
  outputs: (value) => {
    const wrong = texts(value);
    if (wrong !== undefined) return wrong;
    const bad = (value as readonly string[]).find((path) => pathProblem(path) !== undefined);
    return bad === undefined ? undefined : `has the path "${bad}", which ${pathProblem(bad)}`;
  },
  extensions: (value) => {
    if (!isMap(value)) return 'must be a map from names to links';
    if (Object.keys(value).length > MOST_EXTENSIONS) return `must have at most ${MOST_EXTENSIONS} entries`;
    const wrong = Object.entries(value).find(([name, module]) => name === '' || !isLink(module) || isTree(module));
    return wrong === undefined ? undefined : `has at "${wrong[0]}" no link to a module`;
  },
  grant: grantProblem,
};

function isBytes(value: Ipld): boolean {
  return typeof value === 'string' || value instanceof Uint8Array || isLink(value) || asPromise(value) !== undefined;
}

/** Bytes, a tree, or a file entry as it stands in a tree. */
function isFile(value: Ipld): boolean {
  if (isBytes(value)) return true;
  return (
    isMap(value) &&
    isLink(value['cid']) &&
    typeof value['size'] === 'number' &&
    typeof value['executable'] === 'boolean' &&
    Object.keys(value).length === 3
  );
}

function refuse(message: string, next?: string): never {
  throw new DocketError('WORKFLOW_INVALID', message, next === undefined ? {} : { next });
}
