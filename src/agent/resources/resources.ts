import { backoff } from '../../base/backoff.ts';
import { type Clock, systemClock } from '../../base/clock.ts';
import { Gate } from '../../base/gate.ts';
import { mapConcurrent } from '../../base/limit-concurrency.ts';
import { DocketError, isDocketError } from '../../errors.ts';
import * as Cid from '../../ipld/cid.ts';
import * as Tree from '../../store/tree.ts';
import { follow } from '../../store/unixfs/path.ts';
import { MOST_BLOCK } from '../../store/unixfs/rebuild.ts';
import * as Resource from '../../workflow/resource.ts';
import { type Errand, Errands, type Waiting } from './errands.ts';
import { fetchBlock, type Fetched, fetchFile, type Fetching, fetchUrl, type Gateway, isTransient } from './fetch-file.ts';
import { checkUrl, type FetchPolicy } from './fetch-policy.ts';
import type { FetchProgress } from './fetch-progress.ts';
import { blobHere } from './here.ts';
import { type Place, placesOf } from './places.ts';
import type { ResourceShelf, ResourceSource } from './shelf.ts';

export interface FetchSettings {
  readonly policy: FetchPolicy;
  /** Asked in this order, after the host that a URL names. */
  readonly gateways: readonly string[];
  /** Bytes a resource may have; default 1 GiB. */
  readonly limit?: number;
  /** Resources fetched at a time; default 4. */
  readonly atOnce?: number;
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

export const MOST_RESOURCE = 2 ** 30;
const IDLE = 30_000;
const AT_ONCE = 4;
/** As Homestar has them. */
const ATTEMPTS = 4;
const FIRST_PAUSE = 500;

/**
 * Gets what a workflow names and the store lacks, before anything runs.
 *
 * Invariants
 * R1. What is here already is asked of nobody; a URL without a CID is asked anew each time, since nobody knows what it gives today.
 * R2. One resource is fetched once at a time, whoever asks for it, and no more than `atOnce` are. What nobody waits for any more is stopped (`Errands`).
 * R3. A server that fails in passing is asked again, one that has given something wrong or has refused is not; the next place is asked either way.
 */
export class Resources implements ResourceSource {
  readonly #shelf: ResourceShelf;
  readonly #settings: FetchSettings;
  readonly #signal: AbortSignal;
  readonly #errands = new Errands();
  readonly #gate: Gate;
  readonly #anybody: Waiting;

  /** `signal` ends it all. */
  constructor(shelf: ResourceShelf, settings: FetchSettings, signal: AbortSignal) {
    this.#shelf = shelf;
    this.#settings = settings;
    this.#signal = signal;
    this.#gate = new Gate(settings.atOnce ?? AT_ONCE);
    this.#anybody = { signal, onProgress: settings.onProgress ?? (() => {}) };
  }

  /**
   * The blob that `rsc` stands for. Undefined if it is not here and there is nobody to be asked. Throws `RESOURCE_…`, `BLOB_TOO_LARGE`, and what the
   * store throws. `waiting`: who is told of it, and may leave; default: as the settings say.
   */
  async get(rsc: string, waiting = this.#anybody): Promise<Cid.CID | undefined> {
    const cid = await this.lead(rsc, waiting);
    if (cid === undefined) {
      if (Resource.isFixed(rsc) || !Resource.isWeb(rsc)) return undefined;
      return await this.#errands.run(rsc, waiting, (errand) => this.#fetchUrl(rsc, errand));
    }
    const here = await blobHere(this.#shelf, cid);
    return here ?? (await this.#errands.run(rsc, waiting, (errand) => this.#getAway(rsc, cid, errand)));
  }

  /**
   * What `rsc` names: the CID in it, or the one that the path behind it leads to. Undefined if it names none, or if a directory on the way is not here and there is
   * nobody to be asked. Throws as `get`.
   */
  async lead(rsc: string, waiting = this.#anybody): Promise<Cid.CID | undefined> {
    const below = Resource.below(rsc);
    if (below === undefined) return Resource.cidOf(rsc);
    try {
      return await follow(below.root, Resource.namesOf(below), { get: (block) => this.#block(rsc, block, waiting) });
    } catch (error) {
      if (error instanceof NobodyAsked) return undefined;
      throw error;
    }
  }

  /** Gets what a CID names, and what a tree among it names. Throws as `get`. */
  async bring(cid: Cid.CID, waiting = this.#anybody): Promise<void> {
    if (!isFetched(cid) || (await this.get(nameOf(cid), waiting)) === undefined || !Cid.isTree(cid)) return;
    const entries = Object.values(await Tree.read(this.#shelf.store, cid, { limit: Number.POSITIVE_INFINITY }));
    const missing = await this.#shelf.store.missing(entries.flatMap((entry) => ('cid' in entry ? [entry.cid] : [])));
    await mapConcurrent(missing, AT_ONCE, (file) => this.get(nameOf(file), waiting));
  }

  /** Throws `RESOURCE_REFUSED` if all who could be asked for a resource are hosts that nothing is fetched from, as far as their names tell. */
  checkAllowed(rsc: string): void {
    const { policy, gateways } = this.#settings;
    const cid = Resource.below(rsc)?.root ?? Resource.cidOf(rsc);
    const urls = cid === undefined ? (Resource.isWeb(rsc) ? [rsc] : []) : placesOf(rsc, cid, gateways).map((place) => urlOf(place, cid));
    let refused: unknown;
    for (const url of urls) {
      try {
        return checkUrl(policy, new URL(url));
      } catch (error) {
        refused ??= error;
      }
    }
    if (refused !== undefined) throw refused;
  }

  async #getAway(rsc: string, cid: Cid.CID, errand: Errand): Promise<Cid.CID | undefined> {
    const places = placesOf(rsc, cid, this.#settings.gateways);
    const near = await this.#fromPeers(cid, places, errand);
    if (near !== undefined) return near;
    return places.length === 0 ? undefined : await this.#inTurn(errand, () => this.#fetch(rsc, cid, places, errand));
  }

  /** A peer that does not answer is no reason not to ask the places that are left. */
  async #fromPeers(cid: Cid.CID, places: readonly Place[], { signal }: Errand): Promise<Cid.CID | undefined> {
    const { peers } = this.#settings;
    if (peers === undefined) return undefined;
    try {
      if (Cid.isUnixFs(cid)) return await peers.alias(cid, signal);
      if (!Cid.isStored(cid)) return undefined;
      await peers.bring(cid, signal);
    } catch (error) {
      if (!isDocketError(error, 'BLOB_UNREACHABLE') || places.length === 0) throw error;
    }
    return await blobHere(this.#shelf, cid);
  }

  /** A block of a directory: they lie in the store as blobs of the same hash. Throws `NobodyAsked`. */
  async #block(rsc: string, cid: Cid.CID, waiting: Waiting): Promise<Uint8Array> {
    const blob = Cid.fromSha256(cid.multihash.digest);
    const known = await this.#readBlock(blob);
    if (known !== undefined) return known;
    await this.#errands.run(`block ${blob}`, waiting, async (errand) => {
      const gateways = placesOf(rsc, cid, this.#settings.gateways).filter((place): place is Gateway => place.kind === 'gateway');
      if ((await this.#fromPeers(blob, gateways, errand)) !== undefined) return;
      if (gateways.length === 0) throw new NobodyAsked();
      const ask = (place: Gateway, fetching: Fetching): Promise<Pick<Fetched, 'blob' | 'size'>> => fetchBlock(cid, place, fetching);
      await this.#inTurn(errand, () => this.#asked(nameOf(cid), gateways, ask, errand));
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

  async #fetch(rsc: string, cid: Cid.CID, places: readonly Place[], errand: Errand): Promise<Cid.CID> {
    if (!isFetched(cid)) throw new DocketError('RESOURCE_INVALID', `${rsc} names no file: it is of another codec or hash than files have`);
    const fetched = await this.#asked(rsc, places, (place, fetching) => fetchFile(cid, place, fetching), errand);
    if (Cid.isUnixFs(cid)) await this.#shelf.file(cid, fetched);
    return Cid.isTree(cid) ? cid : fetched.blob;
  }

  #fetchUrl(url: string, errand: Errand): Promise<Cid.CID> {
    const place: Place = { kind: 'file', name: url, url };
    return this.#inTurn(errand, async () => (await this.#asked(url, [place], (_, fetching) => fetchUrl(url, fetching), errand)).blob);
  }

  #fetching(rsc: string, { name }: Place, { signal, tell }: Errand): Fetching {
    const { policy, limit = MOST_RESOURCE, idle = IDLE, clock = systemClock } = this.#settings;
    const onAnew = (): void => tell({ kind: 'asked', rsc });
    const onBytes = (bytes: number, size: number | undefined): void => tell({ kind: 'bytes', rsc, place: name, bytes, size });
    return { store: this.#shelf.store, policy, limit, idle, clock, signal: AbortSignal.any([this.#signal, signal]), onAnew, onBytes };
  }

  /** Asks one place after the other, then those that may have failed in passing again. */
  async #asked<P extends Place, T extends Pick<Fetched, 'blob' | 'size'>>(
    rsc: string,
    places: readonly P[],
    ask: (place: P, fetching: Fetching) => Promise<T>,
    errand: Errand,
  ): Promise<T> {
    const { clock = systemClock } = this.#settings;
    const { signal, tell } = errand;
    const failures = new Map<Place, DocketError>();
    const began = clock.monotonic();
    tell({ kind: 'begun', rsc });
    for (let attempt = 1, left = places; ; attempt++) {
      for (const place of left) {
        tell({ kind: 'asked', rsc });
        try {
          const fetched = await ask(place, this.#fetching(rsc, place, errand));
          const seconds = (clock.monotonic() - began) / 1000;
          const { blob, size } = fetched;
          tell({ kind: 'fetched', rsc, place: place.name, size, seconds, blob: blob.toString(), isVerified: Resource.isFixed(rsc) });
          return fetched;
        } catch (error) {
          this.#signal.throwIfAborted();
          signal.throwIfAborted();
          if (!isDocketError(error) || !ABOUT_PLACES.has(error.code)) throw error;
          failures.set(place, error);
        }
      }
      left = left.filter((place) => isPassing(failures.get(place)!));
      if (left.length === 0 || attempt === ATTEMPTS) {
        tell({ kind: 'failed', rsc });
        throw failed(rsc, [...failures.values()]);
      }
      await this.#pause(backoff(FIRST_PAUSE, attempt), AbortSignal.any([this.#signal, signal]));
    }
  }

  async #pause(ms: number, signal: AbortSignal): Promise<void> {
    const { clock = systemClock } = this.#settings;
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = clock.after(ms, resolve);
    const leave = (): void => resolve();
    signal.addEventListener('abort', leave, { once: true });
    await promise;
    signal.removeEventListener('abort', leave);
    cancel();
    signal.throwIfAborted();
  }

  async #inTurn<T>({ signal }: Errand, work: () => Promise<T>): Promise<T> {
    using _ = await this.#gate.enter(AbortSignal.any([this.#signal, signal]));
    return await work();
  }
}

function urlOf(place: Place, cid: Cid.CID): string {
  return place.kind === 'file' ? place.url : place.urlOf(cid);
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

export function nameOf(cid: Cid.CID): string {
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
