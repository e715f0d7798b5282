import { setImmediate as turn } from 'node:timers/promises';
import type { CID } from '../../ipld/cid.ts';
import type { RunTold } from '../../protocol/run-told.ts';
import type { Connection } from './connection.ts';
import { causeOf } from './json-rpc.ts';
import { begunMessage, brokenMessage, type Followed, messagesOf } from './notifications.ts';

/**
 * Who is told of which runs. As in Homestar, whoever subscribed to a workflow under a name is told of every run of that workflow under that name that begins
 * while they are.
 *
 * Invariants
 * F1. A run is read anew for each who follows it, as fast as they take it: a slow one holds up nobody, and holds no messages. A connection that follows many runs
 *     reads one receipt at a time.
 * F2. One connection follows at most `MOST_FOLLOWED` runs at a time. Beyond that it is not told of runs of others, and its own are refused.
 * F3. Following ends with the run, the subscription or the connection, whichever is first. The run goes on.
 */

const MOST_FOLLOWED = 1_024;

export interface StartedRun {
  readonly run: string;
  readonly workflow: CID;
  readonly name: string;
  readonly tasks: number | null;
}

export class Subscription {
  readonly id: string;
  readonly connection: Connection;
  /** Aborted when it is stopped, or its connection closed. */
  readonly signal: AbortSignal;
  readonly #stop = new AbortController();

  constructor(id: string, connection: Connection) {
    this.id = id;
    this.connection = connection;
    this.signal = AbortSignal.any([this.#stop.signal, connection.signal]);
  }

  stop(): void {
    this.#stop.abort();
  }
}

/** As `WorkService.ends`. */
type Ends = (run: string, signal: AbortSignal, turn: () => Promise<Disposable>) => AsyncIterable<RunTold>;

export class Followers {
  readonly #ends: Ends;
  readonly #byRun = new Map<string, Set<Subscription>>();
  readonly #followed = new Map<Connection, number>();

  constructor(ends: Ends) {
    this.#ends = ends;
  }

  /** Whether this connection may follow one more run. */
  hasRoom(connection: Connection): boolean {
    return this.followed(connection) < MOST_FOLLOWED;
  }

  /** How many runs a connection follows. */
  followed(connection: Connection): number {
    return this.#followed.get(connection) ?? 0;
  }

  add(subscription: Subscription, { workflow, name }: StartedRun): void {
    if (subscription.signal.aborted) return;
    const key = keyOf(workflow, name);
    const all = this.#byRun.get(key) ?? new Set();
    this.#byRun.set(key, all.add(subscription));
    subscription.signal.addEventListener('abort', () => {
      all.delete(subscription);
      if (all.size === 0 && this.#byRun.get(key) === all) this.#byRun.delete(key);
    });
  }

  /** Tells everybody concerned of a run from its beginning to its end. `onIdle` is told of connections that follow nothing any more. */
  started(started: StartedRun, onIdle: (connection: Connection) => void): void {
    for (const subscription of this.#byRun.get(keyOf(started.workflow, started.name)) ?? []) {
      const { connection } = subscription;
      if (!this.hasRoom(connection)) continue;
      this.#followed.set(connection, this.followed(connection) + 1);
      void this.#follow(subscription, started).finally(() => {
        const left = this.followed(connection) - 1;
        if (left > 0) return void this.#followed.set(connection, left);
        this.#followed.delete(connection);
        onIdle(connection);
      });
    }
  }

  async #follow({ id, connection, signal }: Subscription, { run, workflow, name, tasks }: StartedRun): Promise<void> {
    const followed: Followed = { subscription: id, run, workflow, name };
    try {
      await connection.send(begunMessage(followed, tasks));
      for await (const told of this.#ends(run, signal, () => connection.turn()))
        for (const message of messagesOf(followed, told)) {
          if (signal.aborted) return;
          await connection.send(message);
          // What there is room for goes out at once, and the next is there at once: without this, nobody else would have a turn until a buffer is full.
          await turn();
        }
    } catch (error) {
      if (!signal.aborted) await connection.send(brokenMessage(followed, causeOf(error)));
    }
  }
}

function keyOf(workflow: CID, name: string): string {
  return `${workflow} ${name}`;
}
