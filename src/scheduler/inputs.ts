import * as Cid from '../ipld/cid.ts';
import { type Ipld, isLink, isList, isMap } from '../ipld/value.ts';
import { failureOf } from '../receipt/out.ts';
import type { Failure } from '../receipt/outcome.ts';
import * as Tree from '../store/tree.ts';
import type { Awaited, Instruction } from '../workflow/model.ts';
import { substitute } from '../workflow/promise.ts';
import { inputOf } from '../workflow/result-literal.ts';
import type { BlobView } from './blob-view.ts';
import { hexOf } from './blob-view.ts';
import { filesByName } from './files-by-name.ts';
import * as State from './state.ts';
import { FAILED, OK, type Settled } from './state.ts';

/** What a promise's task gave, and what people call that task. */
export type Given = (awaited: Awaited) => { readonly result: Settled | undefined; readonly label: string };

/** The input of an instruction as its op is given it: results among its arguments unpacked, with blobs for the files it names, and every promise replaced by what it gave. */
export function resolveInput(run: Instruction, given: Given, blobs: BlobView): ReturnType<typeof resolve> {
  const named = filesByName({ op: run.op, input: inputOf(run) }, blobs);
  return 'failure' in named ? named : resolve(named.value, given, blobs);
}

/**
 * Replaces every promise in `value` by what it gave. A pointer leads through maps, lists and, at a link to a tree, into the
 * tree: there the rest of it is a path, which gives the file's entry or, for a folder, a link to the tree below it.
 */
export function resolve(value: Ipld, given: Given, blobs: BlobView): { readonly value: Ipld } | { readonly failure: Failure } {
  let failure: Failure | undefined;
  const resolved = substitute(value, (awaited) => {
    const { result, label } = given(awaited);
    if (result === undefined || (result.status !== OK && result.status !== FAILED) || !State.accepts(awaited.branch, result.status)) {
      failure ??= invalid(`${label} ${result === undefined ? 'did not run' : broken(result)}`);
      return null;
    }
    const whole: Ipld = awaited.branch === 'await/*' ? [result.status === OK ? 'ok' : 'error', result.value] : result.value;
    const found = follow(whole, awaited.at, blobs);
    if (found.problem !== undefined) failure ??= invalid(`${awaited.at} of the output of ${label}: ${found.problem}`);
    return found.value ?? null;
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

function follow(whole: Ipld, pointer: string, blobs: BlobView): { value?: Ipld; problem?: string } {
  const steps =
    pointer === ''
      ? []
      : pointer
          .slice(1)
          .split('/')
          .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
  let value: Ipld = whole;
  for (const [i, step] of steps.entries()) {
    if (isLink(value) && Cid.isTree(value)) return intoTree(value, steps.slice(i).join('/'), blobs);
    if (isList(value) && /^(0|[1-9][0-9]*)$/.test(step) && Number(step) < value.length) value = value[Number(step)]!;
    else if (isMap(value) && Object.hasOwn(value, step)) value = value[step]!;
    else return { problem: `there is no "${step}"${isMap(value) ? ` (there are: ${Object.keys(value).slice(0, 10).join(', ')})` : ''}` };
  }
  return { value };
}

function intoTree(cid: Cid.CID, path: string, blobs: BlobView): { value?: Ipld; problem?: string } {
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
