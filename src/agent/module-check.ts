import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeFolders } from '../base/make-folders.ts';
import { DocketError, isDocketError, systemCode } from '../errors.ts';
import * as Cid from '../ipld/cid.ts';
import { MOST_MODULE_BYTES } from '../runner/module-bounds.ts';
import type { Prepared } from '../sandbox/module/prepare.ts';
import { digestHex } from '../store/digest.ts';
import type { Engine } from './engine.ts';

/** What matters of a module before it is run: whether its functions have WIT types. Components have, and core modules made to be wrapped as one. */
export type ModuleKind = 'core' | 'wit';

/**
 * Looks into a module before anything is run, so that a broken one is a fault of the file that names it and not of the tasks. A file
 * in the home remembers each that was let in and its kind, so that it is decoded once and the decoder is not even loaded afterwards. Nothing is trusted
 * because of such a mark: a slot process decodes each module anew. Gives the kind; `undefined` for one that is not in the store, which is not judged.
 *
 * Throws `MODULE_INVALID`, which calls it `name`, and what the store throws. One that is not in the store is not judged.
 */
export async function checkModule(
  { paths, store }: Pick<Engine, 'paths' | 'store'>,
  cid: Cid.CID,
  name: string,
): Promise<ModuleKind | undefined> {
  if (!Cid.isStored(cid)) return undefined;
  const mark = join(paths.modules, digestHex(cid));
  const known = markedKind(mark);
  if (known !== undefined) return known;
  let bytes: Uint8Array;
  try {
    bytes = await store.read(cid, { limit: MOST_MODULE_BYTES });
  } catch (error) {
    if (isDocketError(error, 'BLOB_MISSING')) return undefined;
    if (isDocketError(error, 'BLOB_TOO_LARGE')) throw invalid(`${name} is too large for a module: ${error.message}`, 'Check the path.');
    throw error;
  }
  const kind = await judgeModule(bytes, name);
  remember(paths.modules, mark, kind);
  return kind;
}

/** Looks into the bytes of a module. Throws `MODULE_INVALID`, which calls it `name`. */
export async function judgeModule(bytes: Uint8Array, name: string): Promise<ModuleKind> {
  const [{ prepare }, { isComponent }] = await Promise.all([import('../sandbox/module/prepare.ts'), import('../sandbox/wit/world.ts')]);
  try {
    if (!isComponent(bytes)) return prepare(bytes).info.hasComponentType ? 'wit' : 'core';
    await judgeComponent(bytes, prepare);
    return 'wit';
  } catch (error) {
    if (!isDocketError(error, 'MODULE_INVALID')) throw error;
    throw invalid(`${name}: ${error.message}`, adviceOn(bytes) ?? error.next, error);
  }
}

/**
 * Taking a component apart finds out whether all it imports is there. Its core modules are validated and not compiled: V8's compiler meets strangers' code in slots
 * alone, where it can be killed.
 */
async function judgeComponent(bytes: Uint8Array, prepare: (bytes: Uint8Array) => Prepared): Promise<void> {
  const [{ planComponent }, { INTERFACES }] = await Promise.all([
    import('../sandbox/component/plan.ts'),
    import('../sandbox/wasi2/interfaces.ts'),
  ]);
  planComponent(bytes, INTERFACES, prepare);
}

/** Marks of earlier Dockets are empty: they did not ask for the kind. A mark that was cut off while it was written is one like them. */
function markedKind(mark: string): ModuleKind | undefined {
  try {
    const text = readFileSync(mark, 'latin1');
    return text === 'core' || text === 'wit' ? text : undefined;
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return undefined;
  }
}

/** Where the home cannot be written the module is decoded again next time. */
function remember(folder: string, mark: string, kind: ModuleKind): void {
  try {
    makeFolders(folder, 0o700);
    writeFileSync(mark, kind, { mode: 0o600 });
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
  }
}

function adviceOn(bytes: Uint8Array): string | undefined {
  if (bytes.length === 0) return 'The file is empty: build it again, or check the path.';
  const head = Buffer.from(bytes.subarray(0, 4096)).toString('latin1');
  return /^\s*(;;.*\s*)*\(module\b/.test(head) ? 'This is WebAssembly text: make a binary of it first, as with wat2wasm.' : undefined;
}

function invalid(message: string, next: string, cause?: DocketError): DocketError {
  return new DocketError('MODULE_INVALID', message, { next, ...(cause === undefined ? {} : { cause, details: cause.details }) });
}
