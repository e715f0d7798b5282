import { DocketError } from '../../errors.ts';
import { CID } from '../../ipld/cid.ts';
import { abortable } from '../../store/abortable.ts';
import type { Objects } from '../mesh.ts';
import type { Station } from './station.ts';

const CHUNK = 128 * 1024;

/** The objects at the engine, by the text of their CIDs. */
export class ObjectTable {
  readonly #objects = new Map<string, Uint8Array>();
  readonly #most: number;
  #bytes = 0;

  /** `most`: bytes of all together. */
  constructor(most: number) {
    this.#most = most;
  }

  put(name: string, bytes: Uint8Array): void {
    if (this.#objects.has(name)) return;
    this.checkRoom(bytes.length);
    this.#bytes += bytes.length;
    this.#objects.set(name, bytes);
  }

  checkRoom(size: number): void {
    const bytes = this.#bytes + size;
    if (bytes > this.#most)
      throw new DocketError('MESH_FULL', `the objects of the mesh would have ${bytes} bytes, more than ${this.#most}`);
  }

  get(name: string): Uint8Array | undefined {
    return this.#objects.get(name);
  }

  delete(name: string): void {
    this.#bytes -= this.#objects.get(name)?.length ?? 0;
    this.#objects.delete(name);
  }

  list(): { name: string; size: number }[] {
    return [...this.#objects].map(([name, { length }]) => ({ name, size: length }));
  }
}

export class LocalObjects implements Objects {
  readonly #station: Station;
  readonly #table: ObjectTable;

  constructor(station: Station, table: ObjectTable) {
    this.#station = station;
    this.#table = table;
  }

  async put(cid: CID, size: number, source: AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<void> {
    const name = cid.toString();
    const isThere = await this.#station.write(() => {
      if (this.#table.get(name) !== undefined) return true;
      this.#table.checkRoom(size);
      return false;
    }, signal);
    if (isThere) return;
    const chunks: Uint8Array[] = [];
    let length = 0;
    for await (const chunk of abortable(source, signal)) {
      length += chunk.length;
      // More than was announced is not gathered: nobody knows how much it would be.
      if (length > size) break;
      chunks.push(new Uint8Array(chunk));
    }
    if (length !== size)
      throw new DocketError('BLOB_MISMATCH', `${cid} was announced with ${size} bytes, but has ${length > size ? 'more' : length}`);
    await this.#station.write(() => this.#table.put(name, Buffer.concat(chunks)), signal);
  }

  async *get(cid: CID, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    const bytes = await this.#station.call(() => this.#table.get(cid.toString()), signal);
    if (bytes === undefined) throw new DocketError('BLOB_MISSING', `${cid} is not among the objects of the mesh`);
    for (let at = 0; at < bytes.length; at += CHUNK) {
      signal?.throwIfAborted();
      yield new Uint8Array(bytes.subarray(at, at + CHUNK));
    }
  }

  async has(cid: CID): Promise<boolean> {
    return await this.#station.call(() => this.#table.get(cid.toString()) !== undefined);
  }

  async delete(cid: CID): Promise<void> {
    await this.#station.write(() => this.#table.delete(cid.toString()));
  }

  async *list(): AsyncGenerator<{ readonly cid: CID; readonly size: number }> {
    for (const { name, size } of await this.#station.call(() => this.#table.list())) yield { cid: CID.parse(name), size };
  }
}
