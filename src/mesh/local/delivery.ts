import type { Clock } from '../../base/clock.ts';
import type { Link } from '../mesh.ts';

/** A member as the delivery knows it; of two that have the same DID each is one. */
export interface Party {
  readonly did: string;
  readonly clock: Clock;
  /** It has left, or was killed. */
  readonly isGone: boolean;
}

/**
 * How what is sent in one process gets to where it goes. What a mesh is to others depends on it alone: a prompt one for every day, and in tests one that is late, loses,
 * repeats and cuts off.
 *
 * D1. Nothing happens in the turn of the caller.
 * D2. Whoever is gone is brought nothing more; what it sent before goes on.
 */
export interface Delivery {
  /** From one member to another: `arrive` is called as often as it gets there, once if all goes well. */
  post(from: Party, to: Party, arrive: () => void): void;
  /** Has the engine do something, and brings back what it gave. Throws what it threw, or `MESH_UNREACHABLE`: then it may have been done, or not. */
  call<Result>(from: Party, work: () => Result): Promise<Result>;
  /** From the engine to a member, once, sooner or later: when it hears the engine. */
  wake(to: Party, arrive: () => void): void;
  /** A member that joins; `onLink` is called whenever its link changes. What it stands at now. */
  join(party: Party, onLink: (link: Link) => void): Link;
}

/** Everything arrives, once, in order, in the next turn of the event loop. Links are always up. */
export class PromptDelivery implements Delivery {
  #queue: (() => void)[] = [];

  post(_from: Party, to: Party, arrive: () => void): void {
    this.wake(to, arrive);
  }

  call<Result>(_from: Party, work: () => Result): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#later(() => {
        try {
          resolve(work());
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  wake(to: Party, arrive: () => void): void {
    this.#later(() => {
      if (!to.isGone) arrive();
    });
  }

  join({ clock }: Party): Link {
    return { tag: 'up', since: clock.monotonic() };
  }

  #later(happen: () => void): void {
    if (this.#queue.push(happen) === 1) setImmediate(() => this.#turn());
  }

  #turn(): void {
    const due = this.#queue;
    this.#queue = [];
    for (const happen of due) happen();
  }
}
