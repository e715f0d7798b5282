import { deferred } from '../../base/deferred.ts';
import { DocketError } from '../../errors.ts';
import type { Asking, Messages, Presence } from '../mesh.ts';
import { checkSize, checkWord } from '../names.ts';
import type { Station } from './station.ts';

/** Who is there, by DID. */
export interface Stations {
  all(): Iterable<Station>;
  of(did: string): Iterable<Station>;
}

export class LocalPresence implements Presence {
  readonly #station: Station;
  readonly #stations: Stations;
  readonly #largest: number;

  constructor(station: Station, stations: Stations, largest: number) {
    this.#station = station;
    this.#stations = stations;
    this.#largest = largest;
  }

  beat(beat: Uint8Array): void {
    checkSize(beat, this.#largest);
    const from = this.#station;
    if (from.isGone) return;
    const copy = Buffer.from(beat);
    for (const to of this.#stations.all()) {
      if (to.beats.size > 0) from.delivery.post(from, to, () => to.hearBeat(from.did, new Uint8Array(copy)));
    }
  }

  onBeat(listener: (from: string, beat: Uint8Array) => void): Disposable {
    return this.#station.listen(this.#station.beats, (from, beat) => listener(from, beat));
  }
}

/**
 * M1. Bytes are copied when they are sent and for each who gets them: nobody sees what another does to them afterwards. The copy on its way, which nobody sees, is a
 *     Buffer: those come from a pool, and an array of its own costs more than all else about a delivery.
 * M2. Who asks waits no longer than its patience; its timer goes when it ends for another reason.
 */
export class LocalMessages implements Messages {
  readonly largest: number;
  readonly #station: Station;
  readonly #stations: Stations;

  constructor(station: Station, stations: Stations, largest: number) {
    this.#station = station;
    this.#stations = stations;
    this.largest = largest;
  }

  send(to: string, message: Uint8Array): void {
    checkWord(to);
    checkSize(message, this.largest);
    const from = this.#station;
    if (from.isGone) return;
    const copy = Buffer.from(message);
    for (const other of this.#stations.of(to)) {
      from.delivery.post(from, other, () => other.hearMessage(from.did, new Uint8Array(copy)));
    }
  }

  onMessage(listener: (from: string, message: Uint8Array) => void): Disposable {
    return this.#station.listen(this.#station.messages, (from, message) => listener(from, message));
  }

  async ask(to: string, question: Uint8Array, asking: Asking): Promise<Uint8Array> {
    checkWord(to);
    const others = [...this.#stations.of(to)].filter((station) => station.question !== undefined);
    const first = deferred<Uint8Array>();
    using waiting = this.#begin(question, asking, others, (_from, answer) => first.resolve(answer));
    if (others.length === 0) {
      const nobody = (): void => first.reject(new DocketError('MESH_NO_ANSWER', `nobody of the name ${to} answers questions in this mesh`));
      this.#station.delivery.post(this.#station, this.#station, nobody);
    }
    const over = waiting.over.then(() => {
      throw waiting.wasCut ? unreachable() : new DocketError('MESH_NO_ANSWER', `${to} did not answer within ${asking.patience} ms`);
    });
    return await Promise.race([first.promise, over]);
  }

  async *askAll(question: Uint8Array, asking: Asking): AsyncGenerator<{ readonly from: string; readonly answer: Uint8Array }> {
    const others = [...this.#stations.all()].filter((station) => station !== this.#station && station.question !== undefined);
    const answers: { readonly from: string; readonly answer: Uint8Array }[] = [];
    let news = deferred<void>();
    using waiting = this.#begin(question, asking, others, (from, answer) => {
      answers.push({ from, answer });
      news.resolve();
    });
    let isOver = false;
    const over = waiting.over.then(() => {
      isOver = true;
    });
    // Whoever reads may be busy with an answer when it rejects.
    over.catch(() => undefined);
    for (;;) {
      for (let next = answers.shift(); next !== undefined; next = answers.shift()) yield next;
      if (isOver) break;
      await Promise.race([news.promise, over]);
      news = deferred();
    }
    if (waiting.wasCut) throw unreachable();
  }

  onQuestion(handler: (from: string, question: Uint8Array) => Promise<Uint8Array | undefined>): Disposable {
    const station = this.#station;
    if (!station.isGone) station.question = handler;
    return {
      [Symbol.dispose]: () => {
        if (station.question === handler) station.question = undefined;
      },
    };
  }

  #begin(question: Uint8Array, asking: Asking, others: readonly Station[], onAnswer: (from: string, answer: Uint8Array) => void): Waiting {
    const station = this.#station;
    station.left.throwIfAborted();
    asking.signal?.throwIfAborted();
    checkSize(question, this.largest);
    const copy = Buffer.from(question);
    const waiting = new Waiting(station, asking);
    for (const other of others) {
      station.delivery.post(
        station,
        other,
        () => void this.#question(other, new Uint8Array(copy), (answer) => onAnswer(other.did, answer)),
      );
    }
    return waiting;
  }

  /** At the other end. */
  async #question(other: Station, question: Uint8Array, onAnswer: (answer: Uint8Array) => void): Promise<void> {
    let answer: Uint8Array | undefined;
    try {
      answer = await other.question?.(this.#station.did, question);
    } catch {
      // Who cannot answer says nothing: the asker's patience is the timer.
    }
    if (answer === undefined || answer.length > this.largest || other.isGone) return;
    const copy = Buffer.from(answer);
    other.delivery.post(other, this.#station, () => onAnswer(new Uint8Array(copy)));
  }
}

/** The time in which answers are waited for. */
class Waiting implements Disposable {
  /** Resolves when patience is over; rejects with the signal's reason, or because the member left. */
  readonly over: Promise<void>;
  /** Whether the link was down meanwhile: then silence means nothing. */
  wasCut: boolean;
  readonly #stop: () => void;

  constructor(station: Station, { patience, signal }: Asking) {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    // Nobody may be waiting any more when it rejects.
    promise.catch(() => undefined);
    this.over = promise;
    this.wasCut = station.link.tag === 'down';
    const listening = station.listenToLink(() => {
      this.wasCut = true;
    });
    const cancelTimer = station.clock.after(patience, resolve);
    const abort = (): void => reject(signal?.reason as Error);
    const leave = (): void => reject(station.left.reason as Error);
    signal?.addEventListener('abort', abort, { once: true });
    station.left.addEventListener('abort', leave, { once: true });
    this.#stop = () => {
      cancelTimer();
      listening[Symbol.dispose]();
      signal?.removeEventListener('abort', abort);
      station.left.removeEventListener('abort', leave);
    };
  }

  [Symbol.dispose](): void {
    this.#stop();
  }
}

function unreachable(): DocketError {
  return new DocketError('MESH_UNREACHABLE', 'the engine of the mesh was not heard all the time that answers were waited for');
}
