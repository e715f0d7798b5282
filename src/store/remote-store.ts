import { DocketError, isDocketError } from '../errors.ts';
import * as Cid from '../ipld/cid.ts';
import { Sha256, sha256 } from '../ipld/hash.ts';
import { type AgentDoor, type Answer, askJson, callAgent, finish, invalid } from './agent-call.ts';
import { digestHex } from './digest.ts';
import { type Holder, skip } from './holders.ts';
import { jsonLines } from './json-lines.ts';
import { byteRange, checkLimit } from './requests.ts';
import type { Spool } from './spool.ts';
import type { BlobStat, GetOptions, PutOptions, Store } from './store.ts';

/**
 * The blobs of an agent, over its HTTP API.
 *
 * Invariants
 * 1. Nothing is given before all of the blob was seen and matched its CID: the agent verifies what it reads, but its word is not taken for it. Up to
 *    `IN_MEMORY` bytes wait in memory, more in a spool. For the same reason a range costs the whole blob: nothing less can be checked. Who hashes what it gets
 *    anyway, as `put` does with `expect`, takes `fetch` and waits for nothing.
 * 2. "Absent" is said only if the agent said so. A time-out, a cut connection, a proxy's page are errors.
 * 3. What the agent stored is what was sent: the name it answers with is compared with the hash taken on the way.
 */

export interface RemoteStoreOptions extends AgentDoor {
  /** Where bytes wait that are too many for memory; default a temporary file. */
  readonly spool?: () => Promise<Spool>;
}

interface Asked {
  readonly signal?: AbortSignal | undefined;
}

const IN_MEMORY = 16 * 2 ** 20;
/** CIDs in one question. */
const BATCH = 5_000;
const PIECE = 64 * 1024;

export class RemoteStore implements Store, Holder {
  readonly url: string;
  readonly #door: AgentDoor;
  readonly #spool: () => Promise<Spool>;

  /** Throws `USAGE` if the URL is none of an agent: `http` or `https`, and nothing in it that belongs into `token`. */
  constructor({ spool = fileSpool, ...door }: RemoteStoreOptions) {
    this.url = door.url;
    this.#door = door;
    this.#spool = spool;
    const { protocol, username, password } = parseUrl(door.url);
    if ((protocol !== 'http:' && protocol !== 'https:') || username !== '' || password !== '')
      throw new DocketError('USAGE', 'the address of an agent is http://HOST:PORT or https://HOST:PORT, without a user or password');
  }

  async put(source: Uint8Array | AsyncIterable<Uint8Array>, { expect, signal }: PutOptions = {}): Promise<{ cid: Cid.CID; size: number }> {
    signal?.throwIfAborted();
    const hash = new Sha256();
    let size = 0;
    const seen = (chunk: Uint8Array): void => {
      hash.update(chunk);
      size += chunk.length;
    };
    let body = source;
    if (source instanceof Uint8Array) seen(source);
    else body = tapped(source, seen);
    const path = expect === undefined ? '/v1/blobs' : pathOf(expect);
    const stored = await askJson(this.#door, { method: expect === undefined ? 'POST' : 'PUT', path, body, signal });
    const cid = Cid.fromSha256(hash.digest());
    const said = stored as { readonly cid?: unknown; readonly size?: unknown } | null;
    const isSame = said?.size === size && (expect === undefined ? said.cid === cid.toString() : digestHex(expect) === digestHex(cid));
    if (!isSame) throw invalid(this.url, `it stored something else than ${cid}`);
    return { cid, size };
  }

  async *get(cid: Cid.CID, options: GetOptions = {}): AsyncGenerator<Uint8Array> {
    const { signal } = options;
    const { length, body } = await this.#open(cid, { signal });
    const { start, end } = byteRange(options, length);
    if (length <= IN_MEMORY) {
      yield* pieces(await this.#gather(cid, length, body), { start, end, signal });
      return;
    }
    await using spool = await this.#spool();
    const hash = new Sha256();
    for await (const chunk of body) {
      hash.update(chunk);
      await spool.append(chunk);
    }
    this.#check(cid, hash.digest());
    for await (const chunk of spool.read(start, end)) {
      signal?.throwIfAborted();
      yield chunk;
    }
  }

  /** For messages. */
  get name(): string {
    return this.url;
  }

  /** The bytes as they come, for whoever hashes them before anybody uses them. A body that ends too soon throws. */
  async *fetch(cid: Cid.CID, asked: Asked & { readonly start?: number } = {}): AsyncGenerator<Uint8Array> {
    yield* (await this.#open(cid, asked)).body;
  }

  async read(cid: Cid.CID, { limit, ...asked }: Asked & { readonly limit?: number } = {}): Promise<Uint8Array> {
    const { length, body } = await this.#open(cid, asked, (size) => checkLimit(cid, size, limit));
    return await this.#gather(cid, length, body);
  }

  async stat(cid: Cid.CID, { signal }: Asked = {}): Promise<BlobStat | undefined> {
    try {
      const answer = await callAgent(this.#door, { method: 'HEAD', path: pathOf(cid), signal });
      await finish(answer);
      return { size: lengthOf(this.url, answer) };
    } catch (error) {
      if (isDocketError(error, 'BLOB_MISSING')) return undefined;
      throw error;
    }
  }

  async missing(cids: readonly Cid.CID[], { signal }: Asked = {}): Promise<Cid.CID[]> {
    const absent = new Set<string>();
    for (let at = 0; at < cids.length; at += BATCH) {
      const texts = cids.slice(at, at + BATCH).map(storedText);
      const body = new TextEncoder().encode(JSON.stringify({ cids: texts }));
      const found = (await askJson(this.#door, { method: 'POST', path: '/v1/blobs/missing', body, signal })) as {
        readonly missing?: unknown;
      } | null;
      if (!Array.isArray(found?.missing)) throw invalid(this.url, 'it does not say which blobs it lacks');
      for (const text of found.missing) absent.add(String(text));
    }
    return cids.filter((cid) => absent.has(cid.toString()));
  }

  async *list({ signal }: Asked = {}): AsyncGenerator<{ cid: Cid.CID; size: number }> {
    for await (const line of jsonLines(this.url, await callAgent(this.#door, { method: 'GET', path: '/v1/blobs', signal })))
      yield this.#blob(line);
  }

  async delete(cid: Cid.CID, { signal }: Asked = {}): Promise<void> {
    await finish(await callAgent(this.#door, { method: 'DELETE', path: pathOf(cid), signal }));
  }

  async *verify({ signal }: Asked = {}): AsyncGenerator<{ cid: Cid.CID; ok: boolean; size: number }> {
    for await (const line of jsonLines(this.url, await callAgent(this.#door, { method: 'POST', path: '/v1/blobs/verify', signal }))) {
      if (typeof line['ok'] !== 'boolean') throw invalid(this.url, 'it does not say whether a blob is whole');
      yield { ...this.#blob(line), ok: line['ok'] };
    }
  }

  /** `accept` may throw when it hears the length. */
  async #open(
    cid: Cid.CID,
    { signal, start = 0 }: Asked & { readonly start?: number },
    accept: (length: number) => void = () => {},
  ): Promise<{ readonly length: number; readonly body: AsyncIterable<Uint8Array> }> {
    const range = start === 0 ? {} : { headers: { range: `bytes=${start}-` } };
    const answer = await callAgent(this.#door, { method: 'GET', path: pathOf(cid), ...range, signal });
    try {
      const length = lengthOf(this.url, answer);
      accept(length);
      // Whatever stands in between may know no ranges.
      if (start > 0 && !isFrom(answer, start)) return { length, body: skip(answer.body, start) };
      return { length, body: exactly(answer.body, length, () => invalid(this.url, `${cid} has not the length it was announced with`)) };
    } catch (error) {
      answer.discard();
      throw error;
    }
  }

  /** All of it, verified. */
  async #gather(cid: Cid.CID, length: number, body: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
    const bytes = new Uint8Array(length);
    let at = 0;
    for await (const chunk of body) {
      bytes.set(chunk, at);
      at += chunk.length;
    }
    this.#check(cid, sha256(bytes));
    return bytes;
  }

  #check(cid: Cid.CID, digest: Uint8Array): void {
    if (Cid.fromSha256(digest).multihash.digest.every((byte, i) => byte === cid.multihash.digest[i])) return;
    throw new DocketError('BLOB_DAMAGED', `the bytes that the agent at ${this.url} sent for ${cid} do not match it`, {
      next: 'Ask another agent, or have that one check its store: `docket store verify`.',
      details: { agent: this.url },
    });
  }

  #blob({ cid, size }: Readonly<Record<string, unknown>>): { readonly cid: Cid.CID; readonly size: number } {
    const parsed = typeof cid === 'string' ? Cid.parse(cid) : undefined;
    if (parsed === undefined || !Cid.isStored(parsed) || !isSize(size)) throw invalid(this.url, 'its list of blobs names something else');
    return { cid: parsed, size };
  }
}

async function fileSpool(): Promise<Spool> {
  const { openSpool } = await import('./spool.ts');
  return await openSpool();
}

function parseUrl(url: string): URL {
  try {
    return new URL(url);
  } catch {
    throw new DocketError('USAGE', `"${url}" is not the address of an agent`, { next: 'An address is http://HOST:PORT.' });
  }
}

/** `CID_INVALID` for what names no blob. */
function storedText(cid: Cid.CID): string {
  digestHex(cid);
  return cid.toString();
}

function pathOf(cid: Cid.CID): string {
  return `/v1/blobs/${storedText(cid)}`;
}

/** Whether it gives what was asked for, and no more. */
function isFrom({ status, header }: Answer, start: number): boolean {
  return status === 206 && header('content-range')?.startsWith(`bytes ${start}-`) === true;
}

function lengthOf(url: string, { header }: Answer): number {
  const text = header('content-length');
  const length = text === undefined ? Number.NaN : Number(text);
  if (!isSize(length)) throw invalid(url, 'it does not say how long a blob is');
  return length;
}

function isSize(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

/** Whatever stands between us and the agent, it gives as many bytes as were announced, or throws. */
async function* exactly(body: AsyncIterable<Uint8Array>, length: number, wrong: () => DocketError): AsyncGenerator<Uint8Array> {
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > length) throw wrong();
    yield chunk;
  }
  if (size < length) throw wrong();
}

async function* tapped(source: AsyncIterable<Uint8Array>, tap: (chunk: Uint8Array) => void): AsyncGenerator<Uint8Array> {
  for await (const chunk of source) {
    tap(chunk);
    yield chunk;
  }
}

interface Range extends Asked {
  readonly start: number;
  readonly end: number;
}

function* pieces(bytes: Uint8Array, { start, end, signal }: Range): Generator<Uint8Array> {
  for (let at = start; at < end; at += PIECE) {
    signal?.throwIfAborted();
    yield bytes.subarray(at, Math.min(at + PIECE, end));
  }
}
