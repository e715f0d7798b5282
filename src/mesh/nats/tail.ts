import { copyOf } from './copy.ts';
import type { Msg } from '@nats-io/transport-node';
import { DocketError } from '../../errors.ts';
import type { Clock } from '../../base/clock.ts';
import { Again } from './again.ts';
import { callApi } from './api.ts';
import { getFromLeader, type Kept } from './get.ts';
import type { Session } from './session.ts';
import type { StreamState } from './streams.ts';

export interface TailStart {
  /** Subject, with or without wildcards. */
  readonly filter: string;
  /** From that number on, or the newest of each subject and then all that comes. */
  readonly from: number | 'newest-of-each';
}

export interface TailItem extends Kept {
  /** How many there were behind it when it was sent. */
  readonly pending: number;
}

/** Milliseconds between signs of life where nothing comes, after which a consumer is taken for dead, and between looks. */
const HEARTBEAT = 1_000;
const SILENCE = 2_500;
const LOOK = 500;
/** Milliseconds of silence after which whoever leads the stream is asked what is newest, and the most between two such questions. */
const DOUBT = 1_000;
const MOST_DOUBT = 64_000;
const NANOSECONDS = 1_000_000;
/** Milliseconds after which the server forgets a consumer nobody listens to. */
const FORGOTTEN = 10_000;
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
 */
export class Tail implements Disposable {
  /** How many there were when it began. */
  readonly pending: number;
  readonly #session: Session;
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  readonly #stream: StreamState;
  readonly #filter: string;
  readonly #listening: Disposable;
  #queue: (TailItem | { readonly answerTo: string })[] = [];
  #at = 0;
  #problem: Error | undefined;
  #answering: Disposable | undefined;
  #news = Promise.withResolvers<void>();
  #lastHeard: number;
  /** When something came that is not just a sign of life, and its number in the stream. */
  #lastItem: number;
  #seq: number;
  #doubt = DOUBT;
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
      const pending = await createConsumer(session, stream.name, subject, start, signal);
      const tail = new Tail(session, clock, signal, { stream, start, pending, listening });
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
    { stream, start, pending, listening }: { stream: StreamState; start: TailStart; pending: number; listening: Disposable },
  ) {
    this.pending = pending;
    this.#session = session;
    this.#clock = clock;
    this.#signal = signal;
    this.#stream = stream;
    this.#filter = start.filter;
    this.#listening = listening;
    this.#lastHeard = this.#lastItem = clock.monotonic();
    this.#seq = start.from === 'newest-of-each' ? 0 : start.from - 1;
    for (const end of [signal, session.lost]) end.addEventListener('abort', this.#wake, { once: true });
    this.#watch();
  }

  /** Waits for the next; undefined when aborted. Throws `Again`, `MESH_REFUSED`. */
  async next(): Promise<TailItem | undefined> {
    for (;;) {
      if (this.#signal.aborted) return undefined;
      const item = this.#queue[this.#at];
      if (item !== undefined) {
        this.#forget();
        if (!('answerTo' in item)) return item;
        this.#answerFlow(item.answerTo);
        continue;
      }
      if (this.#session.lost.aborted) throw new Again(this.#session.lost.reason as DocketError);
      if (this.#problem !== undefined) throw this.#problem;
      await this.#news.promise;
      this.#news = Promise.withResolvers<void>();
    }
  }

  [Symbol.dispose](): void {
    this.#cancelWatch();
    this.#listening[Symbol.dispose]();
    this.#answering?.[Symbol.dispose]();
    for (const end of [this.#signal, this.#session.lost]) end.removeEventListener('abort', this.#wake);
  }

  /** An answer that is refused would leave the server waiting for ever. */
  #answerFlow(subject: string): void {
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
    this.#lastItem = this.#lastHeard;
    this.#doubt = DOUBT;
    const operation = message.headers?.get('KV-Operation') || undefined;
    this.#queue.push({ subject: message.subject, seq: place.seq, data: copyOf(message.data), operation, pending: place.pending });
    this.#news.resolve();
  }

  #hearStatus(message: Msg): void {
    const { headers } = message;
    const stalled = headers?.get('Nats-Consumer-Stalled') ?? '';
    const last = headers?.get('Nats-Last-Consumer') ?? '';
    if (last !== '' && Number(last) !== this.#number) return this.#fail('messages are missing');
    const answerTo = stalled === '' ? (message.reply ?? '') : stalled;
    if (answerTo === '') return;
    this.#queue.push({ answerTo });
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
    if (this.#queue.length === 0 && now - this.#lastItem >= this.#doubt) {
      this.#doubt = Math.min(this.#doubt * 2, MOST_DOUBT);
      void this.#askLeader();
    }
    this.#cancelWatch = this.#clock.after(LOOK, () => this.#watch());
  }
}

async function createConsumer(
  session: Session,
  stream: string,
  subject: string,
  { filter, from }: TailStart,
  signal: AbortSignal,
): Promise<number> {
  const body = {
    stream_name: stream,
    config: {
      deliver_subject: subject,
      filter_subject: filter,
      ...(from === 'newest-of-each'
        ? { deliver_policy: 'last_per_subject' }
        : { deliver_policy: 'by_start_sequence', opt_start_seq: Math.max(1, from) }),
      ack_policy: 'none',
      max_deliver: 1,
      replay_policy: 'instant',
      flow_control: true,
      idle_heartbeat: HEARTBEAT * NANOSECONDS,
      inactive_threshold: FORGOTTEN * NANOSECONDS,
      mem_storage: true,
      num_replicas: 1,
    },
  };
  const made = await callApi<{ num_pending?: number }>(session, `CONSUMER.CREATE.${stream}`, body, [], signal);
  return made.tag === 'value' ? (made.value.num_pending ?? 0) : 0;
}

/** `$JS.ACK.STREAM.CONSUMER.DELIVERED.SEQ.NUMBER.TIME.PENDING`, in newer servers with domain and account before the stream, and perhaps more behind. */
function placeOf(reply: string): { readonly seq: number; readonly number: number; readonly pending: number } | undefined {
  const words = reply.split('.');
  const shift = words.length > 9 ? 2 : 0;
  const [seq, number, pending] = [5, 6, 8].map((index) => Number(words[index + shift]));
  if (![seq, number, pending].every((each) => Number.isSafeInteger(each))) return undefined;
  return { seq: seq as number, number: number as number, pending: pending as number };
}
