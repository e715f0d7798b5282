import { isDocketError } from '../errors.ts';
import * as Cid from '../ipld/cid.ts';
import { encode } from '../ipld/dag-cbor.ts';
import { INLINE } from '../ipld/large-value.ts';
import { descend, partsOf, pointerOf, step } from '../ipld/pointer.ts';
import { type Ipld, isLink } from '../ipld/value.ts';
import { failureOf } from '../receipt/out.ts';
import type { Failure } from '../receipt/outcome.ts';
import * as Tree from '../store/tree.ts';
import type { Awaited, Instruction } from '../workflow/model.ts';
import { substitute, toIpld } from '../workflow/promise.ts';
import { inputOf } from '../workflow/result-literal.ts';
import type { BlobView } from './blob-view.ts';
import { hexOf } from './blob-view.ts';
import { filesByName } from './files-by-name.ts';
import * as State from './state.ts';
import { FAILED, OK, type Settled } from './state.ts';

/** What a promise's task gave, and what people call that task. */
export type Given = (awaited: Awaited) => { readonly result: Settled | undefined; readonly label: string };

/**
 * The input of an instruction as its op is given it: results among its arguments unpacked, with blobs for the files it names, and every promise replaced by what it
 * gave. A large part of a large value stays in there: it is named, as `GivenValues.spread` reads it.
 */
export function resolveInput(run: Instruction, given: Given, blobs: BlobView): Resolved {
  const withFiles = filesByName({ op: run.op, input: inputOf(run) }, blobs);
  return 'failure' in withFiles ? withFiles : replace(withFiles.value, given, (whole, at) => follow(whole, at, blobs, named));
}

/**
 * Replaces every promise in `value` by what it gave. A pointer leads through maps and lists; at the link of a large value, into that; and at a link to a tree, into the
 * tree: there the rest of it is a path, which gives the file's entry or, for a folder, a link to the tree below it.
 */
export function resolve(value: Ipld, given: Given, blobs: BlobView): Resolved {
  return replace(value, given, (whole, at) => follow(whole, at, blobs, (_, part) => part));
}

export type Resolved = { readonly value: Ipld } | { readonly failure: Failure };

function replace(value: Ipld, given: Given, followed: (whole: Ipld, at: string) => Found): Resolved {
  let failure: Failure | undefined;
  const resolved = substitute(value, (awaited) => {
    const { result, label } = given(awaited);
    if (result === undefined || (result.status !== OK && result.status !== FAILED) || !State.accepts(awaited.branch, result.status)) {
      failure ??= invalid(`${label} ${result === undefined ? 'did not run' : broken(result)}`);
      return null;
    }
    const whole: Ipld = awaited.branch === 'await/*' ? [result.status === OK ? 'ok' : 'error', result.value] : result.value;
    const found = followed(whole, awaited.at);
    if ('value' in found) return found.value;
    failure ??= invalid(`${awaited.at} of the output of ${label}: ${found.problem}`);
    return null;
  });
  return failure === undefined ? { value: resolved } : { failure };
}

/** Why a settled task does not give what a promise waits for. */
function broken(result: Settled): string {
  switch (result.status) {
    case OK:
      return 'succeeded, and its failure was awaited';
    case FAILED:
      return `failed: ${failureOf(result.value).message}`;
    case State.SKIPPED:
      return 'was skipped';
    default:
      return 'was cancelled';
  }
}

function invalid(message: string): Failure {
  return { code: 'invalid', message };
}

type Found = { readonly value: Ipld } | { readonly problem: string };

/** What stands for a part of a large value, at that pointer into it. */
type Part = (at: { readonly link: Cid.CID; readonly pointer: string }, part: Ipld) => Ipld;

function follow(whole: Ipld, pointer: string, blobs: BlobView, part: Part): Found {
  const parts = partsOf(pointer);
  let value: Ipld = whole;
  for (const [i, each] of parts.entries()) {
    if (isLink(value) && Cid.isTree(value)) return intoTree(value, parts.slice(i).join('/'), blobs);
    if (isLink(value) && Cid.isLargeValue(value)) return intoLarge(value, parts.slice(i), blobs, part);
    const next = step(value, each);
    if ('problem' in next) return next;
    ({ value } = next);
  }
  return { value };
}

function intoLarge(link: Cid.CID, parts: readonly string[], blobs: BlobView, part: Part): Found {
  let value: Ipld;
  try {
    value = blobs.largeValue(link);
  } catch (error) {
    if (!isDocketError(error, 'IPLD_INVALID')) throw error;
    return { problem: `${link} is no value: ${error.message}` };
  }
  const found = descend(value, parts);
  return 'problem' in found ? found : { value: part({ link, pointer: pointerOf(parts) }, found.value) };
}

/** A part that is small stands for itself, so that work depends on nothing else of the value. */
const named: Part = ({ link, pointer }, part) =>
  encode(part).length <= INLINE ? part : toIpld({ branch: 'await/ok', instruction: link, at: pointer });

function intoTree(cid: Cid.CID, path: string, blobs: BlobView): Found {
  const tree = blobs.tree(cid);
  const entry = tree[path];
  if (entry !== undefined) return { value: { ...entry } };
  const prefix = `${path}/`;
  const below = Object.entries(tree).filter(([name]) => name.startsWith(prefix));
  if (below.length === 0) {
    const names = Object.keys(tree);
    return {
      problem: `the task left no file "${path}"${names.length === 0 ? ' (it left none)' : ` (it left: ${names.slice(0, 10).join(', ')})`}`,
    };
  }
  const bytes = Tree.encode(Object.fromEntries(below.map(([name, value]) => [name.slice(prefix.length), value])));
  const link = Cid.ofTree(bytes);
  if (!blobs.has(link)) blobs.add(new Map([[hexOf(link), bytes]]));
  return { value: link };
}
