import { randomBytes } from 'node:crypto';

/** Bytes drawn at a time. */
const DRAWN = 1024;

/** Random bytes one by one, drawn for many at a time: a call for each would cost more than what they are used for. */
export class RandomPool {
  #bytes = Buffer.alloc(0);
  #used = 0;

  next(): number {
    if (this.#used === this.#bytes.length) {
      this.#bytes = randomBytes(DRAWN);
      this.#used = 0;
    }
    return this.#bytes[this.#used++]!;
  }
}
