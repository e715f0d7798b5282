import type { Clock } from '../../base/clock.ts';
import type { CID } from '../../ipld/cid.ts';
import type { Key } from '../../ipld/identity.ts';
import type { Ipld } from '../../ipld/value.ts';
import type { Change, CommitResult, MemoTable } from '../../ledger/ledger.ts';
import type { FiledRow } from '../../ledger/shared.ts';
import type { FiledResult, Mesh } from '../../mesh/mesh.ts';
import { encodeShared, MOST_HELD, MOST_SMALL, MOST_SMALL_BYTES, type SharedResult } from '../../protocol/mesh/shared-result.ts';
import { state } from '../../receipt/statement.ts';
import { decodeAs, issuerOf } from '../../receipt/verify.ts';
import { digestHex } from '../../store/digest.ts';
import { namedBlobs } from './named-blobs.ts';
import { type Rows, ToldWaits } from './told-waits.ts';

/**
 * Files in the mesh what is filed in the ledger.
 *
 * Invariants
 * R1. The ledger is the queue: rows of keys are gone through in their order, a page at a time, from a mark that is kept in the ledger too. So what waits for a link
 *     that is down takes no memory, nothing is lost by it, and a restart goes on where it was. After a crash some is filed once more, which changes nothing.
 *     The mark is of what the engine keeps at the time: one that lost its results is told again what a home that joins tells.
 * R2. A receipt is told by who issued it, and that it belongs to a declared key by who found that itself. What was heard of others is not passed on: it would make
 *     a lie many. Of a plain task (`Lookup`) the resolved key is told alone; a receipt that another issued for this home is told again under it, since its issuer may be
 *     gone before it told: so far as all its blobs are here, for who told last is asked for them.
 * R3. Only what was granted nothing is told under resolved keys: what an author keeps of an impure task is kept for himself. Rows of run keys stand among the declared
 *     ones, and are told: nobody but who goes on with that run asks for them.
 *     Of what a member ran they say what its own filer may not have told before that member was lost.
 * R4. One page is under way at a time. Whatever fails is tried again, later each time, also reading the ledger: what was not told to the mesh is behind, never lost.
 */
interface Options {
  readonly mesh: Pick<Mesh, 'name' | 'results' | 'messages' | 'link' | 'onLink'>;
  readonly ledger: FilingLedger;
  /** A blob of the home, if it is there and sound. */
  readonly read: (cid: CID) => Uint8Array | undefined;
  /** Bytes of a blob that is not in the ledger; undefined if it is not here. */
  readonly sizeOf: (cid: CID) => number | undefined;
  readonly key: Key;
  readonly clock: Clock;
  /** For the metrics: results that were filed, and those that no message can hold. */
  readonly onFiled: (filed: { readonly table: MemoTable; readonly filed: number; readonly tooLarge: number }) => void;
  /** It could not be filed, and is tried again after so many ms. */
  readonly onTrouble: (cause: unknown, after: number) => void;
}

export interface FilingLedger {
  filedAfter(table: MemoTable, after: number, limit: number): FiledRow[];
  lastRow(table: MemoTable): number;
  mark(name: string): number | undefined;
  commit(changes: readonly Change[]): Promise<CommitResult>;
  /** Called after each commit of this process. */
  onCommit(listener: () => void): Disposable;
  readonly small: { get(digest: string): Uint8Array | undefined };
}

const TABLES: readonly MemoTable[] = ['resolved', 'declared'];
const PAGE = 256;
/** How many rows of a home that joins are told. */
const EARLIER = 10_000;
/** So that commits that follow each other share a message, in ms. */
const GATHER = 20;
/** How often it is looked whether another process of the home filed something, in ms. */
const LOOK = 1_000;
/** How long a mark may be behind, in ms. */
const MARKING = 5_000;
const LEAST_REST = 250;
const MOST_REST = 10_000;
/** Bytes of one message to the engine, beside which its own overhead fits. */
const MARGIN = 1_024;
/** Blobs of one result that are looked at. */
const MOST_NAMED = 4_096;

export class ResultFiler implements AsyncDisposable {
  readonly #options: Options;
  readonly #marks: Record<MemoTable, number>;
  /** Of what the engine keeps, as of `Results.made`: what the marks are about. */
  #made: number | undefined;
  readonly #ears = new DisposableStack();
  #stopTimer: () => void;
  #stopMarking: (() => void) | undefined;
  #work: Promise<void> | undefined;
  #isNudged = false;
  readonly #waits: ToldWaits;
  #isOver = false;
  #rest = 0;

  constructor(options: Options) {
    const { ledger, mesh, clock } = options;
    this.#options = options;
    this.#marks = { resolved: this.#earlier('resolved'), declared: this.#earlier('declared') };
    this.#ears.use(ledger.onCommit(() => this.#nudge()));
    this.#waits = new ToldWaits({ clock, isTold: (upTo) => this.#isTold(upTo) });
    this.#ears.use(
      mesh.onLink(({ tag }) => {
        if (tag !== 'up') return;
        this.#waits.moved();
        this.#begin();
      }),
    );
    this.#stopTimer = clock.after(0, () => this.#begin());
  }

  /** Rows that the mesh was not told yet. */
  get behind(): number {
    return TABLES.reduce((sum, table) => sum + Math.max(0, this.#options.ledger.lastRow(table) - this.#marks[table]), 0);
  }

  /** Resolves when the mesh was told of all that is filed by now, or after so many ms. */
  async told(ms: number): Promise<void> {
    const rows = this.#lastRows();
    if (this.#isOver || this.#isTold(rows)) return;
    this.#begin();
    await this.#waits.told(rows, ms);
  }

  /** The same, or when the mesh has taken nothing for so many ms. Throws what reading the ledger throws. */
  async kept(ms: number): Promise<void> {
    const rows = this.#lastRows();
    if (this.#isOver || this.#isTold(rows)) return;
    // After trouble it is tried again when its rest is over, whoever waits.
    if (this.#rest === 0) this.#begin();
    await this.#waits.kept(rows, ms);
  }

  #lastRows(): Rows {
    const { ledger } = this.#options;
    return { resolved: ledger.lastRow('resolved'), declared: ledger.lastRow('declared') };
  }

  #isTold(upTo: Rows): boolean {
    return TABLES.every((table) => upTo[table] <= this.#marks[table]);
  }

  #nameOf(table: MemoTable, made: number): string {
    return `${table} ${this.#options.mesh.name} ${made}`;
  }

  #earlier(table: MemoTable): number {
    return Math.max(0, this.#options.ledger.lastRow(table) - EARLIER);
  }

  /** What was told to an engine that lost it is told again. Throws `MESH_…`. */
  async #findMarks(): Promise<void> {
    const { ledger, mesh } = this.#options;
    const made = await mesh.results.made();
    if (made === this.#made) return;
    this.#made = made;
    for (const table of TABLES) this.#marks[table] = ledger.mark(this.#nameOf(table, made)) ?? this.#earlier(table);
  }

  /** Something was committed. */
  #nudge(): void {
    if (this.#isNudged || this.#rest > 0) return;
    this.#isNudged = true;
    this.#wait(GATHER);
  }

  #wait(ms: number): void {
    this.#stopTimer();
    if (!this.#isOver) this.#stopTimer = this.#options.clock.after(ms, () => this.#begin());
  }

  #begin(): void {
    if (this.#work !== undefined || this.#isOver) return;
    this.#stopTimer();
    this.#isNudged = false;
    this.#work = this.#fileAll().then(
      (after) => {
        this.#work = undefined;
        this.#wait(this.#isNudged ? GATHER : after);
      },
      (cause: unknown) => {
        this.#work = undefined;
        this.#wait(this.#later(cause));
      },
    );
  }

  /** Files all there is. Gives the ms after which to look again. Throws `MESH_…`, and what the ledger throws. */
  async #fileAll(): Promise<number> {
    // By turns: a run asks by declared keys first, and they would come last while another is under way.
    for (let left: readonly MemoTable[] = TABLES; left.length > 0;) {
      for (const table of left) {
        if (this.#isOver) return LOOK;
        if (this.#options.mesh.link.tag === 'down') {
          this.#waits.stuck();
          return LOOK;
        }
        await this.#findMarks();
        const rows = this.#page(table);
        if (rows.length === 0) {
          left = left.filter((each) => each !== table);
          continue;
        }
        await this.#filePage(table, rows);
        this.#rest = 0;
      }
    }
    return LOOK;
  }

  #later(cause: unknown): number {
    this.#waits.stuck();
    this.#rest = Math.min(MOST_REST, Math.max(LEAST_REST, 2 * this.#rest));
    this.#options.onTrouble(cause, this.#rest);
    return this.#rest;
  }

  #page(table: MemoTable): FiledRow[] {
    const { ledger } = this.#options;
    const last = ledger.lastRow(table);
    const rows = ledger.filedAfter(table, this.#marks[table], PAGE);
    // The last ones may have gone.
    if (rows.length === 0 && last > this.#marks[table]) {
      this.#marks[table] = last;
      this.#waits.moved();
    }
    return rows;
  }

  async #filePage(table: MemoTable, rows: readonly FiledRow[]): Promise<void> {
    const { mesh, onFiled } = this.#options;
    const made = await Promise.all(rows.map((row) => this.#resultOf(table, row)));
    const results = made.filter((result) => result !== undefined && result !== 'too large');
    const tooLarge = made.filter((result) => result === 'too large').length;
    if (results.length > 0) await mesh.results.file(results);
    this.#marks[table] = rows.at(-1)!.id;
    this.#waits.moved();
    this.#stopMarking ??= this.#options.clock.after(MARKING, () => void this.#markLater());
    onFiled({ table, filed: results.length, tooLarge });
  }

  /** Undefined if it is not for others. */
  async #resultOf(table: MemoTable, { key, receipt: row, heardOf, isPlain }: FiledRow): Promise<FiledResult | 'too large' | undefined> {
    const { key: own } = this.#options;
    if (row === undefined || heardOf !== null) return undefined;
    const isOwn = issuerOf(row.bytes) === own.did;
    if (isPlain ? isOwn : table === 'resolved' && !isOwn) return undefined;
    const receipt = decodeAs(row.cid, row.bytes);
    if (receipt === undefined || (table === 'resolved' && receipt.meta.grants.length > 0)) return undefined;
    const blobs = this.#blobsOf(receipt.out);
    if (isPlain) {
      const resolved = receipt.meta.key;
      return resolved === undefined || !blobs.isWhole
        ? undefined
        : this.#messageOf(resolved, { receipt: row.bytes, statement: undefined }, [blobs]);
    }
    const statement = table === 'declared' ? await state(key, row.cid, own) : undefined;
    return this.#messageOf(key, { receipt: row.bytes, statement }, [blobs, NO_BLOBS]);
  }

  /** With the first of these that fit in. */
  #messageOf(key: Uint8Array, bare: Pick<SharedResult, 'receipt' | 'statement'>, choices: readonly Blobs[]): FiledResult | 'too large' {
    const { key: own, mesh } = this.#options;
    for (const { small, held } of choices) {
      const value = encodeShared({ ...bare, small, held });
      if (value.length <= mesh.messages.largest - MARGIN) return { key, issuer: own.did, value };
    }
    return 'too large';
  }

  /** `isWhole`: nothing it names is missing here, or left out for want of room. */
  #blobsOf(out: readonly [tag: string, value: Ipld]): Blobs & { readonly isWhole: boolean } {
    const { ledger, read, sizeOf } = this.#options;
    const small = new Map<string, Uint8Array>();
    const held: { cid: CID; size: number }[] = [];
    let bytes = 0;
    let named = 0;
    for (const cid of namedBlobs([...out], read, MOST_NAMED)) {
      named++;
      const digest = digestHex(cid);
      const blob = ledger.small.get(digest);
      if (blob !== undefined && bytes + blob.length <= MOST_SMALL_BYTES && small.size < MOST_SMALL) {
        bytes += blob.length;
        small.set(digest, blob);
      } else if (held.length < MOST_HELD) {
        const size = blob?.length ?? sizeOf(cid);
        if (size !== undefined) held.push({ cid, size });
      }
    }
    return { small, held, isWhole: named < MOST_NAMED && named === small.size + held.length };
  }

  /** A mark that could not be set has more told once more after a restart; the next page sets one again. */
  async #markLater(): Promise<void> {
    try {
      await this.#mark();
    } catch (cause) {
      this.#options.onTrouble(cause, MARKING);
    }
  }

  async #mark(): Promise<void> {
    this.#stopMarking?.();
    this.#stopMarking = undefined;
    const made = this.#made!;
    await this.#options.ledger.commit(
      TABLES.map((table) => ({ kind: 'mark', name: this.#nameOf(table, made), value: this.#marks[table] })),
    );
  }

  /** What is under way is not waited for longer than the engine takes: the mesh must be closed after this, or be reached. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    this.#waits.letGo();
    this.#ears.dispose();
    this.#stopTimer();
    await this.#work;
    if (this.#stopMarking !== undefined) await this.#mark();
  }
}

type Blobs = Pick<SharedResult, 'small' | 'held'>;

const NO_BLOBS: Blobs = { small: new Map(), held: [] };
