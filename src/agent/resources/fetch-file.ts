import { DocketError, isDocketError } from '../../errors.ts';
import * as Cid from '../../ipld/cid.ts';
import type { Store } from '../../store/store.ts';
import { CarBlocks } from '../../store/unixfs/car.ts';
import { FileHash } from '../../store/unixfs/file-hash.ts';
import { type Blocks, fileBytes, MOST_BLOCK, tooLarge } from '../../store/unixfs/rebuild.ts';
import { type Getting, type Got, httpGet, unreachable } from './http-get.ts';
import type { Place } from './places.ts';

/**
 * One resource from one place, streamed into the store.
 *
 * Invariants
 * F1. Nothing is kept but bytes that were checked against the CID: raw ones by their hash, those of UnixFS block by block, or, where a gateway gives nothing but
 *     the file, because the CID computed over them is the one that was asked for.
 * F2. No more than `limit` bytes of the file are taken, and not many more of what is around it.
 */

export interface Fetching extends Getting {
  readonly store: Pick<Store, 'put'>;
  /** Bytes a resource may have. */
  readonly limit: number;
  /** Told that what came before is of no use. */
  readonly onAnew: () => void;
  /** Told how many more bytes came, and how many there will be in all, if that is known. */
  readonly onBytes: (bytes: number, size: number | undefined) => void;
}

export interface Fetched {
  readonly blob: Cid.CID;
  readonly size: number;
  /** Whether its UnixFS CID follows from its bytes alone. */
  readonly isPlain: boolean;
}

export type Gateway = Extract<Place, { kind: 'gateway' }>;

const CAR = 'application/vnd.ipld.car';
const RAW = 'application/vnd.ipld.raw';
/** What a CAR may have beside the file, in bytes: nodes, CIDs, and blocks that were not asked for. */
const AROUND = 16 * 2 ** 20;

/** Throws `RESOURCE_UNREACHABLE`, `RESOURCE_INVALID`, `RESOURCE_REFUSED`, `BLOB_TOO_LARGE`, and what the store throws. */
export async function fetchFile(cid: Cid.CID, place: Place, fetching: Fetching): Promise<Fetched> {
  if (place.kind === 'gateway' && Cid.isUnixFs(cid)) return await fetchUnixFs(cid, place, fetching);
  const [url, accept] = place.kind === 'file' ? [place.url, '*/*'] : [`${place.urlOf(cid)}?format=raw`, `${RAW}, */*;q=0.5`];
  using got = await file(url, accept, fetching);
  return await plain(cid, got, place, fetching);
}

/** One block of a directory, as a blob of the store. Throws as `fetchFile`. */
export async function fetchBlock(cid: Cid.CID, place: Gateway, fetching: Fetching): Promise<Pick<Fetched, 'blob' | 'size'>> {
  const bytes = await singly(place, fetching).get(cid);
  const blob = Cid.fromSha256(cid.multihash.digest);
  try {
    return { blob, size: (await fetching.store.put(bytes, { expect: blob, signal: fetching.signal })).size };
  } catch (error) {
    if (!isDocketError(error, 'BLOB_MISMATCH')) throw error;
    throw new DocketError('RESOURCE_INVALID', `what ${place.name} gives as ${cid} is something else`, { details: error.details });
  }
}

/** A file of which nothing is known. Throws as `fetchFile`. */
export async function fetchUrl(url: string, fetching: Fetching): Promise<Pick<Fetched, 'blob' | 'size'>> {
  using got = await file(url, '*/*', fetching);
  const { cid, size } = await fetching.store.put(counted(got, url, fetching), { signal: fetching.signal });
  return { blob: cid, size };
}

async function fetchUnixFs(cid: Cid.CID, place: Gateway, fetching: Fetching): Promise<Fetched> {
  const url = place.urlOf(cid);
  const blocks = singly(place, fetching);
  {
    using got = await httpGet(`${url}?format=car&dag-scope=entity`, `${CAR};version=1;order=dfs;dups=y`, fetching);
    if (got.status === 200) {
      if (got.type !== CAR) return await plain(cid, got, place, fetching);
      await using source = new CarBlocks(bounded(got, cid, fetching), blocks);
      return await rebuilt(cid, source, fetching);
    }
    if (!isRefusal(got.status)) throw answers(url, got.status);
  }
  try {
    return await rebuilt(cid, blocks, fetching);
  } catch (error) {
    // It knows nothing of blocks. Whether it has the file is seen then.
    if (!isDocketError(error) || !(error.code === 'RESOURCE_INVALID' || isRefusal(error.details['status']))) throw error;
    using got = await httpGet(url, '*/*', fetching);
    fetching.onAnew();
    if (got.status === 200) return await plain(cid, got, place, fetching);
    // What is wrong with the blocks says more than that there is no file either.
    throw error.code === 'RESOURCE_INVALID' ? error : answers(url, got.status);
  }
}

async function file(url: string, accept: string, fetching: Fetching): Promise<Got> {
  const got = await httpGet(url, accept, fetching);
  if (got.status === 200) return got;
  got[Symbol.dispose]();
  throw answers(url, got.status);
}

/** The bytes of the file itself. */
async function plain(cid: Cid.CID, got: Got, { name }: Place, fetching: Fetching): Promise<Fetched> {
  const { store, signal } = fetching;
  const source = counted(got, cid, fetching);
  try {
    const stored = Cid.isUnixFs(cid)
      ? await store.put(called(source, cid, name), { signal })
      : await store.put(source, { expect: cid, signal });
    return { blob: stored.cid, size: stored.size, isPlain: true };
  } catch (error) {
    if (!isDocketError(error, 'BLOB_MISMATCH')) throw error;
    throw new DocketError('RESOURCE_INVALID', `what ${name} gives as ${cid} is something else`, { details: error.details });
  }
}

/** Fails at the end, before anything is kept, unless IPFS calls the bytes `cid`. */
async function* called(source: AsyncIterable<Uint8Array>, cid: Cid.CID, name: string): AsyncGenerator<Uint8Array> {
  const hash = new FileHash();
  for await (const chunk of source) {
    hash.update(chunk);
    yield chunk;
  }
  const found: Cid.CID = hash.digest();
  if (found.toString() !== cid.toString())
    throw new DocketError(
      'RESOURCE_INVALID',
      `what ${name} gives as ${cid} is called ${found}, and it gives no blocks by which it could be checked`,
      {
        details: { expected: cid.toString(), found: found.toString() },
      },
    );
}

async function rebuilt(cid: Cid.CID, blocks: Blocks, { store, signal, limit }: Fetching): Promise<Fetched> {
  const hash = new FileHash();
  async function* bytes(): AsyncGenerator<Uint8Array> {
    for await (const chunk of fileBytes(cid, blocks, { limit, signal })) {
      hash.update(chunk);
      yield chunk;
    }
  }
  const { cid: blob, size } = await store.put(bytes(), { signal });
  return { blob, size, isPlain: hash.digest().equals(cid) };
}

/** Each block by a request of its own. */
function singly(place: Gateway, fetching: Fetching): Blocks {
  return {
    async get(cid) {
      using got = await file(`${place.urlOf(cid)}?format=raw`, RAW, fetching);
      const parts: Uint8Array[] = [];
      let size = 0;
      for await (const chunk of got.body) {
        size += chunk.length;
        if (size > MOST_BLOCK) throw new DocketError('RESOURCE_INVALID', `${place.name} gives a block of more than ${MOST_BLOCK} bytes`);
        fetching.onBytes(chunk.length, undefined);
        parts.push(chunk);
      }
      return Buffer.concat(parts);
    },
  };
}

async function* counted(
  { body, length }: Pick<Got, 'body' | 'length'>,
  what: Cid.CID | string,
  { limit, onBytes }: Fetching,
): AsyncGenerator<Uint8Array> {
  // Not one byte is taken of what is too large by its own account.
  if (length !== undefined && length > limit) throw tooLarge(what, length, limit);
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > limit) throw tooLarge(what, size, limit);
    onBytes(chunk.length, length);
    yield chunk;
  }
}

/** A CAR that has no end would be read as long as the block that is waited for does not come. */
function bounded({ body }: Got, cid: Cid.CID, fetching: Fetching): AsyncIterable<Uint8Array> {
  return counted({ body, length: undefined }, `the CAR of ${cid}`, {
    ...fetching,
    limit: fetching.limit + Math.ceil(fetching.limit / 16) + AROUND,
  });
}

/** Whether it may mean no more than that what was asked for is not given in this form. */
function isRefusal(status: unknown): boolean {
  return typeof status === 'number' && ((status >= 400 && status < 500 && !isTransient(status)) || status === 501);
}

/** Whether asking again may help. */
export function isTransient(status: number): boolean {
  return status === 408 || status === 429 || (status >= 500 && status !== 501);
}

function answers(url: string, status: number): DocketError {
  return unreachable(url, `it answers with status ${status}`, { status });
}
