import { DatabaseSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import { Applier, DanglingRow } from './apply.ts';
import { ROW } from './change.ts';
import { type Chunk, unpack } from './pack.ts';
import { PAGE } from './schema.ts';
import { failureOf, isBusy, type SqliteFailure } from './sqlite-error.ts';
import type { Reply, Request, WriterData } from './writer-protocol.ts';

/**
 * The worker that holds the ledger's only writing connection of this process.
 *
 * Invariants
 * T1. One request is answered by one reply, in order; `close` is answered by the end of the thread.
 * T2. `done` is sent after COMMIT returned with `synchronous = FULL`: the rows survive a power cut.
 * T3. All waiting for other processes happens here and is bounded: by `patience` for the write lock, by `CROWD_WAIT` for checkpoints.
 * T4. Checkpoints come after the reply, so no commit waits for the one that it made due. One that fails loses nothing, since the rows
 *     are in the log; the next batch reports it.
 */

const { path, patience } = workerData as WriterData;

/** Pages of log not yet in the database after which they are moved there. */
const CHECKPOINT_PAGES = 8_000;
/** Pages of log after which readers and other writers are waited for, so that it can begin anew instead of growing without bound. */
const CROWDED_PAGES = 16_000;
const CROWD_WAIT = 2_000;
const CACHE_KIB = 64 * 1024;
/** Bounds of one wait for another writer, in ms. SQLite's own waits grow to 100 ms, in which a busy neighbor begins many transactions. */
const WAIT = { first: 0.2, last: 5 };

interface Open {
  readonly db: DatabaseSync;
  readonly applier: Applier;
}

const pause = new Int32Array(new SharedArrayBuffer(4));
let opened: Open | undefined;
let broken: SqliteFailure | undefined;

function open(): Open {
  const db = new DatabaseSync(path, { enableForeignKeyConstraints: false });
  db.exec(`
    PRAGMA synchronous = FULL;
    PRAGMA cell_size_check = ON;
    PRAGMA cache_size = -${CACHE_KIB};
    PRAGMA wal_autocheckpoint = 0;
    PRAGMA journal_size_limit = ${CHECKPOINT_PAGES * PAGE};
  `);
  return { db, applier: new Applier(db) };
}

function patiently<T>(attempt: () => T): T {
  const deadline = performance.now() + patience;
  for (let wait = WAIT.first; ; wait = Math.min(wait * 1.5, WAIT.last)) {
    try {
      return attempt();
    } catch (error) {
      if (!isBusy(error) || performance.now() > deadline) throw error;
      Atomics.wait(pause, 0, 0, wait * (0.5 + Math.random()));
    }
  }
}

function write({ db, applier }: Open, rows: readonly Chunk[]): Reply {
  const conflicts = [];
  patiently(() => db.exec('BEGIN IMMEDIATE'));
  try {
    applier.begin();
    let call = -1;
    for (const row of unpack(rows)) {
      if (row[0] === ROW.call) call++;
      const conflict = applier.apply(row);
      if (conflict !== undefined) conflicts.push({ ...conflict, call });
    }
    db.exec('COMMIT');
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK');
    throw error;
  }
  return { kind: 'done', conflicts, spent: rows };
}

function check({ db }: Open): Reply {
  const rows = db.prepare('PRAGMA integrity_check').all();
  return { kind: 'checked', problems: rows.map((row) => String(row.integrity_check)).filter((text) => text !== 'ok') };
}

function answer(request: Exclude<Request, { kind: 'close' }>): Reply {
  if (broken !== undefined) return { kind: 'failed', failure: broken, dangling: false };
  try {
    opened ??= patiently(open);
    return request.kind === 'batch' ? write(opened, request.rows) : check(opened);
  } catch (error) {
    return { kind: 'failed', failure: failureOf(error), dangling: error instanceof DanglingRow };
  }
}

function checkpointIfDue({ db }: Open): void {
  const { log, checkpointed } = db.prepare('PRAGMA wal_checkpoint(NOOP)').get() as { log: number; checkpointed: number };
  if (log > CROWDED_PAGES) checkpoint(db, 'TRUNCATE');
  else if (log - checkpointed > CHECKPOINT_PAGES) checkpoint(db, 'PASSIVE');
}

/** A busy one is simply left for later. */
function checkpoint(db: DatabaseSync, mode: 'PASSIVE' | 'TRUNCATE'): void {
  db.exec(`PRAGMA busy_timeout = ${mode === 'TRUNCATE' ? CROWD_WAIT : 0}`);
  try {
    db.exec(`PRAGMA wal_checkpoint(${mode})`);
  } catch (error) {
    if (!isBusy(error)) broken = failureOf(error);
  }
  db.exec('PRAGMA busy_timeout = 0');
}

const port = parentPort!;
port.on('message', (request: Request) => {
  if (request.kind === 'close') {
    if (opened !== undefined) {
      checkpoint(opened.db, 'PASSIVE');
      opened.db.close();
    }
    port.close();
    return;
  }
  const reply = answer(request);
  port.postMessage(reply, reply.kind === 'done' ? reply.spent.map((chunk) => chunk.buffer) : []);
  if (opened !== undefined && broken === undefined) checkpointIfDue(opened);
});
