import { parentPort, workerData } from 'node:worker_threads';
import { DanglingRow } from './apply.ts';
import { failureOf, isBusy, type SqliteFailure } from './sqlite-failure.ts';
import type { Reply, Request, WriterData } from './writer-protocol.ts';
import { suspendedWriter } from './suspended.ts';
import { Writing } from './writing.ts';

/**
 * The worker that holds the ledger's only writing connection of this process.
 *
 * Invariants
 * T1. One request is answered by one reply, in order.
 * T2. `done` is sent after COMMIT returned with `synchronous = FULL`: the rows survive a power cut.
 * T3. All waiting for other processes happens here and is bounded: by `patience` for the write lock, less if who has it stands still, by `Writing` for
 *     checkpoints.
 * T4. Checkpoints come after the reply, so no commit waits for the one that it made due. One that fails loses nothing, since the rows
 *     are in the log; the next batch reports it.
 */

const { path, patience } = workerData as WriterData;

/** Bounds of one wait for another writer, in ms. SQLite's own waits grow to 100 ms, in which a busy neighbor begins many transactions. */
const WAIT = { first: 0.2, last: 5 };

/** Time between two looks whether who writes stands still, and how long that one is waited for in all, in ms. */
const LOOK = { every: 500, patience: 3_000 };

const pause = new Int32Array(new SharedArrayBuffer(4));
let writing: Writing | undefined;
let broken: SqliteFailure | undefined;

function patiently<T>(attempt: () => T): T {
  const began = performance.now();
  const deadline = began + patience;
  let nextLook = began + LOOK.every;
  for (let wait = WAIT.first; ; wait = Math.min(wait * 1.5, WAIT.last)) {
    try {
      return attempt();
    } catch (error) {
      const now = performance.now();
      if (!isBusy(error) || now > deadline) throw error;
      if (now > nextLook) {
        nextLook = now + LOOK.every;
        const suspended = now > began + LOOK.patience ? suspendedWriter(path) : undefined;
        if (suspended !== undefined) throw Object.assign(error as Error, { suspended });
      }
      Atomics.wait(pause, 0, 0, wait * (0.5 + Math.random()));
    }
  }
}

function answer(request: Exclude<Request, { kind: 'close' }>): Reply {
  if (broken !== undefined) return { kind: 'failed', failure: broken, dangling: false };
  try {
    const opened = (writing ??= patiently(() => new Writing(path)));
    if (request.kind === 'check') return { kind: 'checked', problems: opened.check() };
    patiently(() => opened.begin());
    return { kind: 'done', conflicts: opened.commit(request.rows), spent: request.rows };
  } catch (error) {
    return { kind: 'failed', failure: failureOf(error), dangling: error instanceof DanglingRow };
  }
}

/** A checkpoint that finds others in its way is left for later. */
function tidy(work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!isBusy(error)) broken = failureOf(error);
  }
}

const port = parentPort!;
port.on('message', (request: Request) => {
  if (request.kind === 'close') {
    tidy(() => writing?.close());
    port.postMessage({ kind: 'closed' } satisfies Reply);
    port.close();
    return;
  }
  const reply = answer(request);
  port.postMessage(reply, reply.kind === 'done' ? reply.spent.map((chunk) => chunk.buffer) : []);
  if (broken === undefined) tidy(() => writing?.checkpointIfDue());
});
