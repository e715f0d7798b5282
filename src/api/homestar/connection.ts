import { isUtf8 } from 'node:buffer';
import type { Duplex } from 'node:stream';
import type { RawData, WebSocket } from 'ws';
import { type Deferred, deferred } from '../../base/deferred.ts';
import { Gate } from '../../base/gate.ts';
import type { CountedBody } from '../body-memory.ts';

/**
 * One client's WebSocket.
 *
 * Invariants
 * C1. What is sent goes out in the order it was given, one message at a time: the next waits until less than `ROOM` is waiting to be taken. What is large is made
 *     in turn, and only while less than that is waiting, made or sent. So a client that never reads costs no more than that and one message.
 * C2. While a client has `CALLS` under way or does not take what it is sent, nothing more is read of it. What came in one piece with the last of them waits.
 * C3. Bytes of a message that is not whole yet count in the memory that all clients share.
 * C4. Whoever shows no sign of life from one beat to the next but one is cut: nothing came from it, not even the answer to a ping, and nothing it was sent went
 *     out where that had stood still. So is who does not end a message that long: what it has sent of it takes room from others.
 */

/** Bytes. */
const ROOM = 2 ** 20;
const CALLS = 16;
/** Bytes of a control frame beside what it carries, as clients send it. */
const FRAME = 6;

/** RFC 6455, 7.4.1. */
const GOING_AWAY = 1001;
const OPEN = 1;

export interface Answer {
  /** Undefined if there is none. */
  readonly reply: string | undefined;
  /** What happens when the reply was sent. */
  readonly after: () => void;
}

interface ConnectionOptions {
  readonly socket: WebSocket;
  /** Below it. */
  readonly stream: Duplex;
  readonly held: CountedBody;
  /** What is to be sent in reply to a message. Never rejects. */
  readonly answer: (text: string) => Promise<Answer>;
  /** Told when a message was answered. */
  readonly onDone: () => void;
}

export class Connection {
  /** Aborted when it is closed. */
  readonly signal: AbortSignal;
  readonly #options: ConnectionOptions;
  readonly #closed = new AbortController();
  readonly #making = new Gate(1);
  /** Messages that were read and not begun. */
  readonly #waiting: Buffer[] = [];
  #last: Promise<void> = Promise.resolve();
  /** Characters of what was made and is not sent. */
  #made = 0;
  #taken: Deferred<void> = deferred();
  /** Whether something is not sent yet for want of room. */
  #isWaiting = false;
  /** Messages whose reply is not sent yet, and those of them that have none yet. */
  #calls = 0;
  #working = 0;
  #received = 0;
  /** Beats without a sign of life. */
  #silent = 0;
  /** Beats since a message was begun that is not whole yet, while it was read. */
  #unfinished = 0;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.signal = this.#closed.signal;
    const { socket, stream } = options;
    // Before the socket takes them, so that what ends a message counts to it. What comes after an error is thrown away.
    stream.prependListener('data', (chunk: Buffer) => {
      if (socket.readyState === OPEN) this.#count(this.#received + chunk.length);
    });
    const control = (data: Buffer): void => {
      this.#silent = 0;
      this.#count(Math.max(0, this.#received - FRAME - data.length));
    };
    socket.on('ping', control);
    socket.on('pong', control);
    socket.on('message', (data: RawData) => this.#message(data));
    socket.on('close', () => this.#end());
    // Told by `close` as well.
    socket.on('error', () => {});
  }

  /** Resolves when it went out, or never will. */
  send(text: string): Promise<void> {
    this.#made += text.length;
    this.#last = this.#last.then(async () => {
      await this.#write(text);
      this.#made -= text.length;
      this.#wake();
    });
    return this.#last;
  }

  /** The right to make something that is to be sent; it is let go when that was given to `send`, or to what keeps account of it. Throws the signal's reason. */
  async turn(): Promise<Disposable> {
    using stack = new DisposableStack();
    stack.use(await this.#making.enter(this.signal));
    while (this.#isStuffed && !this.signal.aborted) await this.#taken.promise;
    this.signal.throwIfAborted();
    return stack.move();
  }

  /** Whether a call is not answered yet. */
  get isBusy(): boolean {
    return this.#calls > 0;
  }

  /** Closes it in order. */
  leave(): void {
    this.#options.socket.close(GOING_AWAY);
  }

  cut(): void {
    this.#options.socket.terminate();
  }

  /** To be called again and again, in equal times. */
  beat(): void {
    const { socket } = this.#options;
    // What is asked for may take long, but not because what was asked for before is not taken.
    if (this.#working > 0 && !this.#isStuffed) this.#silent = 0;
    if (this.#silent++ >= 2) return this.cut();
    if (this.#received > 0 && !socket.isPaused && this.#unfinished++ >= 2) return this.cut();
    if (socket.readyState === OPEN) socket.ping();
  }

  async #write(text: string): Promise<void> {
    const { socket } = this.#options;
    while (this.#isFull && socket.readyState === OPEN) {
      this.#isWaiting = true;
      await this.#taken.promise;
      this.#isWaiting = false;
    }
    if (socket.readyState !== OPEN) return;
    socket.send(text, () => {
      if (this.#isWaiting) this.#silent = 0;
      this.#wake();
      this.#resume();
    });
    if (this.#isFull) socket.pause();
  }

  get #isFull(): boolean {
    return this.#options.socket.bufferedAmount >= ROOM;
  }

  /** Whether so much was made that nothing more is. */
  get #isStuffed(): boolean {
    return this.#made + this.#options.socket.bufferedAmount >= ROOM;
  }

  #wake(): void {
    this.#taken.resolve();
    this.#taken = deferred();
  }

  #resume(): void {
    const { socket } = this.#options;
    if (socket.isPaused && this.#calls < CALLS && this.#waiting.length === 0 && !this.#isFull) socket.resume();
  }

  #message(data: RawData): void {
    const { socket } = this.#options;
    this.#silent = 0;
    this.#unfinished = 0;
    this.#count(0);
    if (this.#calls >= CALLS) this.#waiting.push(data as Buffer);
    else this.#begin(data as Buffer);
    if (this.#calls >= CALLS) socket.pause();
  }

  #begin(message: Buffer): void {
    this.#calls++;
    void this.#answer(textOf(message));
  }

  async #answer(text: string): Promise<void> {
    const { answer, onDone } = this.#options;
    this.#working++;
    const { reply, after } = await answer(text);
    this.#working--;
    if (reply !== undefined) await this.send(reply);
    after();
    this.#calls--;
    const next = this.#waiting.shift();
    if (next !== undefined && !this.signal.aborted) this.#begin(next);
    this.#resume();
    onDone();
  }

  #count(bytes: number): void {
    if (this.signal.aborted) return;
    try {
      this.#options.held.count(bytes);
      this.#received = bytes;
    } catch {
      this.cut();
    }
  }

  #end(): void {
    this.#closed.abort();
    this.#waiting.length = 0;
    this.#options.held[Symbol.dispose]();
    this.#wake();
  }
}

/** Bytes that are no text are no JSON, and nor is the empty text. */
function textOf(bytes: Buffer): string {
  return isUtf8(bytes) ? bytes.toString() : '';
}
