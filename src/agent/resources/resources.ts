import { backoff } from '../../base/backoff.ts';
import { type Clock, systemClock } from '../../base/clock.ts';
import { Gate } from '../../base/gate.ts';
import { mapConcurrent } from '../../base/limit-concurrency.ts';
import { DocketError, isDocketError } from '../../errors.ts';
import * as Cid from '../../ipld/cid.ts';
import * as Tree from '../../store/tree.ts';
import { follow } from '../../store/unixfs/path.ts';
import { MOST_BLOCK } from '../../store/unixfs/rebuild.ts';
import type { Plan } from '../../workflow/model.ts';
import * as Resource from '../../workflow/resource.ts';
import { missingInputs } from '../missing-inputs.ts';
import { fetchBlock, fetchFile, type Fetching, fetchUrl, type Gateway, isTransient } from './fetch-file.ts';
import type { FetchPolicy } from './fetch-policy.ts';
import { type Place, placesOf } from './places.ts';
import type { ResourceShelf } from './shelf.ts';

/** Gets what is not here. */
export type ResourceSource = Pick<Resources, 'get' | 'bring' | 'lead'>;

export interface FetchSettings {
  readonly policy: FetchPolicy;
  /** Asked in this order, after the host that a URL names. */
  readonly gateways: readonly string[];
  /** Bytes a resource may have; default 1 GiB. */
  readonly limit?: number;
  /** Default: nobody. */
  readonly peers?: ResourcePeers;
  /** How long a server may keep us waiting, in ms; default 30 s. */
  readonly idle?: number;
  readonly clock?: Clock;
  readonly onProgress?: (progress: FetchProgress) => void;
}

/** Other agents that are asked before gateways are. */
export interface ResourcePeers {
  /** Has a blob brought here; nothing happens if nobody has it. */
  readonly bring: (cid: Cid.CID, signal: AbortSignal) => Promise<void>;
  /** The blob that a UnixFS CID stands for, brought here and checked; undefined if nobody knows. */
  readonly alias: (name: Cid.CID, signal: AbortSignal) => Promise<Cid.CID | undefined>;
}

export type FetchProgress =
  | { readonly kind: 'begun' | 'failed'; readonly rsc: string }
  | { readonly kind: 'bytes'; readonly bytes: number }
  | { readonly kind: 'fetched'; readonly rsc: string; readonly place: string; readonly size: number };

export const MOST_RESOURCE = 2 ** 30;
const IDLE = 30_000;
/** Fetched at a time. */
const AT_ONCE = 4;
/** As Homestar has them. */
const ATTEMPTS = 4;
const FIRST_PAUSE = 500;

/**
 * Gets what a workflow names and the store lacks, before anything runs.
 *
 * Invariants
 * R1. What is here already is asked of nobody; a URL without a CID is asked anew each time, since nobody knows what it gives today.
 * R2. One resource is fetched once at a time, whoever asks for it, and at most `AT_ONCE` are.
 * R3. A server that fails in passing is asked again, one that has given something wrong or has refused is not; the next place is asked either way.
 */
export class Resources {
  readonly #shelf: ResourceShelf;
  readonly #settings: FetchSettings;
  readonly #signal: AbortSignal;
  readonly #pending = new Map<string, Promise<Cid.CID | undefined>>();
  readonly #gate = new Gate(AT_ONCE);

  constructor(shelf: ResourceShelf, settings: FetchSettings, signal: AbortSignal) {
    this.#shelf = shelf;
    this.#settings = settings;
    this.#signal = signal;
  }

  /**
   * The blob that `rsc` stands for. Undefined if it is not here and there is nobody to be asked. Throws `RESOURCE_…`, `BLOB_TOO_LARGE`, and what the
   * store throws.
   */
  get(rsc: string): Promise<Cid.CID | undefined> {
    return this.#once(rsc, () => this.#get(rsc));
  }

  #once(name: string, work: () => Promise<Cid.CID | undefined>): Promise<Cid.CID | undefined> {
    let pending = this.#pending.get(name);
    if (pending === undefined) {
      pending = work().finally(() => this.#pending.delete(name));
      this.#pending.set(name, pending);
    }
    return pending;
  }

  /**
   * What `rsc` names: the CID in it, or the one that the path behind it leads to. Undefined if it names none, or if a directory on the way is not here and there is
   * nobody to be asked. Throws as `get`.
   */
  async lead(rsc: string): Promise<Cid.CID | undefined> {
    const below = Resource.below(rsc);
    if (below === undefined) return Resource.cidOf(rsc);
    try {
      return await follow(below.root, Resource.namesOf(below), { get: (block) => this.#block(rsc, block) });
    } catch (error) {
      if (error instanceof NobodyAsked) return undefined;
      throw error;
    }
  }

  /** Gets what a CID names, and what a tree among it names. Throws as `get`. */
  async bring(cid: Cid.CID): Promise<void> {
    if (!isFetched(cid) || (await this.get(nameOf(cid))) === undefined || !Cid.isTree(cid)) return;
    const entries = Object.values(await Tree.read(this.#shelf.store, cid, { limit: Number.POSITIVE_INFINITY }));
    const missing = await this.#shelf.store.missing(entries.flatMap((entry) => ('cid' in entry ? [entry.cid] : [])));
    await mapConcurrent(missing, AT_ONCE, (file) => this.get(nameOf(file)));
  }

  /** Gets all that a plan names, no task makes, and is not here. What nobody can be asked for stays away. Throws as `get`. */
  async bringInputs(plan: Plan): Promise<void> {
    const missing = await missingInputs(this.#shelf, plan);
    const names = new Map<string, string>();
    for (const { task, module } of plan.tasks)
      if (module !== undefined && Resource.isWeb(task.run.rsc)) names.set(nameOf(module), task.run.rsc);
    await mapConcurrent(missing, AT_ONCE, async (cid) => {
      const rsc = names.get(nameOf(cid));
      // What a URL gave that does not say what is not what it gives today.
      if (rsc === undefined || !Resource.isFixed(rsc)) await this.bring(cid);
      else await this.get(rsc);
    });
  }

  async #get(rsc: string): Promise<Cid.CID | undefined> {
    const cid = await this.lead(rsc);
    if (cid === undefined) return Resource.isWeb(rsc) && !Resource.isFixed(rsc) ? await this.#inTurn(() => this.#fetchUrl(rsc)) : undefined;
    const places = placesOf(rsc, cid, this.#settings.gateways);
    const here = (await this.#here(cid)) ?? (await this.#fromPeers(cid, places));
    if (here !== undefined) return here;
    if (places.length === 0) return undefined;
    return await this.#inTurn(() => this.#fetch(rsc, cid, places));
  }

  async #here(cid: Cid.CID): Promise<Cid.CID | undefined> {
    const { store, find } = this.#shelf;
    const blob = Cid.isUnixFs(cid) ? await find(cid) : Cid.isStored(cid) ? cid : undefined;
    return blob !== undefined && (await store.stat(blob)) !== undefined ? blob : undefined;
  }

  /** A peer that does not answer is no reason not to ask the places that are left. */
  async #fromPeers(cid: Cid.CID, places: readonly Place[]): Promise<Cid.CID | undefined> {
    const { peers } = this.#settings;
    if (peers === undefined) return undefined;
    try {
      if (Cid.isUnixFs(cid)) return await peers.alias(cid, this.#signal);
      if (!Cid.isStored(cid)) return undefined;
      await peers.bring(cid, this.#signal);
    } catch (error) {
      if (!isDocketError(error, 'BLOB_UNREACHABLE') || places.length === 0) throw error;
    }
    return await this.#here(cid);
  }

  /** A block of a directory: they lie in the store as blobs of the same hash. Throws `NobodyAsked`. */
  async #block(rsc: string, cid: Cid.CID): Promise<Uint8Array> {
    const blob = Cid.fromSha256(cid.multihash.digest);
    const known = await this.#readBlock(blob);
    if (known !== undefined) return known;
    await this.#once(`block ${blob}`, async () => {
      const gateways = placesOf(rsc, cid, this.#settings.gateways).filter((place): place is Gateway => place.kind === 'gateway');
      if ((await this.#fromPeers(blob, gateways)) !== undefined) return blob;
      if (gateways.length === 0) throw new NobodyAsked();
      await this.#inTurn(() => this.#asked(`ipfs://${cid}`, gateways, (place) => fetchBlock(cid, place as Gateway, this.#fetching())));
      return blob;
    });
    return await this.#shelf.store.read(blob, { limit: MOST_BLOCK });
  }

  async #readBlock(blob: Cid.CID): Promise<Uint8Array | undefined> {
    try {
      return await this.#shelf.store.read(blob, { limit: MOST_BLOCK });
    } catch (error) {
      // One that was damaged is gone then.
      if (isDocketError(error, 'BLOB_MISSING') || isDocketError(error, 'BLOB_DAMAGED')) return undefined;
      if (isDocketError(error, 'BLOB_TOO_LARGE'))
        throw new DocketError('RESOURCE_INVALID', `${blob} is too large for a block of a directory`);
      throw error;
    }
  }

  async #fetch(rsc: string, cid: Cid.CID, places: readonly Place[]): Promise<Cid.CID> {
    if (!isFetched(cid)) throw new DocketError('RESOURCE_INVALID', `${rsc} names no file: it is of another codec or hash than files have`);
    const fetched = await this.#asked(rsc, places, (place) => fetchFile(cid, place, this.#fetching()));
    if (Cid.isUnixFs(cid)) await this.#shelf.file(cid, fetched);
    return Cid.isTree(cid) ? cid : fetched.blob;
  }

  async #fetchUrl(url: string): Promise<Cid.CID> {
    const place: Place = { kind: 'file', name: url, url };
    return (await this.#asked(url, [place], () => fetchUrl(url, this.#fetching()))).blob;
  }

  #fetching(): Fetching {
    const { policy, limit = MOST_RESOURCE, idle = IDLE, clock = systemClock, onProgress = () => {} } = this.#settings;
    const onBytes = (bytes: number): void => onProgress({ kind: 'bytes', bytes });
    return { store: this.#shelf.store, policy, limit, idle, clock, signal: this.#signal, onBytes };
  }

  /** Asks one place after the other, then those that may have failed in passing again. */
  async #asked<T extends { readonly size: number }>(rsc: string, places: readonly Place[], ask: (place: Place) => Promise<T>): Promise<T> {
    const { onProgress = () => {} } = this.#settings;
    const failures = new Map<Place, DocketError>();
    onProgress({ kind: 'begun', rsc });
    for (let attempt = 1, left = places; ; attempt++) {
      for (const place of left) {
        try {
          const fetched = await ask(place);
          onProgress({ kind: 'fetched', rsc, place: place.name, size: fetched.size });
          return fetched;
        } catch (error) {
          this.#signal.throwIfAborted();
          if (!isDocketError(error) || !ABOUT_PLACES.has(error.code)) throw error;
          failures.set(place, error);
        }
      }
      left = left.filter((place) => isPassing(failures.get(place)!));
      if (left.length === 0 || attempt === ATTEMPTS) {
        onProgress({ kind: 'failed', rsc });
        throw failed(rsc, [...failures.values()]);
      }
      await this.#pause(backoff(FIRST_PAUSE, attempt));
    }
  }

  async #pause(ms: number): Promise<void> {
    const { clock = systemClock } = this.#settings;
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = clock.after(ms, resolve);
    const leave = (): void => resolve();
    this.#signal.addEventListener('abort', leave, { once: true });
    await promise;
    this.#signal.removeEventListener('abort', leave);
    cancel();
    this.#signal.throwIfAborted();
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    using _ = await this.#gate.enter(this.#signal);
    return await work();
  }
}

/** What is wanted is not here, and there is no place where it could be. Never leaves this file. */
class NobodyAsked extends Error {}

const ABOUT_PLACES: ReadonlySet<string> = new Set(['RESOURCE_UNREACHABLE', 'RESOURCE_INVALID', 'RESOURCE_REFUSED', 'BLOB_TOO_LARGE']);

function isPassing({ code, details }: DocketError): boolean {
  const { status } = details;
  return code === 'RESOURCE_UNREACHABLE' && (typeof status !== 'number' || isTransient(status));
}

function isFetched(cid: Cid.CID): boolean {
  return Cid.isStored(cid) || Cid.isUnixFs(cid);
}

function nameOf(cid: Cid.CID): string {
  return `ipfs://${cid.toV1()}`;
}

function failed(rsc: string, failures: readonly DocketError[]): DocketError {
  const [first] = failures;
  // What is wrong with what was given says more than that somebody else did not answer.
  const worst = failures.find(({ code }) => code !== 'RESOURCE_UNREACHABLE') ?? first!;
  return new DocketError(worst.code, `${rsc} cannot be fetched: ${failures.map(({ message }) => message).join('; ')}`, {
    cause: worst,
    next: worst.next,
    details: worst.details,
  });
}
