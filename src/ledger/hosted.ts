import { closeSync, fstatSync, ftruncateSync, openSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { writeAll } from '../base/write-all.ts';
import { systemCode } from '../errors.ts';
import * as Cid from '../ipld/cid.ts';
import { decode, encode } from '../ipld/dag-cbor.ts';
import { type Ipld, isLink, isList } from '../ipld/value.ts';
import { writeFailure } from './write-failure.ts';

/**
 * Attempts at tasks of others that were given to a runner of this home: what `Flight` is for its own runs. Of these there is no plan here, so the journal holds what
 * their crash receipts need.
 *
 * Invariants
 * J1. An attempt stands here before its job is given away, and the name of its receipt before that is committed. So those had no end when the process was killed that
 *     stand here without the name of a receipt which the ledger has: however often it is asked, none is lost and none invented.
 * J2. A record is the length of its DAG-CBOR in four bytes, then that. The kernel keeps what a killed process wrote; after a power cut records may be missing. What
 *     follows a broken one does not count, so what a full disk took in part is cut off again.
 * J3. While nothing is in flight the file is empty. One that grew large all the same is replaced by one that holds what is in flight.
 */

/** An attempt that was begun. */
export interface HostedAttempt {
  /** Unique in the journal. */
  readonly id: number;
  /** DAG-CBOR of `{task}`, whose hash the invocation is. */
  readonly work: Uint8Array;
  readonly module: Cid.CID;
  readonly label: string;
  readonly attempt: number;
  /** Milliseconds since the epoch. */
  readonly started: number;
}

/** A record: begun, taken back, or about to be committed. */
type Entry =
  | readonly [kind: 'begun', id: number, work: Uint8Array, module: Cid.CID, label: string, attempt: number, started: number]
  | readonly [kind: 'returned', id: number]
  | readonly [kind: 'ending', id: number, receipt: Cid.CID];

/** Bytes after which it is worth writing it anew. */
const LARGE = 4 * 2 ** 20;
const HEAD = 4;

/** Throws `STORE_FULL`, `HOME_UNUSABLE`. */
export class HostedJournal implements Disposable {
  readonly #path: string;
  readonly #large: number;
  /** With the receipt, once that is about to be committed. */
  readonly #open = new Map<number, { readonly attempt: HostedAttempt; receipt?: Cid.CID }>();
  #descriptor: number | undefined;
  #size = 0;
  #nextId = 1;

  /** To be made when what stood there was settled; nothing is written before the first attempt. `large`: bytes, default 4 MiB. */
  constructor(path: string, large = LARGE) {
    this.#path = path;
    this.#large = large;
  }

  /** To be called before they are given away. Their ids. */
  begun(attempts: readonly Omit<HostedAttempt, 'id'>[]): number[] {
    const begun = attempts.map((attempt) => ({ ...attempt, id: this.#nextId++ }));
    if (this.#size > this.#large) this.#renew();
    this.#append(begun.map(entryOf));
    for (const attempt of begun) this.#open.set(attempt.id, { attempt });
    return begun.map(({ id }) => id);
  }

  /** It came back before anything of it had run. */
  returned(id: number): void {
    this.#append([['returned', id]]);
    this.#forget([id]);
  }

  /** To be called before the receipts are given to the ledger. */
  ending(ends: readonly { readonly id: number; readonly receipt: Cid.CID }[]): void {
    for (const { id, receipt } of ends) {
      const open = this.#open.get(id);
      if (open !== undefined) open.receipt = receipt;
    }
    this.#append(ends.map(({ id, receipt }) => ['ending', id, receipt]));
  }

  /** Their receipts are durable. */
  ended(ids: readonly number[]): void {
    this.#forget(ids);
  }

  #forget(ids: readonly number[]): void {
    for (const id of ids) this.#open.delete(id);
    if (this.#open.size > 0 || this.#size === 0 || this.#descriptor === undefined) return;
    try {
      ftruncateSync(this.#descriptor);
      this.#size = 0;
    } catch {
      // What stands there is of what ended: it is found so when it is read.
    }
  }

  #append(entries: readonly Entry[]): void {
    if (entries.length === 0) return;
    const bytes = Buffer.concat(entries.map(record));
    try {
      if (this.#descriptor === undefined) {
        this.#descriptor = openSync(this.#path, 'a', 0o600);
        this.#size = fstatSync(this.#descriptor).size;
      }
      writeAll(this.#descriptor, bytes);
    } catch (cause) {
      this.#cutBack();
      throw writeFailure(this.#path, cause);
    }
    this.#size += bytes.length;
  }

  /** To the last whole record. */
  #cutBack(): void {
    try {
      if (this.#descriptor !== undefined) ftruncateSync(this.#descriptor, this.#size);
    } catch {
      // The write that failed is what is told of.
    }
  }

  #renew(): void {
    const entries = [...this.#open.values()].flatMap(({ attempt, receipt }): Entry[] => {
      return receipt === undefined ? [entryOf(attempt)] : [entryOf(attempt), ['ending', attempt.id, receipt]];
    });
    const bytes = Buffer.concat(entries.map(record));
    const fresh = `${this.#path}.new`;
    try {
      rmSync(fresh, { force: true });
      // To append, or what is written after it was emptied would leave a hole.
      const descriptor = openSync(fresh, 'a', 0o600);
      writeAll(descriptor, bytes);
      renameSync(fresh, this.#path);
      if (this.#descriptor !== undefined) closeSync(this.#descriptor);
      this.#descriptor = descriptor;
    } catch (cause) {
      throw writeFailure(this.#path, cause);
    }
    this.#size = bytes.length;
  }

  /** Keeps what is in flight. */
  [Symbol.dispose](): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
    if (this.#open.size === 0) HostedJournal.discard(this.#path);
  }

  /** Attempts without an end, in the order they began; empty if there is no journal. `isFiled`: whether the ledger has this receipt. */
  static read(path: string, isFiled: (receipt: Cid.CID) => boolean): HostedAttempt[] {
    const open = new Map<number, HostedAttempt>();
    for (const entry of entriesIn(path)) {
      if (!isList(entry)) break;
      const [kind, id, ...rest] = entry;
      if (typeof id !== 'number') break;
      if (kind === 'begun') {
        const [work, module, label, attempt, started] = rest;
        if (!(work instanceof Uint8Array) || !isLink(module) || typeof label !== 'string') break;
        if (typeof attempt !== 'number' || typeof started !== 'number') break;
        open.set(id, { id, work, module, label, attempt, started });
      } else if (kind === 'returned' || (kind === 'ending' && isLink(rest[0]) && isFiled(rest[0]))) open.delete(id);
    }
    return [...open.values()];
  }

  /** Deletes a journal; absent is no error. */
  static discard(path: string): void {
    rmSync(path, { force: true });
    rmSync(`${path}.new`, { force: true });
  }
}

function entryOf({ id, work, module, label, attempt, started }: HostedAttempt): Entry {
  return ['begun', id, work, module, label, attempt, started];
}

function record(entry: Entry): Uint8Array {
  const body = encode(entry);
  const bytes = Buffer.allocUnsafe(HEAD + body.length);
  bytes.writeUInt32LE(body.length);
  bytes.set(body, HEAD);
  return bytes;
}

function* entriesIn(path: string): Generator<Ipld> {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return;
    throw error;
  }
  for (let at = 0; at + HEAD <= bytes.length;) {
    const end = at + HEAD + bytes.readUInt32LE(at);
    if (end > bytes.length) return;
    let entry: Ipld;
    try {
      entry = decode(bytes.subarray(at + HEAD, end));
    } catch {
      return;
    }
    yield entry;
    at = end;
  }
}
