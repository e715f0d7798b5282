import type { Clock } from '../../base/clock.ts';
import { DocketError } from '../../errors.ts';
import { type CID, ofBlob } from '../../ipld/cid.ts';
import { decode, encode } from '../../ipld/dag-cbor.ts';
import { isList } from '../../ipld/value.ts';
import type { MeshRecord, Objects, Records } from '../../mesh/mesh.ts';
import { count, link, maps, own, readMessage } from '../../protocol/mesh/message.ts';
import { MESH_VERSION } from '../../protocol/mesh/member.ts';
import type { Refused } from './refusals.ts';
import { encodeSweep, readSweep, refusalOf, SWEEP } from './sweep-record.ts';

/**
 * Which objects of the mesh a run needs: a record `kept.<run>` that names lists of their digests, themselves objects. What is to be there for so long, whatever becomes
 * of the run, stands under `kept.<run>.<ms>`, with the time of the mesh until when.
 *
 * Invariants
 * K1. A run is given more to keep, never less: what it pinned stays until its pins go.
 *     Where it has `ALIKE` lists of about one size, these and the next become one: so it has some dozens at most, and what is pinned a little at a time is written a few
 *     times rather than with each that comes.
 * K2. Pins are written before what they name is put, and a sweep that may have looked before is waited for. So nothing is taken to be there that a sweep is about
 *     to delete: it reads the pins after it said that it deletes, and says so anew before each portion. One that is waited for in vain has its turn taken away.
 * K3. What is no record of a sweep may hide one, which has lost its turn by that, and looks whether it has before each object it deletes. So that is waited for until what
 *     it was at is over, and then made a free turn, and told.
 */

/** Objects of one run. */
const MOST = 1_000_000;
/** Bytes of a list of so many: two before each digest of 32, and the head of the list. */
const MOST_BYTES = 34 * MOST + 9;
/** How long a portion of a sweep is waited for, in ms: one that takes longer has died in the middle, or stands still. What it may begin in its time (`sweep.ts`, G3) is over by then. */
const SWEEPING = 60_000;
/** The same for one whose record was overwritten by what nobody can read. */
const DELETING = 2_000;
const LOOK = 200;

const ALIKE = 7;
/** Of one run: a record that names more is none of ours. */
const MOST_LISTS = 1_000;

/** An object with digests, and how many these are. */
interface List {
  readonly cid: CID;
  readonly count: number;
}

export const PINS = 'kept';

/** `lasting`: of what is to be kept for so many ms, not as long as the run is known. */
export function keyOfPins(run: string, lasting?: number): string {
  return lasting === undefined ? `${PINS}.${run}` : `${PINS}.${run}.${lasting}`;
}

interface Pinning {
  readonly records: Pick<Records, 'get' | 'put' | 'delete'>;
  readonly objects: Pick<Objects, 'put' | 'get'>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** As of `keyOfPins`. */
  readonly lasting?: number | undefined;
  /** Told of a record of the sweep that cannot be read. */
  readonly onRefused?: ((refused: Refused) => void) | undefined;
}

/** Resolves when these, beside what the run has pinned before, will not be swept; then they may be put. Throws `MESH_…`, `BLOB_TOO_LARGE`, `BLOB_MISSING`, `IPLD_INVALID`. */
export async function pin(run: string, cids: readonly CID[], pinning: Pinning): Promise<void> {
  const { records, objects, signal, lasting } = pinning;
  const key = keyOfPins(run, lasting);
  for (;;) {
    signal.throwIfAborted();
    const before = await records.get(key);
    const old = before === undefined ? { lists: [], until: 0 } : read(before);
    const { lists, added } = await merged(key, old.lists, cids, pinning);
    const put = (): Promise<void> => objects.put(added.cid, added.bytes.length, once(added.bytes), signal);
    await put();
    const until = lasting === undefined ? {} : { until: Math.max(old.until ?? 0, (await seenBy(records)) + lasting) };
    const value = encode({ v: MESH_VERSION, lists: lists.map(({ cid, count: size }) => ({ list: cid, count: size })), ...until });
    if ((await records.put(key, value, before?.revision ?? 0)) === undefined) continue;
    await sweepOver(pinning);
    // As what it names: an equal one may have been there, and gone.
    return await put();
  }
}

/** The lists of a run that pins these as well, and the one of them that is to be put. */
async function merged(
  key: string,
  old: readonly List[],
  cids: readonly CID[],
  { objects, signal }: Pick<Pinning, 'objects' | 'signal'>,
): Promise<{ readonly lists: readonly List[]; readonly added: List & { readonly bytes: Uint8Array } }> {
  const digests = new Set(cids.map(digestOf));
  let added = listed(digests);
  if (old.some(({ cid }) => cid.equals(added.cid))) return { lists: old, added };
  let others = old;
  const take = async (taken: readonly List[]): Promise<void> => {
    for (const list of taken) for (const digest of await readList(key, list.cid, objects, signal)) digests.add(digest);
    others = others.filter((list) => !taken.includes(list));
    added = listed(digests);
  };
  for (;;) {
    const alike = others.filter((list) => rankOf(list) === rankOf(added));
    if (alike.length < ALIKE) break;
    await take(alike);
  }
  const total = (): number => others.reduce((sum, list) => sum + list.count, added.count);
  // Some may be named twice.
  if (total() > MOST) await take(others);
  if (total() > MOST) throw new DocketError('BLOB_TOO_LARGE', `${key} would keep more than ${MOST} objects in the mesh`);
  return { lists: [...others, added], added };
}

function listed(digests: ReadonlySet<string>): List & { readonly bytes: Uint8Array } {
  const bytes = encode([...digests].toSorted().map((digest) => Buffer.from(digest, 'base64url')));
  return { cid: ofBlob(bytes), count: digests.size, bytes };
}

function rankOf({ count: size }: List): number {
  return Math.floor(Math.log2(Math.max(1, size)) / Math.log2(ALIKE + 1));
}

/** The objects that a record of pins names. Throws `IPLD_INVALID`. */
export function listsOf(record: MeshRecord): readonly CID[] {
  return read(record).lists.map(({ cid }) => cid);
}

/** The time of the mesh until when it holds; undefined for pins that hold as long as their run is known. Throws `IPLD_INVALID`. */
export function untilOf(record: MeshRecord): number | undefined {
  return read(record).until;
}

function read({ key, value }: MeshRecord): { readonly lists: readonly List[]; readonly until: number | undefined } {
  const found = readMessage(value, (parts) => ({
    lists: maps(parts, 'lists', MOST_LISTS, (list) => ({ cid: link(list, 'list'), count: count(list, 'count') })),
    until: own(parts, 'until') === undefined ? undefined : count(parts, 'until'),
  }));
  if ('refused' in found) throw new DocketError('IPLD_INVALID', `the record ${key} of the mesh cannot be read: ${found.problem}`);
  return found;
}

async function seenBy(records: Pick<Records, 'get'>): Promise<number> {
  const record = await records.get(SWEEP);
  const sweep = record && readSweep(record);
  return sweep === undefined || 'refused' in sweep ? 0 : sweep.seen;
}

/** Digests. Throws `MESH_…`, and `BLOB_MISSING` or `IPLD_INVALID` if what is pinned is not known: then nothing may be swept that it may pin. */
export async function pinned(record: MeshRecord, objects: Pick<Objects, 'get'>, signal: AbortSignal): Promise<string[]> {
  const digests: string[] = [];
  for (const list of listsOf(record)) for (const digest of await readList(record.key, list, objects, signal)) digests.push(digest);
  return digests;
}

async function readList(key: string, name: CID, objects: Pick<Objects, 'get'>, signal: AbortSignal): Promise<string[]> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of objects.get(name, signal)) {
    size += chunk.length;
    if (size > MOST_BYTES)
      throw new DocketError('IPLD_INVALID', `a list of the record ${key} of the mesh is larger than one of ${MOST} objects can be`);
    chunks.push(chunk);
  }
  const bytes = Buffer.concat(chunks);
  const list = ofBlob(bytes).equals(name) ? decode(bytes) : undefined;
  if (list === undefined || !isList(list)) throw new DocketError('IPLD_INVALID', `a list of the record ${key} of the mesh is damaged`);
  return list.map((digest) => (digest instanceof Uint8Array ? Buffer.from(digest).toString('base64url') : ''));
}

export function digestOf(cid: CID): string {
  return Buffer.from(cid.multihash.digest).toString('base64url');
}

async function sweepOver({ records, clock, signal, onRefused }: Pinning): Promise<void> {
  const began = clock.monotonic();
  for (let first: number | undefined; ;) {
    const record = await records.get(SWEEP);
    if (record === undefined || (first ??= record.revision) !== record.revision) return;
    const sweep = readSweep(record);
    const patience = patienceFor(sweep);
    if (patience === 0) return;
    if (clock.monotonic() - began >= patience) {
      const isEnded = await endTurn(record, records);
      if (isEnded && 'refused' in sweep) onRefused?.(refusalOf(sweep));
      return;
    }
    await new Promise<void>((resolve) => clock.after(LOOK, resolve));
    signal.throwIfAborted();
  }
}

/** In ms. What a newer Docket writes may be a sweep, of which nothing else is known. */
function patienceFor(sweep: ReturnType<typeof readSweep>): number {
  if ('refused' in sweep) return sweep.refused === 'newer' ? SWEEPING : DELETING;
  return sweep.isDeleting ? SWEEPING : 0;
}

/** Whoever has the turn deletes no more under it, if it lives. False if another revision has ended it already. */
async function endTurn(record: MeshRecord, records: Pick<Records, 'put' | 'delete'>): Promise<boolean> {
  const sweep = readSweep(record);
  if ('refused' in sweep) return await records.delete(SWEEP, record.revision);
  return (await records.put(SWEEP, encodeSweep({ ...sweep, isDeleting: false }), record.revision)) !== undefined;
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
