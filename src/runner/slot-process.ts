import { readSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { writeAll } from '../base/write-all.ts';
import { FrameDecoder } from './frames.ts';
import { Garbage } from './garbage.ts';
import { LiveWriter } from './live-writer.ts';
import { decodeJob, Encoder } from './protocol.ts';
import { JOBS_FD, OUTPUT_FD, RESULTS_FD } from './slot-command.ts';
import { JobRunner } from './run-job.ts';

/**
 * The program of a slot process. Reads jobs from one pipe, runs them one after another, writes their ends to another; what guests say meanwhile goes to a third.
 *
 * Invariants
 * 1. The end of a job is written, in one go, before the next job begins: the other side starts that one's clock when it reads it.
 * 2. Everything is synchronous: reading blocks, and no guest, host call or write overlaps another. (Measured with messages of 100 bytes: 220 k/s, against
 *    58 k/s through the event loop.) The loop turns only so that V8's own tasks (releasing code, finalizers) get their chance.
 * 3. It ends when the pipe of jobs ends. A guest that loops cannot notice; the watcher of `slot-command.ts` kills it then.
 */

const CHUNK = 256 << 10;
const JOBS_PER_TURN = 64;

async function serve(storeRoot: string): Promise<void> {
  const garbage = new Garbage();
  const runner = new JobRunner(storeRoot, new LiveWriter(OUTPUT_FD), garbage);
  const decoder = new FrameDecoder();
  const encoder = new Encoder();
  const chunk = new Uint8Array(CHUNK);
  let sinceTurn = 0;
  writeAll(RESULTS_FD, encoder.ready());
  for (let count = readSync(JOBS_FD, chunk); count > 0; count = readSync(JOBS_FD, chunk)) {
    for (const message of decoder.push(chunk.subarray(0, count))) {
      const end = runner.run(decodeJob(message));
      writeAll(RESULTS_FD, encoder.end(end));
      garbage.ended(end.usage);
      if (++sinceTurn < JOBS_PER_TURN) continue;
      sinceTurn = 0;
      await nextTurn();
    }
  }
}

await serve(process.argv[2] as string);
