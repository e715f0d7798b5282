import { DocketError } from '../errors.ts';

/**
 * Messages on a pipe: four bytes of length, little-endian, then that many bytes. Both ends are Docket's own code, yet the
 * length is bounded: what a guest makes of its process must not make the other side allocate without end.
 */

/** Bytes of a message, without its length. Far above what a job or its end needs: large blobs never cross the pipe. */
export const MAX_FRAME = 64 << 20;

export const HEADER = 4;

/** Cuts a stream of chunks, however they fall, into messages. Messages are copies: chunks may be reused by the caller. */
export class FrameDecoder {
  readonly #header = new Uint8Array(HEADER);
  #headerFilled = 0;
  #body: Uint8Array | undefined;
  #bodyFilled = 0;

  /** The messages that end in this chunk. Throws `INTERNAL` if one is announced to be larger than `MAX_FRAME`; the stream is of no use then. */
  push(chunk: Uint8Array): Uint8Array[] {
    const messages: Uint8Array[] = [];
    let at = 0;
    while (at < chunk.length || this.#body?.length === 0) {
      if (this.#body === undefined) {
        const count = Math.min(HEADER - this.#headerFilled, chunk.length - at);
        this.#header.set(chunk.subarray(at, at + count), this.#headerFilled);
        this.#headerFilled += count;
        at += count;
        if (this.#headerFilled < HEADER) break;
        this.#body = allocate(new DataView(this.#header.buffer).getUint32(0, true));
      }
      const count = Math.min(this.#body.length - this.#bodyFilled, chunk.length - at);
      this.#body.set(chunk.subarray(at, at + count), this.#bodyFilled);
      this.#bodyFilled += count;
      at += count;
      if (this.#bodyFilled < this.#body.length) break;
      messages.push(this.#body);
      this.#body = undefined;
      this.#headerFilled = 0;
      this.#bodyFilled = 0;
    }
    return messages;
  }

  /** Whether the stream stands between two messages. */
  get isEmpty(): boolean {
    return this.#headerFilled === 0;
  }
}

function allocate(length: number): Uint8Array {
  if (length > MAX_FRAME)
    throw new DocketError('INTERNAL', `a message of ${length} bytes was announced by a slot process; at most ${MAX_FRAME} are allowed`);
  return new Uint8Array(length);
}
