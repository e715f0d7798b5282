import { DocketError } from '../../errors.ts';
import { CID } from '../../ipld/cid.ts';
import { decode } from '../../ipld/dag-cbor.ts';
import { isMap } from '../../ipld/value.ts';
import { Malformed, readVarint } from './protobuf.ts';
import { type Blocks, MOST_BLOCK } from './rebuild.ts';

/** Bytes of blocks that came before they were wanted, or may be wanted once more. */
const MOST_KEPT = 32 * 2 ** 20;
const MOST_HEADER = 64 * 1024;
/** Of the longest CID that names a block here, with some room. */
const MOST_CID = 128;

/**
 * Blocks out of a CAR (version 1, https://ipld.io/specs/transport/car/carv1) as it comes. Meant for one in the order in which the blocks are wanted,
 * as gateways send it; what comes out of turn is kept up to a bound. Nothing is believed of it: who takes a block checks it.
 */
export class CarBlocks implements Blocks, AsyncDisposable {
  readonly #bytes: Incoming;
  readonly #kept = new Map<string, Uint8Array>();
  readonly #otherwise: Blocks;
  #size = 0;
  #isOpen = false;

  /** `otherwise` is asked for what the CAR lacks: gateways may leave out a block that was in it before. */
  constructor(source: AsyncIterable<Uint8Array>, otherwise: Blocks) {
    this.#bytes = new Incoming(source);
    this.#otherwise = otherwise;
  }

  /** Throws `RESOURCE_INVALID` if it is no CAR, and what its source and `otherwise` throw. */
  async get(cid: CID): Promise<Uint8Array> {
    const wanted = nameOf(cid);
    const known = this.#kept.get(wanted);
    if (known !== undefined) return known;
    if (!this.#isOpen) await this.#open();
    for (let section = await this.#section(); section !== undefined; section = await this.#section()) {
      const { name, block } = section;
      this.#keep(name, block);
      if (name === wanted) return block;
    }
    return await this.#otherwise.get(cid);
  }

  async #open(): Promise<void> {
    const length = await this.#bytes.varint();
    if (length === undefined || length > MOST_HEADER) throw invalid('it does not begin as a CAR');
    let header: unknown;
    try {
      header = decode(await this.#bytes.take(length));
    } catch (cause) {
      throw invalid('its header cannot be read', cause);
    }
    const version = isMap(header as never) ? (header as Record<string, unknown>)['version'] : undefined;
    if (version !== 1) throw invalid(`it is a CAR of version ${String(version)}, and not 1`);
    this.#isOpen = true;
  }

  async #section(): Promise<{ readonly name: string; readonly block: Uint8Array } | undefined> {
    const length = await this.#bytes.varint();
    if (length === undefined) return undefined;
    if (length > MOST_CID + MOST_BLOCK) throw invalid(`it has a block of ${length} bytes`);
    const section = await this.#bytes.take(length);
    try {
      const [cid, block] = CID.decodeFirst(section);
      return { name: nameOf(cid), block };
    } catch (cause) {
      throw invalid('it has a block whose CID cannot be read', cause);
    }
  }

  #keep(name: string, block: Uint8Array): void {
    if (this.#kept.has(name)) return;
    this.#kept.set(name, block);
    this.#size += block.length;
    for (const [oldest, bytes] of this.#kept) {
      if (this.#size <= MOST_KEPT) break;
      this.#kept.delete(oldest);
      this.#size -= bytes.length;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#bytes.leave();
  }
}

/** The codec is left out: a block is the same by whatever name. */
function nameOf({ multihash }: CID): string {
  return Buffer.from(multihash.bytes).toString('latin1');
}

/** Bytes by number, out of pieces as they come. */
class Incoming {
  readonly #source: AsyncIterator<Uint8Array>;
  #rest: Uint8Array = new Uint8Array();

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** Undefined at the end. */
  async varint(): Promise<number | undefined> {
    for (;;) {
      let read: ReturnType<typeof readVarint>;
      try {
        read = readVarint(this.#rest, 0);
      } catch (cause) {
        if (cause instanceof Malformed) throw invalid(cause.message, cause);
        throw cause;
      }
      if (read !== undefined) {
        this.#rest = this.#rest.subarray(read.end);
        return read.value;
      }
      const isInside = this.#rest.length > 0;
      if (await this.#more()) continue;
      if (isInside) throw cut();
      return undefined;
    }
  }

  /** A copy of the next bytes. */
  async take(length: number): Promise<Uint8Array> {
    const taken = new Uint8Array(length);
    for (let filled = 0; filled < length;) {
      if (this.#rest.length === 0 && !(await this.#more())) throw cut();
      const part = this.#rest.subarray(0, length - filled);
      taken.set(part, filled);
      filled += part.length;
      this.#rest = this.#rest.subarray(part.length);
    }
    return taken;
  }

  async leave(): Promise<void> {
    await this.#source.return?.();
  }

  async #more(): Promise<boolean> {
    const next = await this.#source.next();
    if (next.done === true) return false;
    this.#rest = this.#rest.length === 0 ? next.value : Buffer.concat([this.#rest, next.value]);
    return true;
  }
}

function cut(): DocketError {
  return invalid('it ends in the middle of a block');
}

function invalid(what: string, cause?: unknown): DocketError {
  return new DocketError('RESOURCE_INVALID', `the CAR is of no use: ${what}`, cause === undefined ? {} : { cause });
}
