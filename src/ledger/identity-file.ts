import { loadOrCreate } from '../base/secret-file.ts';
import { DocketError } from '../errors.ts';
import * as DagJson from '../ipld/dag-json.ts';
import { generateSeed, type Key, keyOf } from '../ipld/identity.ts';
import { isMap } from '../ipld/value.ts';

/**
 * The file that holds who this home is: DAG-JSON of `{did, kind, seed, version}`. The DID is there so that a damaged seed is noticed instead of becoming
 * another identity.
 */

const KIND = 'docket-identity';
const VERSION = 1;

/** Throws `IDENTITY_INVALID` if the file is damaged, no regular file or open to others, `HOME_UNUSABLE` if it cannot be read or made. */
export async function loadOrCreateIdentity(path: string): Promise<Key> {
  return await loadOrMake(path, generateSeed);
}

/**
 * Makes the key of `seed` (32 bytes) the identity of a home that has none. One that has this very key stays as it is. Throws `IDENTITY_TAKEN`, and what
 * `loadOrCreateIdentity` throws.
 */
export async function importIdentity(path: string, seed: Uint8Array): Promise<Key> {
  const wanted = keyOf(seed);
  const key = await loadOrMake(path, () => seed);
  if (key.did === wanted.did) return key;
  throw new DocketError('IDENTITY_TAKEN', `the home is ${key.did} already, and the key to be imported is that of ${wanted.did}`);
}

async function loadOrMake(path: string, seed: () => Uint8Array): Promise<Key> {
  return await loadOrCreate(path, {
    make: () => textOf(seed()),
    parse: (text) => parse(path, text),
    refuse: (problem, next) => invalid(path, problem, next),
  });
}

function textOf(seed: Uint8Array): string {
  return `${DagJson.encode({ kind: KIND, version: VERSION, did: keyOf(seed).did, seed }, { indent: 2 })}\n`;
}

function parse(path: string, text: string): Key {
  let value;
  try {
    value = DagJson.decode(text);
  } catch (cause) {
    throw invalid(path, 'is damaged', undefined, cause);
  }
  if (!isMap(value) || value.kind !== KIND) throw invalid(path, 'is damaged');
  if (value.version !== VERSION) throw invalid(path, 'has a format this Docket does not know');
  if (!(value.seed instanceof Uint8Array) || value.seed.length !== 32) throw invalid(path, 'is damaged');
  const key = keyOf(value.seed);
  if (key.did !== value.did) throw invalid(path, 'is damaged: its seed and its DID do not belong together');
  return key;
}

function invalid(path: string, problem: string, next?: string, cause?: unknown): DocketError {
  return new DocketError('IDENTITY_INVALID', `the identity file ${path} ${problem}`, { cause, ...(next === undefined ? {} : { next }) });
}
