import { DocketError } from '../../errors.ts';
import type { MeshRecord, RecordChange, Records } from '../mesh.ts';
import { checkKey, checkPrefix, checkSize, isUnder } from '../names.ts';
import { Reader } from './reader.ts';
import type { Station } from './station.ts';

interface Watcher {
  readonly prefix: string;
  onChange(change: Exclude<RecordChange, { readonly kind: 'current' }>): void;
}

/** The records at the engine. One counter gives all revisions, so those of a key grow, also after it was deleted. */
export class RecordTable {
  readonly #records = new Map<string, MeshRecord>();
  readonly #watchers = new Set<Watcher>();
  readonly #most: number;
  #bytes = 0;
  #revision = 0;

  /** `most`: bytes of all values together. */
  constructor(most: number) {
    this.#most = most;
  }

  get(key: string): MeshRecord | undefined {
    const record = this.#records.get(key);
    return record === undefined ? undefined : copyOf(record);
  }

  list(prefix: string): MeshRecord[] {
    return [...this.#records.values()].filter(({ key }) => isUnder(prefix, key)).map(copyOf);
  }

  put(key: string, value: Uint8Array, expected: number): number | undefined {
    const old = this.#records.get(key);
    if ((old?.revision ?? 0) !== expected) return undefined;
    const bytes = this.#bytes + value.length - (old?.value.length ?? 0);
    if (bytes > this.#most)
      throw new DocketError('MESH_FULL', `the records of the mesh would have ${bytes} bytes, more than ${this.#most}`);
    this.#bytes = bytes;
    const record = { key, value, revision: ++this.#revision };
    this.#records.set(key, record);
    this.#tell({ kind: 'put', ...record });
    return record.revision;
  }

  delete(key: string, expected: number): boolean {
    const old = this.#records.get(key);
    if (old === undefined || old.revision !== expected) return false;
    this.#bytes -= old.value.length;
    this.#records.delete(key);
    this.#tell({ kind: 'deleted', key, revision: ++this.#revision });
    return true;
  }

  lose(): void {
    for (const { key, revision } of this.#records.values()) this.delete(key, revision);
  }

  watch(watcher: Watcher): Disposable {
    this.#watchers.add(watcher);
    return { [Symbol.dispose]: () => void this.#watchers.delete(watcher) };
  }

  #tell(change: Exclude<RecordChange, { readonly kind: 'current' }>): void {
    for (const watcher of this.#watchers) if (isUnder(watcher.prefix, change.key)) watcher.onChange(change);
  }
}

export class LocalRecords implements Records {
  readonly #station: Station;
  readonly #table: RecordTable;
  readonly #largest: number;

  constructor(station: Station, table: RecordTable, largest: number) {
    this.#station = station;
    this.#table = table;
    this.#largest = largest;
  }

  async get(key: string): Promise<MeshRecord | undefined> {
    checkKey(key);
    return await this.#station.call(() => this.#table.get(key));
  }

  async put(key: string, value: Uint8Array, expected: number): Promise<number | undefined> {
    checkKey(key);
    checkSize(value, this.#largest);
    const copy = new Uint8Array(value);
    return await this.#station.write(() => this.#table.put(key, copy, expected));
  }

  async delete(key: string, expected: number): Promise<boolean> {
    checkKey(key);
    return await this.#station.write(() => this.#table.delete(key, expected));
  }

  async tidy(signal: AbortSignal): Promise<void> {
    // Nothing is kept of them.
    await this.#station.write(() => undefined, signal);
  }

  async list(prefix: string): Promise<readonly MeshRecord[]> {
    checkPrefix(prefix);
    return await this.#station.call(() => this.#table.list(prefix));
  }

  /**
   * W1. What is not read yet is kept by key, the newest only: a slow reader costs no more than the records there are.
   * W2. A key keeps its place in that line, so all that stood there comes before `current`.
   */
  async *watch(prefix: string, signal: AbortSignal): AsyncGenerator<RecordChange> {
    checkPrefix(prefix);
    const unseen = new Map<string, RecordChange>();
    const seen = new Map<string, RecordChange>();
    let watching: Disposable | undefined;
    using reader = new Reader(this.#station, signal, () => {
      if (watching === undefined) {
        for (const record of this.#table.list(prefix)) seen.set(record.key, { kind: 'put', ...record });
        // No key is the empty word.
        seen.set('', { kind: 'current' });
        watching = this.#table.watch({
          prefix,
          onChange(change) {
            unseen.set(change.key, change);
            reader.stir();
          },
        });
      }
      for (const [key, change] of unseen) seen.set(key, change);
      unseen.clear();
    });
    try {
      while (!reader.isOver) {
        const [next] = seen;
        if (next === undefined) await reader.wait();
        else {
          seen.delete(next[0]);
          yield next[1].kind === 'put' ? { ...next[1], value: new Uint8Array(next[1].value) } : next[1];
        }
      }
    } finally {
      watching?.[Symbol.dispose]();
    }
  }
}

function copyOf(record: MeshRecord): MeshRecord {
  return { ...record, value: new Uint8Array(record.value) };
}
