import * as Cid from '../ipld/cid.ts';
import { INLINE } from '../ipld/large-value.ts';
import { hexOfBytes } from '../store/digest.ts';
import { stage, type Staged } from '../store/staging.ts';
import type { Spill } from '../sandbox/files/source.ts';

/** Small blobs of one job together; more than that would make its end too large a message, so the rest goes to disk. */
const MOST_SMALL = 8 << 20;

/** Takes what a task leaves behind: small blobs travel with its end, larger ones go to the disk store. */
export class BlobSink {
  readonly small = new Map<string, Uint8Array>();
  readonly #written = new Map<string, Cid.CID>();
  readonly #storeRoot: string;
  #smallBytes = 0;

  constructor(storeRoot: string) {
    this.#storeRoot = storeRoot;
  }

  /** Blobs that lie in the disk store now, not yet durable. */
  get written(): readonly Cid.CID[] {
    return [...this.#written.values()];
  }

  /** Gives the raw CID. `STORE_FULL`, `STORE_UNWRITABLE`. */
  add(bytes: Uint8Array): Cid.CID {
    const hex = hexOfBytes(bytes);
    const cid = Cid.fromSha256(Buffer.from(hex, 'hex'));
    if (this.small.has(hex) || this.#written.has(hex)) return cid;
    if (bytes.length <= INLINE && this.#smallBytes + bytes.length <= MOST_SMALL) {
      this.#smallBytes += bytes.length;
      this.small.set(hex, bytes);
      return cid;
    }
    using staged = stage(this.#storeRoot);
    staged.write(bytes, 0);
    staged.adopt();
    this.#written.set(hex, cid);
    return cid;
  }

  /** Where content too large for memory goes while the guest runs. */
  readonly spills = { create: (): Staged => stage(this.#storeRoot) };

  /** Takes over a file that `spills` made. */
  adopt(spill: Spill): Cid.CID {
    const { cid } = (spill as Staged).adopt();
    this.#written.set(cid.toString(), cid);
    return cid;
  }
}
