import type { Clock } from '../../base/clock.ts';
import type { FetchedView, FetchView } from '../../protocol/records.ts';
import type { RunEvent } from '../../scheduler/events.ts';
import type { FetchProgress } from './fetch-progress.ts';

/** Between two events of one resource, in ms. */
const EVERY = 1_000;

/** Of one run that are remembered. */
export const MOST_FETCHED = 1_000;

type Underway = { -readonly [Key in keyof FetchView]: FetchView[Key] } & { told: number };

/** What a run is told of the resources it waits for, and which they are at the moment. */
export class FetchEvents {
  readonly #clock: Clock;
  readonly #onEvent: (event: RunEvent) => void;
  readonly #fetched: FetchedView[] = [];
  readonly #underway = new Map<string, Underway>();

  constructor(clock: Clock, onEvent: (event: RunEvent) => void) {
    this.#clock = clock;
    this.#onEvent = onEvent;
  }

  get views(): readonly FetchView[] {
    return [...this.#underway.values()].map(({ resource, from, bytes, size }) => ({ resource, from, bytes, size }));
  }

  add(progress: FetchProgress): void {
    const { kind, rsc } = progress;
    switch (kind) {
      case 'begun':
        return this.#tell(this.#of(rsc));
      case 'asked':
        // Told when something comes.
        Object.assign(this.#of(rsc), { from: null, bytes: 0, size: null });
        return;
      case 'bytes': {
        const view = this.#of(rsc);
        const isFirst = view.from === null;
        view.bytes += progress.bytes;
        view.from = progress.place;
        view.size = progress.size ?? null;
        if (isFirst || this.#clock.monotonic() - view.told >= EVERY) this.#tell(view);
        return;
      }
      case 'failed':
        this.#underway.delete(rsc);
        return;
      case 'fetched':
        this.#underway.delete(rsc);
        this.#onEvent({ kind, ...this.#keep(fetchedView(progress)) });
    }
  }

  /** What came. */
  get fetched(): readonly FetchedView[] {
    return this.#fetched;
  }

  #keep(view: FetchedView): FetchedView {
    if (this.#fetched.length < MOST_FETCHED) this.#fetched.push(view);
    return view;
  }

  failed(resource: string, { code, message }: { readonly code: string; readonly message: string }): void {
    this.#onEvent({ kind: 'unfetched', resource, code, message });
  }

  /** One that came on the way already was begun by another run. */
  #of(rsc: string): Underway {
    let view = this.#underway.get(rsc);
    if (view === undefined)
      this.#underway.set(rsc, (view = { resource: rsc, from: null, bytes: 0, size: null, told: Number.NEGATIVE_INFINITY }));
    return view;
  }

  #tell(view: Underway): void {
    view.told = this.#clock.monotonic();
    const { resource, from, bytes, size } = view;
    this.#onEvent({ kind: 'fetching', resource, from, bytes, size });
  }
}

export function fetchedView({ rsc, place, size, seconds, blob, isVerified }: Extract<FetchProgress, { kind: 'fetched' }>): FetchedView {
  return { resource: rsc, from: place, bytes: size, seconds: Math.round(seconds * 1000) / 1000, blob, isVerified };
}
