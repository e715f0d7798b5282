const LENGTH = 32;
/** Digests in a chunk; the first begins with fewer, for most workflows have a few tasks. */
const CHUNK = 2 ** 12;
const FIRST = 16;

/**
 * Digests of 32 bytes and their positions, in the order they were added. They lie end to end beside a table of positions: as objects, or as a map of
 * texts, a million of them would take more memory than all else of a plan.
 */
export class DigestTable {
  readonly #chunks: Uint8Array[] = [];
  #size = 0;
  /** A position plus one, or 0 if free; at most half of them are taken. Digests are spread evenly, so their first bytes say where to look. */
  #places = new Int32Array(256);

  /** The position of a digest, which is added if it is not there. */
  add(digest: Uint8Array): { readonly position: number; readonly isNew: boolean } {
    const known = this.find(digest);
    if (known !== undefined) return { position: known, isNew: false };
    const position = this.#size++;
    this.#roomFor(position).set(digest, (position % CHUNK) * LENGTH);
    if (this.#size * 2 > this.#places.length) this.#grow();
    else this.#places[this.#placeOf(digest)] = position + 1;
    return { position, isNew: true };
  }

  find(digest: Uint8Array): number | undefined {
    const entry = digest.length === LENGTH ? this.#places[this.#placeOf(digest)]! : 0;
    return entry === 0 ? undefined : entry - 1;
  }

  /** A view. */
  at(position: number): Uint8Array {
    const from = (position % CHUNK) * LENGTH;
    return this.#chunks[Math.floor(position / CHUNK)]!.subarray(from, from + LENGTH);
  }

  /** Lets go of what only `add` and `find` need, which are of no more use then. */
  freeze(): void {
    this.#places = new Int32Array(0);
  }

  /** The chunk it goes to. */
  #roomFor(position: number): Uint8Array {
    const last = this.#chunks.at(-1);
    if (last !== undefined && position % CHUNK !== 0 && (position % CHUNK) * LENGTH < last.length) return last;
    if (last !== undefined && position % CHUNK !== 0) {
      const larger = new Uint8Array(Math.min(CHUNK * LENGTH, 4 * last.length));
      larger.set(last);
      this.#chunks[this.#chunks.length - 1] = larger;
      return larger;
    }
    const fresh = new Uint8Array((last === undefined ? FIRST : CHUNK) * LENGTH);
    this.#chunks.push(fresh);
    return fresh;
  }

  /** Where it stands, or would. */
  #placeOf(digest: Uint8Array): number {
    const places = this.#places;
    const mask = places.length - 1;
    let place = (digest[0]! | (digest[1]! << 8) | (digest[2]! << 16) | (digest[3]! << 24)) & mask;
    while (places[place] !== 0 && !this.#stands(digest, places[place]! - 1)) place = (place + 1) & mask;
    return place;
  }

  #stands(digest: Uint8Array, position: number): boolean {
    const chunk = this.#chunks[Math.floor(position / CHUNK)]!;
    const from = (position % CHUNK) * LENGTH;
    for (let i = 0; i < LENGTH; i++) if (chunk[from + i] !== digest[i]) return false;
    return true;
  }

  #grow(): void {
    this.#places = new Int32Array(this.#places.length * 2);
    for (let position = 0; position < this.#size; position++) this.#places[this.#placeOf(this.at(position))] = position + 1;
  }
}
