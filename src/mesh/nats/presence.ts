import { copyOf } from './copy.ts';
import type { Presence } from '../mesh.ts';
import { checkSize } from '../names.ts';
import type { Connection } from './connection.ts';
import { tell } from './tell.ts';
import { lastWord, type Subjects } from './subjects.ts';

/** Beats on core NATS. One subscription, however many listen. */
export class NatsPresence implements Presence {
  readonly #connection: Connection;
  readonly #subjects: Subjects;
  readonly #largest: () => number;

  constructor(connection: Connection, subjects: Subjects, largest: () => number) {
    this.#connection = connection;
    this.#subjects = subjects;
    this.#largest = largest;
  }

  beat(beat: Uint8Array): void {
    checkSize(beat, this.#largest());
    this.#connection.now?.publish(this.#subjects.beat(this.#connection.options.self), copyOf(beat));
  }

  onBeat(listener: (from: string, beat: Uint8Array) => void): Disposable {
    return this.#connection.listen(this.#subjects.beat('*'), ({ subject, data }) => {
      tell(() => listener(lastWord(subject), copyOf(data)));
    });
  }
}
