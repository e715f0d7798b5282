import { isDocketError } from '../errors.ts';
import type { CID } from '../ipld/cid.ts';
import * as Cid from '../ipld/cid.ts';
import * as LargeValue from '../ipld/large-value.ts';
import { descend, partsOf } from '../ipld/pointer.ts';
import { replaceIn } from '../ipld/replace.ts';
import { type Ipld, isLink } from '../ipld/value.ts';
import type { BlobReader } from '../store/blob-reader.ts';
import { asPromise } from '../workflow/promise.ts';
import { Refusal } from './refusal.ts';
import { MOST_RESULT } from './result-bounds.ts';

/** Items of all large values among the arguments of one task. */
const MOST_ITEMS = 4 * LargeValue.MOST_VALUES;

/** Bytes that an item takes while it becomes a value for the guest: as it is decoded, and in the shape that the call takes. */
const ITEM_WEIGHT = 256;

/**
 * What a task is given by name, read for it. A name may stand in many places, and each is another copy for the guest, which could not hold more than its
 * memory: so all of them together keep to that.
 */
export class GivenValues {
  readonly #blobs: Pick<BlobReader, 'readAll'>;
  readonly #memory: number;
  readonly #onRead: (bytes: number) => void;
  #bytes = 0;
  #items = 0;

  /** `memory`: the task's limit, in bytes. `onRead` is told of what is read into memory and is garbage when the task has ended, in bytes. */
  constructor(blobs: Pick<BlobReader, 'readAll'>, memory: number, onRead: (bytes: number) => void) {
    this.#blobs = blobs;
    this.#memory = memory;
    this.#onRead = onRead;
  }

  /** The bytes of a blob; undefined if the link names none. Throws `Refusal`. */
  bytesOf(link: CID): Uint8Array | undefined {
    return Cid.isBlob(link) ? this.#read(link, this.#memory) : undefined;
  }

  /**
   * `input` with large values in place of their names. A part of one is named like a promise, `{"await/ok": <large value>, at}`: no promise is left in the input of a job,
   * and no result has a link to a large value in it. What comes in is not looked into. Throws `Refusal`.
   */
  spread(input: Ipld): Ipld {
    return replaceIn(input, (part) => {
      if (isLink(part)) return Cid.isLargeValue(part) ? this.#value(part) : undefined;
      const named = asPromise(part);
      return named !== undefined && Cid.isLargeValue(named.instruction) ? this.#part(named.instruction, named.at) : undefined;
    });
  }

  #part(link: CID, at: string): Ipld {
    const found = descend(this.#value(link), partsOf(at));
    if ('problem' in found) throw new Refusal('invalid', `${at} of ${link}: ${found.problem}`);
    return found.value;
  }

  #value(link: CID): Ipld {
    // Encoded, a value may take more room than in a guest: names of fields are written out.
    const bytes = this.#read(link, Math.max(this.#memory, MOST_RESULT));
    try {
      const items = LargeValue.itemsOf(bytes);
      this.#items += items;
      this.#onRead(items * ITEM_WEIGHT);
      if (this.#items <= MOST_ITEMS) return LargeValue.read(bytes);
    } catch (error) {
      if (!isDocketError(error, 'IPLD_INVALID')) throw error;
      throw new Refusal('invalid', `${link} is no value: ${error.message}`);
    }
    throw new Refusal('limit/memory', `the arguments of the task have more than ${MOST_ITEMS} values`, { limit: this.#memory });
  }

  #read(link: CID, most: number): Uint8Array {
    try {
      const bytes = this.#blobs.readAll(link, Math.max(0, most - this.#bytes));
      this.#bytes += bytes.length;
      this.#onRead(bytes.length);
      return bytes;
    } catch (error) {
      if (!isDocketError(error, 'BLOB_TOO_LARGE')) throw error;
      throw new Refusal('limit/memory', `the arguments do not fit into the memory of the task: ${error.message}`, { limit: this.#memory });
    }
  }
}
