import { copyOf } from './copy.ts';
import type { Msg } from '@nats-io/transport-node';
import { DocketError } from '../../errors.ts';
import type { Clock } from '../../base/clock.ts';
import { Again } from './again.ts';
import { createConsumer, type Made, placeOf, type TailStart } from './consumer.ts';
import { Doubt } from './doubt.ts';
import { getFromLeader, type Kept } from './get.ts';
import type { Session } from './session.ts';
import { lookAt, type StreamState } from './streams.ts';

/** `all`: what was there when it began has come, as far as it is still there. Comes once, of one that began with the newest of each subject. */
export type TailItem = Kept | 'all';

/** Milliseconds without a sign of life after which a consumer is taken for dead, and between looks. */
const SILENCE = 2_500;
const LOOK = 500;
/** Signs of life without anything between them, of a consumer that has not read the stream to its end, after which another is begun. */
const STUCK = 4;
const STATUS = 100;

/**
 * Reads a stream on, in order, without gaps: an ephemeral push consumer that sends to a subject of this session. At the first sign that something is missing it ends
 * with `Again`, and whoever reads begins another where this one ended.
 *
 * T1. Numbers that the consumer gives its messages have no gap; with each heartbeat the server tells the last one.
 * T2. The server waits for an answer to its questions for flow control, which are answered when all that came before was taken: so no more than it sends at once lies here.
 * T3. Nobody deletes the consumer. The server does when nobody listens.
 * T4. A consumer reads one copy of the stream, and one that is behind, as that of a server which was paused, is silent as if there were nothing more. So after a silence
 *     the leader is asked, after a longer one each time; if it has more than came, another consumer is begun, at whichever copy that is. Who may not ask does without.
 * T5. How many are still to come is what the server tells with each message, and it is wrong for good if the last of them are removed meanwhile. So they are over as well when
 *     it has nothing more to send and stands where the stream ended when this began.
 */
export class Tail implements Disposable {
  /** Number of the last message there was before it began, of one that began with the newest of each subject; of whatever subject. */
  readonly last: number;
  /** When it began, in ms by the server's clock. */
  readonly began: number;
  readonly #session: Session;
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  readonly #stream: StreamState;
  readonly #filter: string;
  readonly #listening: Disposable;
  #queue: (TailItem | { readonly answerTo: string })[] = [];
  /** Whether `all` is still to come. */
  #isPartial: boolean;
  /** How many the server has still to send, as far as it said. */
  #pending: number;
  #idle = 0;
  #at = 0;
  #problem: Error | undefined;
  #answering: Disposable | undefined;
  #news = Promise.withResolvers<void>();
  #lastHeard: number;
  /** Whether the leader is to be asked. */
  readonly #doubt: Doubt;
  /** When the reader had last all there was. */
  #drained: number;
  /** Number in the stream of what came last that is not just a sign of life. */
  #seq: number;
  /** Number in the stream of what the leader has and did not come. */
  #ahead = 0;
  #number = 0;
  #cancelWatch: () => void = () => undefined;
  readonly #wake = (): void => this.#news.resolve();

  /** Throws as `callApi`. */
  static async open(session: Session, clock: Clock, stream: StreamState, start: TailStart, signal: AbortSignal): Promise<Tail> {
    const subject = session.ownSubject();
    const early: Msg[] = [];
    let hear = (message: Msg): void => void early.push(message);
    const listening = session.listen(subject, (message) => hear(message));
    try {
      const { last } = start.from === 'newest-of-each' ? await lookAt(session, stream, signal) : { last: 0 };
      const made = await createConsumer(session, stream.name, subject, start, signal);
      const tail = new Tail(session, clock, signal, { stream, start, last, made, listening });
      hear = (message) => tail.#hear(message);
      for (const message of early) tail.#hear(message);
      return tail;
    } catch (error) {
      listening[Symbol.dispose]();
      throw error;
    }
  }

  private constructor(
    session: Session,
    clock: Clock,
    signal: AbortSignal,
    { stream, start, last, made, listening }: { stream: StreamState; start: TailStart; last: number; made: Made; listening: Disposable },
  ) {
    this.last = last;
    this.began = Date.parse(made.created);
    this.#pending = made.num_pending;
    this.#isPartial = start.from === 'newest-of-each';
    this.#session = session;
    this.#clock = clock;
    this.#signal = signal;
    this.#stream = stream;
    this.#filter = start.filter;
    this.#listening = listening;
    this.#lastHeard = this.#drained = clock.monotonic();
    this.#doubt = new Doubt(this.#lastHeard);
    this.#seq = start.from === 'newest-of-each' ? 0 : start.from - 1;
    for (const end of [signal, session.lost]) end.addEventListener('abort', this.#wake, { once: true });
    if (this.#pending === 0) this.#haveAll();
    this.#watch();
  }

  /** For how many ms the reader has not had all there was: it is that far behind at most. */
  get behind(): number {
    return this.#clock.monotonic() - this.#drained;
  }

  /** Of one that began with the newest of each subject: what there was. Throws as `next`. */
  async *all(): AsyncGenerator<Kept> {
    for (let item = await this.next(); item !== undefined && item !== 'all'; item = await this.next()) yield item;
  }

  /** Waits for the next; undefined when aborted. Throws `Again`, `MESH_REFUSED`. */
  async next(): Promise<TailItem | undefined> {
    for (;;) {
      if (this.#signal.aborted) return undefined;
      const item = this.#queue[this.#at];
      if (item !== undefined) {
        this.#forget();
        if (typeof item === 'string' || !('answerTo' in item)) return item;
        this.#answerFlow(item.answerTo);
        continue;
      }
      if (this.#session.lost.aborted) throw new Again(this.#session.lost.reason as DocketError);
      if (this.#problem !== undefined) throw this.#problem;
      if (this.#pending === 0) this.#drained = this.#clock.monotonic();
      await this.#news.promise;
      if (this.#pending === 0) this.#drained = this.#clock.monotonic();
      this.#news = Promise.withResolvers<void>();
    }
  }

  [Symbol.dispose](): void {
    this.#cancelWatch();
    this.#listening[Symbol.dispose]();
    this.#answering?.[Symbol.dispose]();
    for (const end of [this.#signal, this.#session.lost]) end.removeEventListener('abort', this.#wake);
  }

  /** An answer that is refused would leave the server waiting for ever. Of a session that is lost nobody waits for one: what came of it is read, then another begun. */
  #answerFlow(subject: string): void {
    if (this.#session.lost.aborted) return;
    this.#answering?.[Symbol.dispose]();
    this.#answering = this.#session.callAll({ subject, data: new Uint8Array() }, (reply) => {
      if (reply.tag !== 'refused') return;
      this.#problem ??= reply.error;
      this.#news.resolve();
    });
  }

  #forget(): void {
    this.#at++;
    if (this.#at < this.#queue.length) return;
    this.#queue = [];
    this.#at = 0;
  }

  #hear(message: Msg): void {
    this.#lastHeard = this.#clock.monotonic();
    if (this.#problem !== undefined) return;
    if (message.data.length === 0 && message.headers?.code === STATUS) return this.#hearStatus(message);
    const place = placeOf(message.reply ?? '');
    if (place === undefined || place.number !== this.#number + 1) return this.#fail('messages are missing');
    this.#number = place.number;
    this.#seq = place.seq;
    this.#doubt.ease(this.#lastHeard);
    const operation = message.headers?.get('KV-Operation') || undefined;
    const { seq, time, pending } = place;
    this.#queue.push({ subject: message.subject, seq, time, data: copyOf(message.data), operation });
    this.#idle = 0;
    this.#pending = pending;
    if (pending === 0) this.#haveAll();
    this.#news.resolve();
  }

  #hearStatus(message: Msg): void {
    const { headers } = message;
    const stalled = headers?.get('Nats-Consumer-Stalled') ?? '';
    const last = headers?.get('Nats-Last-Consumer') ?? '';
    if (last !== '' && Number(last) !== this.#number) return this.#fail('messages are missing');
    const answerTo = stalled === '' ? (message.reply ?? '') : stalled;
    if (answerTo === '') return this.#hearIdle(Number(headers?.get('Nats-Last-Stream')));
    this.#queue.push({ answerTo });
    this.#news.resolve();
  }

  /** The server has nothing to send. `at`: number in the stream up to which it has looked. */
  #hearIdle(at: number): void {
    if (this.#pending === 0) return;
    if (at >= this.last) {
      this.#pending = 0;
      this.#haveAll();
    } else if (this.#isPartial && ++this.#idle >= STUCK) this.#fail('its consumer is stuck');
  }

  #haveAll(): void {
    if (!this.#isPartial) return;
    this.#isPartial = false;
    this.#queue.push('all');
    this.#news.resolve();
  }

  #fail(why: string): void {
    this.#problem ??= new Again(
      new DocketError('MESH_UNREACHABLE', `${this.#stream.name} is read again from where it was left: ${why}`),
      true,
    );
    this.#news.resolve();
  }

  /** What it has and came meanwhile is no reason. */
  async #askLeader(): Promise<void> {
    try {
      const newest = await getFromLeader(this.#session, this.#stream, { last_by_subj: this.#filter }, this.#signal);
      this.#ahead = newest?.seq ?? 0;
    } catch {
      // No leader, no right, no session: then nothing is known.
    }
  }

  #watch(): void {
    const now = this.#clock.monotonic();
    if (now - this.#lastHeard > SILENCE) return this.#fail('nothing is heard of it');
    if (this.#ahead > this.#seq) return this.#fail('a copy of it is behind');
    if (this.#queue.length === 0 && this.#doubt.isDue(now)) void this.#askLeader();
    this.#cancelWatch = this.#clock.after(LOOK, () => this.#watch());
  }
}
