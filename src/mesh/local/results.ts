import type { FiledResult, Results } from '../mesh.ts';
import { checkResultKey, checkSize, checkWord } from '../names.ts';
import type { Station } from './station.ts';

/** The results at the engine. Of so many only: those that were filed longest ago go first. */
export class ResultTable {
  /** By hexadecimal key and issuer, the oldest first. */
  readonly #filed = new Map<string, FiledResult>();
  /** By hexadecimal key, what each issuer filed, the newest last. */
  readonly #byKey = new Map<string, Map<string, FiledResult>>();
  readonly #most: number;

  /** `most`: how many are kept. */
  constructor(most: number) {
    this.#most = most;
  }

  file(result: FiledResult): void {
    this.#forget(result);
    const hex = hexOf(result.key);
    this.#filed.set(`${hex} ${result.issuer}`, result);
    const issuers = this.#byKey.get(hex);
    if (issuers === undefined) this.#byKey.set(hex, new Map([[result.issuer, result]]));
    else issuers.set(result.issuer, result);
    if (this.#filed.size > this.#most) for (const [, oldest] of this.#filed) return this.#forget(oldest);
  }

  /** The newest last. */
  all(key: Uint8Array): readonly FiledResult[] {
    return [...(this.#byKey.get(hexOf(key))?.values() ?? [])].map(copyOf);
  }

  #forget({ key, issuer }: FiledResult): void {
    const hex = hexOf(key);
    if (!this.#filed.delete(`${hex} ${issuer}`)) return;
    const issuers = this.#byKey.get(hex);
    issuers?.delete(issuer);
    if (issuers?.size === 0) this.#byKey.delete(hex);
  }
}

export class LocalResults implements Results {
  readonly #station: Station;
  readonly #table: ResultTable;
  readonly #largest: number;

  constructor(station: Station, table: ResultTable, largest: number) {
    this.#station = station;
    this.#table = table;
    this.#largest = largest;
  }

  async file(results: readonly FiledResult[]): Promise<void> {
    for (const { key, issuer, value } of results) {
      checkResultKey(key);
      checkWord(issuer);
      checkSize(value, this.#largest);
    }
    const copies = results.map(copyOf);
    await this.#station.write(() => {
      for (const result of copies) this.#table.file(result);
    });
  }

  async latest(keys: readonly Uint8Array[], signal?: AbortSignal): Promise<readonly (FiledResult | undefined)[]> {
    const copies = keys.map((key) => {
      checkResultKey(key);
      return new Uint8Array(key);
    });
    return await this.#station.call(() => copies.map((key) => this.#table.all(key).at(-1)), signal);
  }

  async all(key: Uint8Array, signal?: AbortSignal): Promise<readonly FiledResult[]> {
    checkResultKey(key);
    const copy = new Uint8Array(key);
    return await this.#station.call(() => this.#table.all(copy), signal);
  }

  /** It is never lost without the mesh. */
  async made(): Promise<number> {
    return await this.#station.call(() => 0);
  }
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
}

function copyOf({ key, issuer, value }: FiledResult): FiledResult {
  return { key: new Uint8Array(key), issuer, value: new Uint8Array(value) };
}
