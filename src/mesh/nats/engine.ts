import type { Clock } from '../../base/clock.ts';
import { DocketError, isDocketError } from '../../errors.ts';
import { Again } from './again.ts';
import type { Connection } from './connection.ts';
import { DEFAULT_LIMITS, PATIENCE, type NatsOptions, type StreamLimits } from './options.ts';
import { meshesAt } from './meshes-at.ts';
import { noRoom } from './room.ts';
import type { Session } from './session.ts';
import { ensureStream, standsEmpty, type StreamPlan, type StreamState } from './streams.ts';
import { Subjects } from './subjects.ts';

export type StreamName = keyof StreamLimits;
export type States = Readonly<Record<StreamName, StreamState>>;

/**
 * Results that are kept under one key, the newest, whoever filed them: that of one issuer goes when others file so many. A subject for each issuer would keep them
 * apart, and cost what `subjects.ts` says.
 */
const RESULTS_OF_KEY = 16;
/** Bytes that Docket may add to a message: headers, an issuer's name, lengths of entries. */
const ADDED = 8 * 1024;
/** Milliseconds between attempts, the first and the most. */
const PAUSE = 50;
const LONGEST_PAUSE = 1_000;

/** An attempt at something: the session it is made in, and the streams as they stand. */
export interface Attempt {
  readonly session: Session;
  readonly states: States;
}

/**
 * What the mesh keeps at nats-server: its streams, and trying again until they answer.
 *
 * E1. Streams are looked at once in each session, before anything is asked of them, and again when one of them seems to be gone; one that is gone is made again.
 * E2. An attempt has no effect, or can be made again with the same effect: what is written has an id by which the server knows it again.
 * E3. A member that does not get in because a stream found no room removes those that it made before, as long as they hold nothing: their limits would stand for ever,
 *     and whoever asks for less next time would find them. What was there before is never removed.
 */
export class Engine {
  readonly connection: Connection;
  readonly subjects: Subjects;
  readonly clock: Clock;
  readonly #plans: Readonly<Record<StreamName, StreamPlan>>;
  readonly #limits: StreamLimits;
  readonly #replicas: number | undefined;
  readonly #patience: number;
  readonly #onMade: NatsOptions['onMade'];
  #looked: { readonly session: Session; readonly states: Promise<States> } | undefined;
  /** Made by this member while not all of them are there. */
  readonly #made = new Set<string>();
  #wereThere = false;

  constructor(connection: Connection, subjects: Subjects, options: NatsOptions) {
    this.connection = connection;
    this.subjects = subjects;
    this.clock = options.clock;
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#plans = plansOf(subjects, this.#limits);
    this.#onMade = options.onMade;
    this.#replicas = options.replicas;
    this.#patience = options.patience ?? PATIENCE;
  }

  /**
   * Makes attempts until one succeeds. Throws what an attempt throws, `MESH_UNREACHABLE` or what the matter was when patience is over, and the signal's reason.
   * `patience`: ms, `Infinity` for as long as it takes.
   */
  async run<T>(work: (attempt: Attempt) => Promise<T>, signal?: AbortSignal, patience = this.#patience): Promise<T> {
    const deadline = this.clock.monotonic() + patience;
    for (let round = 1; ; round++) {
      const left = Math.max(1, deadline - this.clock.monotonic());
      const session = await this.connection.session(Number.isFinite(left) ? left : undefined, signal);
      try {
        return await work({ session, states: await this.#look(session) });
      } catch (error) {
        if (!(error instanceof Again)) throw error;
        if (error.isMissing) this.#looked = undefined;
        const pause = Math.min(PAUSE * 2 ** (round - 1), LONGEST_PAUSE) * (0.5 + Math.random());
        if (this.clock.monotonic() + pause > deadline) throw error.problem;
        await this.#pause(pause, signal);
      }
    }
  }

  /** As `run`, for as long as it takes; undefined if aborted meanwhile, or if the member has left. */
  async runOn<T>(work: (attempt: Attempt) => Promise<T>, signal: AbortSignal): Promise<T | undefined> {
    try {
      return await this.run(work, signal, Infinity);
    } catch (error) {
      if (signal.aborted || this.connection.closed.aborted) return undefined;
      throw error;
    }
  }

  /** For those who read on: waits a moment after `Again`, throws everything else. */
  async recover(error: unknown, signal: AbortSignal): Promise<void> {
    if (!(error instanceof Again)) throw error;
    if (error.isMissing) this.#looked = undefined;
    await this.#pause(PAUSE, signal);
  }

  get largest(): number {
    return largestOf(this.connection);
  }

  async #look(session: Session): Promise<States> {
    if (this.#looked?.session !== session) {
      const states = this.#ensureAll(session);
      const looked = { session, states };
      this.#looked = looked;
      states.catch(() => {
        if (this.#looked === looked) this.#looked = undefined;
      });
    }
    return await this.#looked.states;
  }

  async #ensureAll(session: Session): Promise<States> {
    const names = Object.keys(this.#plans) as StreamName[];
    const { servers } = this.connection.options;
    const tried = await Promise.allSettled(
      names.map(async (name) => {
        const state = await ensureStream(session, this.#plans[name], this.#replicas, servers.length);
        if (state.isNew) this.#made.add(state.name);
        return state;
      }),
    );
    const failures = tried.filter((each) => each.status === 'rejected').map(({ reason }): unknown => reason);
    const full = failures.find((error) => isDocketError(error, 'MESH_FULL'));
    if (full !== undefined) throw noRoom(this.#limits, full, await this.#undo(session));
    if (failures.length > 0) throw failures[0];
    const states = tried.filter((each) => each.status === 'fulfilled').map(({ value }) => value);
    const lost = states.filter(({ isNew }) => isNew && this.#wereThere).map(({ name }) => name);
    if (lost.length > 0)
      this.connection.fault(
        new DocketError('MESH_FAILED', `nats-server had lost ${lost.join(', ')}: what was kept there is gone, and they were made again`),
      );
    // Of members that come at the same time several may have made it: the server says the same to all.
    if (!this.#wereThere && states[names.indexOf('records')]!.isNew && this.#onMade !== undefined)
      this.#onMade(await meshesAt(session, this.connection.options.name));
    this.#wereThere = true;
    this.#made.clear();
    return Object.fromEntries(names.map((name, index) => [name, states[index]])) as unknown as States;
  }

  /** Which streams stand and hold nothing, when this member has removed those that it made in vain (E3). */
  async #undo(session: Session): Promise<readonly string[]> {
    if (this.#wereThere) return [];
    const plans = Object.values(this.#plans);
    const stand = await Promise.all(plans.map(async ({ name }) => await standsEmpty(session, name, this.#made.has(name))));
    return plans.map(({ name }) => name).filter((_, index) => stand[index]);
  }

  async #pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const end = (): void => resolve();
    const ends = [signal, this.connection.closed];
    for (const each of ends) each?.addEventListener('abort', end, { once: true });
    const cancel = this.clock.after(ms, resolve);
    await promise;
    cancel();
    for (const each of ends) each?.removeEventListener('abort', end);
  }
}

/** Bytes the server takes, without what Docket adds to them. */
export function largestOf({ maxPayload }: Connection): number {
  return Math.max(0, maxPayload - ADDED);
}

function plansOf(subjects: Subjects, limits: StreamLimits): Readonly<Record<StreamName, StreamPlan>> {
  return {
    records: {
      name: subjects.records,
      subject: subjects.recordsUnder(''),
      limit: limits.records,
      perSubject: 1,
      whenFull: 'refuse',
      mayBeBehind: false,
    },
    results: {
      name: subjects.results,
      subject: subjects.result('*'),
      limit: limits.results,
      perSubject: RESULTS_OF_KEY,
      whenFull: 'drop-oldest',
      mayBeBehind: true,
    },
    journals: {
      name: subjects.journals,
      subject: subjects.journal('>'),
      limit: limits.journals,
      perSubject: undefined,
      whenFull: 'drop-oldest',
      mayBeBehind: false,
    },
    objects: {
      name: subjects.objects,
      subject: subjects.object('>'),
      limit: limits.objects,
      perSubject: 1,
      whenFull: 'refuse',
      mayBeBehind: true,
    },
    catalog: {
      name: subjects.catalog,
      subject: subjects.cataloged('*'),
      limit: limits.catalog,
      perSubject: 1,
      whenFull: 'refuse',
      mayBeBehind: false,
    },
  };
}
