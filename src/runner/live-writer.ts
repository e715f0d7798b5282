import { writeSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Content } from '../sandbox/files/content.ts';
import { encodeOutput, type OutputStream } from './output-frame.ts';

/**
 * Tells the other side what a guest writes, while it writes it. A view for people: what counts is what the job's end brings.
 *
 * Invariants
 * L1. It never makes a guest wait: the pipe does not block, and what finds it full is not sent. The next message says by its place in the stream what is left out.
 * L2. It costs next to nothing: at most `RATE` messages a second and `BURST` at once for all jobs of a process together, so that a stream of small jobs that each
 *     say a line pays for a few of them only.
 * L3. A message is sent whole: what the pipe did not take of one goes before anything else.
 */

const BURST = 32;
/** Messages a second. */
const RATE = 50;
/** Bytes of a stream in one message; of more than that the last. */
const MOST_LIVE = 16 << 10;

export class LiveWriter {
  readonly #fd: number;
  /** Held for the descriptor alone: making it is what makes the descriptor not block. */
  readonly #socket: Socket;
  readonly #bytes = new Uint8Array(MOST_LIVE);
  #rest: Uint8Array = new Uint8Array(0);
  #tokens = BURST;
  #since = performance.now();
  #job = 0;
  #sent: Record<OutputStream, number> = { stdout: 0, stderr: 0 };
  #isBroken = false;

  constructor(fd: number) {
    this.#fd = fd;
    this.#socket = new Socket({ fd, readable: false });
    this.#socket.on('error', () => {});
    this.#socket.unref();
  }

  begin(job: number): void {
    this.#job = job;
    this.#sent = { stdout: 0, stderr: 0 };
  }

  /** Something was added at the end of a stream. */
  wrote(stream: OutputStream, content: Content): void {
    if (this.#isBroken || !this.#mayWrite() || !this.#flush()) return;
    const end = content.size;
    const from = Math.max(this.#sent[stream], end - MOST_LIVE);
    const count = content.read(this.#bytes, 0, end - from, from);
    if (count === 0) return;
    this.#tokens--;
    const frame = encodeOutput({ job: this.#job, stream, at: from, bytes: this.#bytes.subarray(0, count) });
    const taken = this.#write(frame);
    if (taken === 0) return;
    this.#sent[stream] = end;
    if (taken < frame.length) this.#rest = frame.subarray(taken);
  }

  #mayWrite(): boolean {
    const now = performance.now();
    this.#tokens = Math.min(BURST, this.#tokens + ((now - this.#since) * RATE) / 1000);
    this.#since = now;
    return this.#tokens >= 1;
  }

  /** Whether nothing is left of an earlier message. */
  #flush(): boolean {
    if (this.#rest.length > 0) this.#rest = this.#rest.subarray(this.#write(this.#rest));
    return this.#rest.length === 0;
  }

  /** How many bytes the pipe took. */
  #write(bytes: Uint8Array): number {
    try {
      return writeSync(this.#fd, bytes);
    } catch (error) {
      // Full, or nobody is there any more. Neither is the guest's concern.
      if ((error as { readonly code?: unknown }).code !== 'EAGAIN') this.#isBroken = true;
      return 0;
    }
  }
}
