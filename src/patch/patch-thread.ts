import { parentPort, workerData } from 'node:worker_threads';
import { isDocketError } from '../errors.ts';
import { applyPatch } from './bsdiff.ts';
import type { Batch, Order } from './patched.ts';

/** The thread that applies one patch: a block of bzip2 is a tenth of a second of nothing else. Gives a batch each time it is asked for one. */

const BATCH = 1 << 20;

const { old, patch, limit } = workerData as Order;
const pieces = applyPatch(old, patch, { limit });

function next(): Batch {
  const batch: Uint8Array[] = [];
  let size = 0;
  try {
    while (size < BATCH) {
      const { value, done } = pieces.next();
      if (done === true) return { pieces: batch, done: true };
      batch.push(value);
      size += value.length;
    }
    return { pieces: batch, done: false };
  } catch (error) {
    if (!isDocketError(error)) throw error;
    const { code, message, details } = error;
    return { error: { code, message, details } };
  }
}

parentPort!.on('message', () => parentPort!.postMessage(next()));
