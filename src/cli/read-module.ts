import { createReadStream } from 'node:fs';
import { DocketError } from '../errors.ts';
import * as Cid from '../ipld/cid.ts';
import { MOST_MODULE_BYTES } from '../runner/module-bounds.ts';
import { inputFailure } from '../store/input-file.ts';
import type { Call } from './command.ts';
import { isPath, parseName } from './exec-call.ts';
import { openDesk } from './open-desk.ts';
import { storedCid } from './store/blobs.ts';

/** A CID in one of the usual bases, or an address that can only be one. */
const CID = /^(ipfs:\/\/.*|(baf|bae|Qm|z)[a-zA-Z0-9]{40,})$/;

/** A module that a command line names, to be looked at. */
export interface NamedBytes {
  readonly cid: Cid.CID;
  readonly bytes: Uint8Array;
  /** As a workflow names it: a path, or `{cid: …}`. */
  readonly reference: string | { readonly cid: string };
}

/**
 * A path holds a slash or ends in `.wasm`; a CID, `ipfs://CID` and `ipfs://CID/PATH` name a blob of the desk, by its UnixFS name too, all else a named module there. Throws `INPUT_…`, `BLOB_…`,
 * `MANIFEST_UNKNOWN`, `USAGE`.
 */
export async function readModule(call: Call, word: string): Promise<NamedBytes> {
  const isCid = CID.test(word);
  if (!isCid && isPath(word)) {
    const bytes = await readFile(word);
    return { cid: Cid.ofBlob(bytes), bytes, reference: word };
  }
  if (!isCid) await parseName(call, word);
  await using desk = await openDesk(call, { lookOnly: true });
  const module = isCid ? await storedCid(desk, word) : (await (await desk.records()).modules.find(word)).module;
  const bytes = await desk.store.read(module, { limit: MOST_MODULE_BYTES });
  return { cid: module, bytes, reference: { cid: module.toString() } };
}

/** Also of a pipe, and never more than a module may have. */
async function readFile(path: string): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > MOST_MODULE_BYTES)
        throw new DocketError('MODULE_INVALID', `${path} is too large for a module, which has ${MOST_MODULE_BYTES} bytes at most`);
      chunks.push(chunk);
    }
  } catch (error) {
    throw inputFailure(error, path);
  }
  return Buffer.concat(chunks);
}
