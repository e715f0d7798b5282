import assert from 'node:assert/strict';
import { join } from 'node:path';
import { countBy, type Filed, GUESTS } from './helpers.ts';

/** Enough different words for outputs above 4 KiB, which lie in the disk store. */
const TEXTS = Array.from({ length: 6 }, (_, i) => Array.from({ length: 700 }, (__, j) => `w${'abcdefgh'[j % 8]}${i * 211 + j}`).join(' '));

/** Tasks of the workflow. */
export const SIZE = 20 + 19 + 6 + 5 + 1;

/**
 * Numeric tasks and a tree of sums; texts counted, merged in a tree and split into files. All tasks differ from those of another `name`.
 * Failed runners are tried again often, since tests kill them often.
 */
export function mixedWorkflow(name: string): string {
  return JSON.stringify({
    docket: 1,
    name,
    defaults: { limits: { memory: '64MiB', time: '60s' }, retry: { attempts: 20, backoff: '5ms' } },
    tasks: {
      fib: {
        each: Array.from({ length: 20 }, (_, i) => 13 + i),
        module: join(GUESTS, 'numeric.wasm'),
        func: 'fib',
        args: ['${item}'],
        nonce: `${name}-\${index}`,
      },
      sum: {
        reduce: { task: 'fib', arity: 2 },
        module: join(GUESTS, 'numeric.wasm'),
        func: 'add-long',
        args: [{ parts: '' }],
        nonce: name,
      },
      count: { each: TEXTS, module: join(GUESTS, 'count-words.wasm'), stdin: { text: '${item}' }, env: { NAME: name } },
      merge: {
        reduce: { task: 'count', arity: 2 },
        module: join(GUESTS, 'merge-counts.wasm'),
        files: { 'parts/': { parts: '/stdout' } },
        env: { NAME: name },
      },
      split: {
        module: join(GUESTS, 'split-counts.wasm'),
        stdin: { from: 'merge', at: '/stdout' },
        outputs: ['by-letter/*'],
        env: { NAME: name },
      },
    },
    outputs: { sum: { from: 'sum' }, words: { from: 'merge', at: '/stdout' }, files: { from: 'split', at: '/files' } },
  });
}

/** Checks that each of its tasks has exactly one ok receipt, whenever it was finished. Gives the other receipts. */
export function besidesOneOkEach(receipts: readonly Filed[]): Filed[] {
  const isOk = ({ tag }: Filed): boolean => tag === 'ok';
  const counts = countBy(receipts.filter(isOk), ({ instruction }) => instruction);
  assert.deepEqual(
    [...counts.values()],
    Array.from({ length: SIZE }, () => 1),
    'one ok receipt for each task',
  );
  return receipts.filter((receipt) => !isOk(receipt));
}
