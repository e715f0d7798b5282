import { copyOf } from './copy.ts';
import type { Msg } from '@nats-io/transport-node';
import { DocketError } from '../../errors.ts';
import type { Asking, Messages } from '../mesh.ts';
import { checkSize, checkWord } from '../names.ts';
import type { Connection } from './connection.ts';
import type { Reply, Session } from './session.ts';
import { lastWord, type Subjects } from './subjects.ts';
import { tell } from './tell.ts';

type Handler = (from: string, question: Uint8Array) => Promise<Uint8Array | undefined>;

/** Answers to a question to all that are kept until somebody takes them; what comes above that is lost. */
const MOST_ANSWERS = 10_000;

/**
 * Messages and questions on core NATS.
 *
 * M1. Subjects of questions are listened to only while there is a handler, so that who asks hears at once that there is none.
 * M2. A question is sent once. It is not asked again in another session: whoever asks has a better idea whether that is wanted.
 */
export class NatsMessages implements Messages {
  readonly #connection: Connection;
  readonly #subjects: Subjects;
  readonly #largest: () => number;
  #handler: { readonly handler: Handler; readonly ears: DisposableStack } | undefined;

  constructor(connection: Connection, subjects: Subjects, largest: () => number) {
    this.#connection = connection;
    this.#subjects = subjects;
    this.#largest = largest;
  }

  get largest(): number {
    return this.#largest();
  }

  get #self(): string {
    return this.#connection.options.self;
  }

  send(to: string, message: Uint8Array): void {
    checkWord(to);
    checkSize(message, this.largest);
    this.#connection.now?.publish(this.#subjects.message(to, this.#self), copyOf(message));
  }

  onMessage(listener: (from: string, message: Uint8Array) => void): Disposable {
    return this.#connection.listen(this.#subjects.message(this.#self, '*'), ({ subject, data }) => {
      tell(() => listener(lastWord(subject), copyOf(data)));
    });
  }

  async ask(to: string, question: Uint8Array, { patience, signal }: Asking): Promise<Uint8Array> {
    checkWord(to);
    checkSize(question, this.largest);
    const ask = { subject: this.#subjects.question(to, this.#self), data: copyOf(question) };
    const session = this.#session(signal);
    const [reply] = await session.call([ask], patience, signal);
    if (reply?.tag === 'message') return copyOf(reply.message.data);
    if (reply?.tag === 'refused') throw reply.error;
    const why = reply?.tag === 'nobody' ? 'nobody of that name is there' : `it did not answer within ${patience} ms`;
    throw new DocketError('MESH_NO_ANSWER', `${to}: ${why}`);
  }

  async *askAll(
    question: Uint8Array,
    { patience, signal }: Asking,
  ): AsyncGenerator<{ readonly from: string; readonly answer: Uint8Array }> {
    checkSize(question, this.largest);
    const ask = { subject: this.#subjects.questionToAll(this.#self), data: copyOf(question) };
    const session = this.#session(signal);
    const answers: { readonly from: string; readonly answer: Uint8Array }[] = [];
    const state: { refused: Error | undefined; isOver: boolean; news: PromiseWithResolvers<void> } = {
      refused: undefined,
      isOver: false,
      news: Promise.withResolvers<void>(),
    };
    const end = (): void => {
      state.isOver = true;
      state.news.resolve();
    };
    const hear = (reply: Reply): void => {
      if (reply.tag === 'refused') state.refused = reply.error;
      if (reply.tag === 'message' && answers.length < MOST_ANSWERS)
        answers.push({ from: lastWord(reply.message.subject), answer: copyOf(reply.message.data) });
      // To nobody, then: this member does not hear itself.
      if (reply.tag !== 'message') end();
      state.news.resolve();
    };
    using _hearing = session.callAll(ask, hear);
    const cancel = this.#connection.options.clock.after(patience, end);
    for (const ending of [signal, session.lost]) ending?.addEventListener('abort', end, { once: true });
    try {
      for (;;) {
        yield* answers.splice(0);
        signal?.throwIfAborted();
        if (state.isOver && answers.length === 0) break;
        await state.news.promise;
        state.news = Promise.withResolvers<void>();
      }
    } finally {
      cancel();
      for (const ending of [signal, session.lost]) ending?.removeEventListener('abort', end);
    }
    if (state.refused !== undefined) throw state.refused;
    session.lost.throwIfAborted();
  }

  onQuestion(handler: Handler): Disposable {
    this.#handler?.ears.dispose();
    const ears = new DisposableStack();
    const hear = (message: Msg): void => void this.#answer(handler, message);
    ears.use(this.#connection.listen(this.#subjects.question(this.#self, '*'), hear));
    ears.use(this.#connection.listen(this.#subjects.questionToAll('*'), hear));
    this.#handler = { handler, ears };
    return ears;
  }

  async #answer(handler: Handler, { subject, data, reply }: Msg): Promise<void> {
    const isToAll = subject.startsWith(this.#subjects.questionToAll(''));
    const from = lastWord(subject);
    if ((isToAll && from === this.#self) || reply === undefined || reply === '') return;
    const session = this.#connection.now;
    let answer: Uint8Array | undefined;
    try {
      answer = await handler(from, copyOf(data));
    } catch {
      // Who asks hears nothing, as from a member that is not well; the handler's failure is its owner's to tell.
      return;
    }
    if (answer !== undefined && answer.length <= this.largest) session?.publish(isToAll ? `${reply}.${this.#self}` : reply, copyOf(answer));
  }

  #session(signal: AbortSignal | undefined): Session {
    signal?.throwIfAborted();
    this.#connection.closed.throwIfAborted();
    const { now, link } = this.#connection;
    if (now === undefined)
      throw link.tag === 'down' ? link.error : new DocketError('MESH_UNREACHABLE', 'there is no connection to nats-server');
    return now;
  }
}
