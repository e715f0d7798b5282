import * as Cid from '../ipld/cid.ts';
import { replaceIn } from '../ipld/replace.ts';
import { type Ipld, isLink, isList, isMap } from '../ipld/value.ts';
import type { Failure } from '../receipt/outcome.ts';
import type { Instruction } from '../workflow/model.ts';
import { asPromise } from '../workflow/promise.ts';
import type { BlobView } from './blob-view.ts';
import { missing } from './missing.ts';

/**
 * The input of an instruction with files that are called by their UnixFS CIDs replaced by the blobs these stand for, so that the same bytes are the same
 * input, whatever they are called. Of `wasm/run` the arguments themselves are looked at, as in Homestar: a link deeper inside is data. What promises give is not
 * looked at either.
 */
export function filesByName(
  { op, input }: Pick<Instruction, 'op' | 'input'>,
  blobs: BlobView,
): { readonly value: Ipld } | { readonly failure: Failure } {
  if (!namesFiles(input)) return { value: input };
  let unknown: Cid.CID | undefined;
  const replaced = (cid: Cid.CID): Cid.CID => {
    const blob = blobs.standsFor(cid);
    if (Cid.isUnixFs(blob)) unknown ??= blob;
    return blob;
  };
  const value = op === 'wasm/run' ? inArguments(input, replaced) : anywhere(input, replaced);
  if (unknown === undefined) return { value };
  return { failure: missing('file', unknown) };
}

/** Whether a UnixFS CID is in there. Asked of every task, and almost always no. */
export function namesFiles(value: Ipld): boolean {
  if (isLink(value)) return Cid.isUnixFs(value);
  if (isList(value)) return value.some(namesFiles);
  if (isMap(value)) for (const key in value) if (namesFiles(value[key]!)) return true;
  return false;
}

type Replace = (cid: Cid.CID) => Cid.CID;

function inArguments(input: Ipld, replace: Replace): Ipld {
  if (!isMap(input) || !isList(input['args'])) return input;
  const args = input['args'];
  return args.some(isFile) ? { ...input, args: args.map((arg) => (isFile(arg) ? replace(arg) : arg)) } : input;
}

function anywhere(value: Ipld, replace: Replace): Ipld {
  return replaceIn(value, (part) => (isFile(part) ? replace(part) : asPromise(part) === undefined ? undefined : part));
}

function isFile(value: Ipld): value is Cid.CID {
  return isLink(value) && Cid.isUnixFs(value);
}
