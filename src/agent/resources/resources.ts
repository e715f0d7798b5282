import { backoff } from '../../base/backoff.ts';
import { type Clock, systemClock } from '../../base/clock.ts';
import { Gate } from '../../base/gate.ts';
import { mapConcurrent } from '../../base/limit-concurrency.ts';
import { DocketError, isDocketError } from '../../errors.ts';
import * as Cid from '../../ipld/cid.ts';
import * as Tree from '../../store/tree.ts';
import type { Plan } from '../../workflow/model.ts';
import * as Resource from '../../workflow/resource.ts';
import { missingInputs } from '../missing-inputs.ts';
import { fetchFile, type Fetching, fetchUrl, isTransient } from './fetch-file.ts';
import type { FetchPolicy } from './fetch-policy.ts';
import { type Place, placesOf } from './places.ts';
import type { ResourceShelf } from './shelf.ts';

/** Gets what is not here. */
export type ResourceSource = Pick<Resources, 'get' | 'bring'>;

export interface FetchSettings {
  readonly policy: FetchPolicy;
  /** Asked in this order, after the host that a URL names. */
  readonly gateways: readonly string[];
  /** Bytes a resource may have; default 1 GiB. */
  readonly limit?: number;
  /** How long a server may keep us waiting, in ms; default 30 s. */
  readonly idle?: number;
  readonly clock?: Clock;
  readonly onProgress?: (progress: FetchProgress) => void;
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
    let pending = this.#pending.get(rsc);
    if (pending === undefined) {
      pending = this.#get(rsc).finally(() => this.#pending.delete(rsc));
      this.#pending.set(rsc, pending);
    }
    return pending;
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
      if (rsc === undefined || Resource.cidOf(rsc) === undefined) await this.bring(cid);
      else await this.get(rsc);
    });
  }

  async #get(rsc: string): Promise<Cid.CID | undefined> {
    const cid = Resource.cidOf(rsc);
    if (cid === undefined) return Resource.isWeb(rsc) ? await this.#inTurn(() => this.#fetchUrl(rsc)) : undefined;
    const here = await this.#here(cid);
    if (here !== undefined) return here;
    const places = placesOf(rsc, cid, this.#settings.gateways);
    if (places.length === 0) return undefined;
    return await this.#inTurn(() => this.#fetch(rsc, cid, places));
  }

  async #here(cid: Cid.CID): Promise<Cid.CID | undefined> {
    const { store, find } = this.#shelf;
    const blob = Cid.isUnixFs(cid) ? await find(cid) : Cid.isStored(cid) ? cid : undefined;
    return blob !== undefined && (await store.stat(blob)) !== undefined ? blob : undefined;
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
