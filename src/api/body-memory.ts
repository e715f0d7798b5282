import { DocketError } from '../errors.ts';

/** Bytes of all bodies together. */
const MOST = 256 * 2 ** 20;
/** A body up to this is a small one. */
const SMALL = 2 ** 20;
/** Of the room, what large bodies may take: a few of them do not keep everybody out. */
const SHARE_OF_LARGE = 3 / 4;
/** A body that stands still is cut off after half a minute at the latest. In seconds. */
const RETRY_AFTER = 5;

/** One body, until it is disposed of. */
export interface HeldBody extends Disposable {
  /** All of its bytes. Throws `AGENT_FULL`. */
  all(source: AsyncIterable<Uint8Array>): Promise<Buffer>;
}

/** One whose bytes may be held elsewhere, too. */
export interface CountedBody extends HeldBody {
  /** So many bytes are held elsewhere, instead of what was counted before. Throws `AGENT_FULL`. */
  count(bytes: number): void;
}

/**
 * The memory for bodies that are held whole. Bytes count as they come, not as they are announced, until their request is answered. Whoever comes when there is no
 * room is refused and not queued: who waits behind bodies that stand still would be made to wait by anybody.
 */
export class BodyMemory {
  readonly #most: number;
  readonly #small: number;
  #held = 0;

  /** In bytes; default 256 MiB, and 1 MiB for what counts as a small body. */
  constructor({ most = MOST, small = SMALL }: { readonly most?: number; readonly small?: number } = {}) {
    this.#most = most;
    this.#small = small;
  }

  open(): CountedBody {
    let own = 0;
    return {
      all: async (source) => {
        const chunks: Uint8Array[] = [];
        for await (const chunk of source) {
          own += this.#take(chunk.length, own);
          chunks.push(chunk);
        }
        return Buffer.concat(chunks);
      },
      count: (bytes) => {
        if (bytes > own) this.#take(bytes - own, own);
        else this.#held -= own - bytes;
        own = bytes;
      },
      [Symbol.dispose]: () => {
        this.#held -= own;
        own = 0;
      },
    };
  }

  #take(bytes: number, before: number): number {
    const room = before + bytes > this.#small ? this.#most * SHARE_OF_LARGE : this.#most;
    if (this.#held + bytes > room)
      throw new DocketError('AGENT_FULL', `the agent holds ${this.#held} bytes of what it is sent and takes no more at a time`, {
        details: { retryAfter: RETRY_AFTER },
      });
    this.#held += bytes;
    return bytes;
  }
}
