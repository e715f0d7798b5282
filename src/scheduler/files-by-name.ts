import * as Cid from '../ipld/cid.ts';
import { type Ipld, isLink, isList, isMap } from '../ipld/value.ts';
import type { Failure } from '../receipt/outcome.ts';
import type { Instruction } from '../workflow/model.ts';
import { asPromise } from '../workflow/promise.ts';
import type { BlobView } from './blob-view.ts';

/**
 * The input of an instruction with files that are called by their UnixFS CIDs replaced by the blobs these stand for, so that the same bytes are the same
 * input, whatever they are called. Of `wasm/run` the arguments themselves are looked at, as in Homestar: a link deeper inside is data. What promises give is not
 * looked at either.
 */
export function filesByName({ op, input }: Instruction, blobs: BlobView): { readonly value: Ipld } | { readonly failure: Failure } {
  let unknown: Cid.CID | undefined;
  const replaced = (cid: Cid.CID): Cid.CID => {
    const blob = blobs.standsFor(cid);
    if (Cid.isUnixFs(blob)) unknown ??= blob;
    return blob;
  };
  const value = op === 'wasm/run' ? inArguments(input, replaced) : anywhere(input, replaced);
  if (unknown === undefined) return { value };
  return { failure: { code: 'invalid', message: `a file it needs is not in the store: ${unknown}` } };
}

type Replace = (cid: Cid.CID) => Cid.CID;

function inArguments(input: Ipld, replace: Replace): Ipld {
  if (!isMap(input) || !isList(input['args'])) return input;
  const args = input['args'];
  return args.some(isFile) ? { ...input, args: args.map((arg) => (isFile(arg) ? replace(arg) : arg)) } : input;
}

/** The very same value if there is nothing to replace, as almost always. */
function anywhere(value: Ipld, replace: Replace): Ipld {
  if (isFile(value)) return replace(value);
  if (isList(value)) {
    const items = value.map((item) => anywhere(item, replace));
    return items.some((item, i) => item !== value[i]) ? items : value;
  }
  if (!isMap(value) || asPromise(value) !== undefined) return value;
  const entries = Object.entries(value).map(([key, item]) => [key, anywhere(item, replace)] as const);
  return entries.some(([key, item]) => item !== value[key]) ? Object.fromEntries(entries) : value;
}

function isFile(value: Ipld): value is Cid.CID {
  return isLink(value) && Cid.isUnixFs(value);
}
