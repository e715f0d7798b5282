import { extname } from 'node:path';
import type { Worker } from 'node:worker_threads';
import { deferred, type Deferred } from '../base/deferred.ts';
import { DocketError } from '../errors.ts';
import { type ConflictBytes, DanglingRow } from './apply.ts';
import { ChunkPool, Packer, type Row } from './pack.ts';
import { ROW } from './row.ts';
import { toDocketError } from './sqlite-error.ts';
import { failureOf, isBusy, type SqliteFailure } from './sqlite-failure.ts';
import type { Reply, Request, WriterData } from './writer-protocol.ts';
import { type Conflicts, Writing } from './writing.ts';

/**
 * Gathers calls into batches, has a thread write them, and tells each when it is durable.
 *
 * Invariants
 * W1. At most one request is with the thread. Calls made meanwhile are packed at once and share the next batch (group commit), so what
 *     the caller changes afterwards does not matter.
 * W2. Calls are written, and settle, in the order in which they were made. A call is never split over two batches.
 * W3. The first failure is final: everything waiting and everything later rejects with it, since later calls may build on lost ones.
 * W4. The thread keeps the process alive only while a call waits.
 * W5. The first few small batches are written right here, unless another process is writing: starting a thread would cost a command whose tasks are
 *     all cached a third of its time. So the caller waits for the disk a few times, and never for others. Once there is a thread, it alone writes.
 * W6. While it is held back nothing is begun, so that this process can stand still without keeping others from writing.
 */

/** Bytes of rows after which the next call goes into a batch of its own, so that a transaction does not take seconds. */
const BATCH_BYTES = 8 * 1024 * 1024;
/** Batches written without a thread, and the bytes each may have. */
const BATCHES_HERE = 8;
const BYTES_HERE = 64 * 1024;
/** How long the thread waits for other processes to let it write, in ms. */
const PATIENCE = 60_000;

interface Batch {
  readonly packer: Packer;
  readonly calls: Deferred<readonly ConflictBytes[]>[];
}

interface WriterOptions {
  /** The database, already of the right format. */
  readonly path: string;
  /** The thread's program; default the ledger's own. */
  readonly entry?: URL;
  readonly patience?: number;
}

export class Writer implements AsyncDisposable {
  readonly #path: string;
  readonly #entry: URL;
  readonly #patience: number;
  readonly #queue: (Batch | Deferred<readonly string[]>)[] = [];
  readonly #pool = new ChunkPool();
  #worker: Worker | undefined;
  #here: Writing | undefined;
  #batchesHere = BATCHES_HERE;
  /** What the thread is at; the answer goes there. */
  #current: Batch | Deferred<readonly string[]> | undefined;
  #scheduled = false;
  #failure: DocketError | undefined;
  #closing: Promise<void> | undefined;
  readonly #idle: (() => void)[] = [];
  #holds = 0;
  readonly #settled: (() => void)[] = [];

  constructor({ path, entry, patience = PATIENCE }: WriterOptions) {
    this.#path = path;
    this.#entry = entry ?? new URL(`writer-thread${extname(import.meta.url)}`, import.meta.url);
    this.#patience = patience;
  }

  /** Why nothing is written any more. */
  get failure(): DocketError | undefined {
    return this.#failure;
  }

  /** Writes the rows that `collect` adds in one transaction, with those of other calls. Resolves when they are durable. */
  write(collect: (add: (row: Row) => void) => void): Promise<readonly ConflictBytes[]> {
    if (this.#refusal !== undefined) return Promise.reject(this.#refusal);
    const rows: Row[] = [[ROW.call]];
    try {
      collect((row) => rows.push(row));
    } catch (error) {
      return Promise.reject(error);
    }
    const batch = this.#openBatch();
    for (const row of rows) batch.packer.add(row);
    const call = deferred<readonly ConflictBytes[]>();
    batch.calls.push(call);
    this.#schedule();
    return call.promise;
  }

  /** The last one waiting, unless it is full. */
  #openBatch(): Batch {
    const last = this.#queue.at(-1);
    if (last !== undefined && 'packer' in last && last.packer.size < BATCH_BYTES) return last;
    const batch = { packer: new Packer(this.#pool), calls: [] };
    this.#queue.push(batch);
    return batch;
  }

  /** What is wrong with the database; empty if nothing is. Sees everything written before. */
  check(): Promise<readonly string[]> {
    if (this.#refusal !== undefined) return Promise.reject(this.#refusal);
    const call = deferred<readonly string[]>();
    this.#queue.push(call);
    this.#schedule();
    return call.promise;
  }

  /** Starts the thread, for who knows that there will be much to write. */
  warm(): void {
    if (this.#refusal !== undefined || this.#worker !== undefined) return;
    this.#worker = this.#start();
    this.#worker.unref();
  }

  /** Resolves when nothing waits any more, whether it was written or failed. */
  async flush(): Promise<void> {
    if (this.#current !== undefined || this.#queue.length > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  /** Resolves when nothing is being written, and nothing will be until what it gives is disposed of. */
  async hold(): Promise<Disposable> {
    this.#holds++;
    if (this.#current !== undefined) await new Promise<void>((resolve) => this.#settled.push(resolve));
    return {
      [Symbol.dispose]: () => {
        this.#holds--;
        this.#schedule();
      },
    };
  }

  /** Waits for everything written so far, then ends the thread. */
  [Symbol.asyncDispose](): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  get #refusal(): DocketError | undefined {
    return this.#failure ?? (this.#closing && new DocketError('LEDGER_FAILED', `${this.#path}: the ledger was closed`));
  }

  /** Calls of one turn of the caller share a batch also when the thread is idle. */
  #schedule(): void {
    if (this.#scheduled || this.#current !== undefined) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#next();
    });
  }

  #next(): void {
    if (this.#current !== undefined) return;
    for (const resume of this.#settled.splice(0)) resume();
    if (this.#holds > 0) return;
    const next = this.#queue.shift();
    if (next === undefined) {
      this.#worker?.unref();
      for (const resume of this.#idle.splice(0)) resume();
      return;
    }
    this.#current = next;
    if ('packer' in next && this.#writeHere(next)) return this.#next();
    const worker = (this.#worker ??= this.#start());
    worker.ref();
    if ('packer' in next) {
      const rows = next.packer.finish();
      worker.postMessage(
        { kind: 'batch', rows } satisfies Request,
        rows.map((chunk) => chunk.buffer),
      );
    } else worker.postMessage({ kind: 'check' } satisfies Request);
  }

  /** False if the batch is for the thread. */
  #writeHere({ packer, calls }: Batch): boolean {
    if (this.#worker !== undefined || this.#batchesHere === 0 || packer.size > BYTES_HERE) return false;
    this.#batchesHere--;
    try {
      this.#here ??= new Writing(this.#path);
      this.#here.begin();
    } catch (error) {
      if (isBusy(error)) return false;
      this.#failed(failureOf(error), false);
      return true;
    }
    try {
      const rows = packer.finish();
      const conflicts = this.#here.commit(rows);
      this.#current = undefined;
      this.#pool.give(rows);
      settle(calls, conflicts);
    } catch (error) {
      this.#failed(failureOf(error), error instanceof DanglingRow);
    }
    return true;
  }

  #closeHere(): void {
    try {
      this.#here?.close();
    } catch {
      // What was written is durable; at most the log could not be moved, which is tried again by whoever closes the ledger next.
    }
    this.#here = undefined;
  }

  #start(): Worker {
    this.#closeHere();
    // Asked for and not imported: most commands start no thread, and loading this takes milliseconds.
    const { Worker } = process.getBuiltinModule('node:worker_threads');
    const worker = new Worker(this.#entry, {
      workerData: { path: this.#path, patience: this.#patience } satisfies WriterData,
      name: 'ledger',
    });
    worker.on('message', (reply: Reply) => this.#answered(reply));
    worker.on('error', (cause) =>
      this.#fail(new DocketError('LEDGER_FAILED', `${this.#path}: the writing thread failed: ${String(cause)}`, { cause })),
    );
    worker.on('exit', (status) => {
      this.#worker = undefined;
      if (this.#closing === undefined || this.#current !== undefined) {
        this.#fail(new DocketError('LEDGER_FAILED', `${this.#path}: the writing thread ended by itself with status ${status}`));
      }
    });
    return worker;
  }

  #answered(reply: Reply): void {
    const current = this.#current;
    if (current === undefined) return;
    if (reply.kind === 'closed') return;
    if (reply.kind === 'failed') return this.#failed(reply.failure, reply.dangling);
    this.#current = undefined;
    if (reply.kind === 'checked') (current as Deferred<readonly string[]>).resolve(reply.problems);
    else {
      this.#pool.give(reply.spent);
      settle((current as Batch).calls, reply.conflicts);
    }
    this.#next();
  }

  #failed(failure: SqliteFailure, dangling: boolean): void {
    this.#fail(dangling ? new DocketError('INTERNAL', failure.message) : toDocketError(failure, this.#path, 'STORE_UNWRITABLE'));
  }

  #fail(failure: DocketError): void {
    this.#failure ??= failure;
    const waiting = this.#queue.splice(0);
    if (this.#current !== undefined) waiting.unshift(this.#current);
    this.#current = undefined;
    for (const item of waiting) for (const call of 'packer' in item ? item.calls : [item]) call.reject(this.#failure);
    this.#next();
  }

  async #close(): Promise<void> {
    await this.flush();
    this.#closeHere();
    const worker = this.#worker;
    if (worker === undefined) return;
    const closed = new Promise<void>((resolve) => {
      worker.on('message', (reply: Reply) => {
        if (reply.kind === 'closed') resolve();
      });
      worker.once('exit', () => resolve());
    });
    worker.ref();
    worker.postMessage({ kind: 'close' } satisfies Request);
    await closed;
    // What is left of the thread, its heap, goes while the rest of the process does.
    worker.unref();
  }
}

function settle(calls: Batch['calls'], conflicts: Conflicts): void {
  if (conflicts.length === 0) {
    for (const call of calls) call.resolve([]);
    return;
  }
  const byCall = Map.groupBy(conflicts, ({ call }) => call);
  calls.forEach((call, i) => call.resolve(byCall.get(i) ?? []));
}
