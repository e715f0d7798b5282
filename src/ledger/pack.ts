/**
 * Rows in flat buffers, so that a batch crosses to the worker as a transfer. Structured clone was rejected: it copies the whole
 * backing buffer of every small view, and costs more per row. The worker sends the buffers back to be filled again, since
 * touching fresh memory costs as much as the copying.
 */

/** What SQLite binds and gives. Numbers are integers; a bigint has 64 bits with sign. */
export type Sql = null | number | bigint | string | Uint8Array;
export type Row = readonly Sql[];
export type Chunk = Uint8Array<ArrayBuffer>;

const NULL = 0;
const NUMBER = 1;
const TEXT = 2;
const BYTES = 3;
const BIGINT = 4;

const CHUNK = 128 * 1024;
/** Chunks kept for later. */
const SPARE = 64;
/** Tag and length, or tag and number. */
const HEAD = 9;

/** Where packers get their memory. */
export class ChunkPool {
  readonly #spare: Chunk[] = [];

  take(atLeast: number): Buffer<ArrayBuffer> {
    const spare = atLeast <= CHUNK ? this.#spare.pop() : undefined;
    return spare === undefined ? Buffer.allocUnsafeSlow(Math.max(atLeast, CHUNK)) : Buffer.from(spare.buffer);
  }

  give(chunks: readonly Chunk[]): void {
    for (const chunk of chunks) if (chunk.buffer.byteLength === CHUNK && this.#spare.length < SPARE) this.#spare.push(chunk);
  }
}

export class Packer {
  readonly #pool: ChunkPool;
  readonly #full: Chunk[] = [];
  #buffer: Buffer<ArrayBuffer>;
  #at = 0;
  #sizeOfFull = 0;

  constructor(pool: ChunkPool) {
    this.#pool = pool;
    this.#buffer = pool.take(0);
  }

  /** Bytes packed so far. */
  get size(): number {
    return this.#sizeOfFull + this.#at;
  }

  add(row: Row): void {
    this.#reserve(row);
    this.#buffer[this.#at++] = row.length;
    for (const value of row) this.#value(value);
  }

  /** Everything packed, in buffers of its own that may be transferred. The packer is of no more use. */
  finish(): Chunk[] {
    return [...this.#full, this.#buffer.subarray(0, this.#at)];
  }

  /** A row lies in one chunk. */
  #reserve(row: Row): void {
    let most = 1;
    for (const value of row) {
      most += HEAD;
      if (typeof value === 'string') most += value.length * 3;
      else if (value instanceof Uint8Array) most += value.length;
    }
    if (this.#at + most <= this.#buffer.length) return;
    this.#full.push(this.#buffer.subarray(0, this.#at));
    this.#sizeOfFull += this.#at;
    this.#buffer = this.#pool.take(most);
    this.#at = 0;
  }

  #value(value: Sql): void {
    const buffer = this.#buffer;
    const at = this.#at;
    if (value === null) {
      buffer[at] = NULL;
      this.#at = at + 1;
    } else if (typeof value === 'number') {
      buffer[at] = NUMBER;
      buffer.writeDoubleLE(value, at + 1);
      this.#at = at + HEAD;
    } else if (typeof value === 'bigint') {
      buffer[at] = BIGINT;
      buffer.writeBigInt64LE(value, at + 1);
      this.#at = at + HEAD;
    } else if (typeof value === 'string') {
      const length = buffer.write(value, at + 5, 'utf8');
      buffer[at] = TEXT;
      buffer.writeUInt32LE(length, at + 1);
      this.#at = at + 5 + length;
    } else {
      buffer[at] = BYTES;
      buffer.writeUInt32LE(value.length, at + 1);
      buffer.set(value, at + 5);
      this.#at = at + 5 + value.length;
    }
  }
}

/** The rows of packed chunks. Bytes are views on them. */
export function* unpack(chunks: readonly Uint8Array[]): Generator<Sql[]> {
  for (const { buffer, byteOffset, byteLength } of chunks) yield* unpackChunk(Buffer.from(buffer, byteOffset, byteLength));
}

function* unpackChunk(buffer: Buffer): Generator<Sql[]> {
  let at = 0;
  while (at < buffer.length) {
    const row: Sql[] = [];
    for (let left = buffer[at++]!; left > 0; left--) {
      const tag = buffer[at]!;
      if (tag === NULL) {
        row.push(null);
        at += 1;
      } else if (tag === NUMBER) {
        row.push(buffer.readDoubleLE(at + 1));
        at += HEAD;
      } else if (tag === BIGINT) {
        row.push(buffer.readBigInt64LE(at + 1));
        at += HEAD;
      } else {
        const start = at + 5;
        at = start + buffer.readUInt32LE(start - 4);
        row.push(tag === TEXT ? buffer.toString('utf8', start, at) : buffer.subarray(start, at));
      }
    }
    yield row;
  }
}
