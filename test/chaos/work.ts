import { join } from 'node:path';
import { ROOT } from '../../scripts/run-command.ts';
import * as Words from '../guests/words.ts';

/** A workflow with an answer that is known beforehand. */
export interface Work {
  readonly name: string;
  /** YAML. */
  readonly workflow: string;
  readonly tasks: number;
  /** How many of them no other run may take the results of. */
  readonly own: number;
  /** It is asked to run whatever is known: nobody else's results are taken for its own. */
  readonly isForced: boolean;
  readonly outputs: Readonly<Record<string, unknown>>;
}

const GUESTS = join(ROOT, 'build', 'guests');
const VOCABULARY = 400;

/** A generator of numbers below `most`, the same for the same seed (Mulberry32). */
export function randomOf(seed: number): (most: number) => number {
  let state = seed >>> 0;
  return (most) => {
    state = (state + 0x6d_2b_79_f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % most;
  };
}

/**
 * Numbers of unlike length and a tree of sums; texts counted and merged in a tree, with outputs above 4 KiB; a chain; a task that fails, and one that goes on from
 * that; tasks with grants, and a chain without memory, which only the run itself may take the results of. One run in four is forced. All of it differs from work of another
 * name, so that nothing is found that was not done for it.
 */
export function makeWork(name: string, random: (most: number) => number): Work {
  // A sum has two parts each: a number without a partner would be given alone.
  const numbers = Array.from({ length: 2 ** (3 + random(3)) }, () => 20 + random(19));
  const texts = Array.from({ length: 4 + random(8) }, () =>
    Array.from({ length: 600 + random(1_200) }, () => `w${random(VOCABULARY)}${name.toLowerCase()}`).join(' '),
  );
  const steps = 3 + random(10);
  const counts = new Map<string, number>();
  for (const text of texts) Words.add(counts, Words.countWords(text));
  const numeric = join(GUESTS, 'numeric.wasm');
  const chain = Object.fromEntries(
    Array.from({ length: steps }, (_, i) => [
      `step${i}`,
      { module: numeric, func: 'add-long', args: [i === 0 ? 1 : { from: `step${i - 1}` }, 1], nonce: `${name}-${i}` },
    ]),
  );
  const stamps = Array.from({ length: 2 + random(4) }, (_, i) => `stamp ${i}`);
  const seals = 2 + random(3);
  const sealed = Object.fromEntries(
    Array.from({ length: seals }, (_, i) => [
      `seal${i}`,
      { module: numeric, func: 'add-long', args: [i === 0 ? 1 : { from: `seal${i - 1}` }, 2], nonce: `${name}-${i}`, memo: 'never' },
    ]),
  );
  const workflow = {
    docket: 1,
    name,
    defaults: { limits: { memory: '64MiB', time: '60s' }, retry: { attempts: 20, backoff: '50ms' } },
    tasks: {
      fib: { each: numbers, module: numeric, func: 'fib', args: ['${item}'], nonce: `${name}-\${index}` },
      sum: { reduce: { task: 'fib', arity: 2 }, module: numeric, func: 'add-long', args: [{ parts: '' }], nonce: name },
      count: { each: texts, module: join(GUESTS, 'count-words.wasm'), stdin: { text: '${item}' }, env: { NAME: name } },
      merge: {
        reduce: { task: 'count', arity: 2 },
        module: join(GUESTS, 'merge-counts.wasm'),
        files: { 'parts/': { parts: '/stdout' } },
        env: { NAME: name },
      },
      ...chain,
      stamp: { each: stamps, module: join(GUESTS, 'count-words.wasm'), stdin: { text: '${item}' }, env: { NAME: name }, grant: ['clock'] },
      stamps: {
        reduce: { task: 'stamp', arity: 8 },
        module: join(GUESTS, 'merge-counts.wasm'),
        files: { 'parts/': { parts: '/stdout' } },
        env: { NAME: name },
        grant: ['random'],
      },
      ...sealed,
    },
    outputs: {
      sum: { from: 'sum' },
      words: { from: 'merge', at: '/stdout' },
      last: { from: `step${steps - 1}` },
      stamps: { from: 'stamps', at: '/stdout' },
      sealed: { from: `seal${seals - 1}` },
    },
  };
  const own = stamps.length + 1 + seals;
  const stamped = new Map<string, number>();
  for (const text of stamps) Words.add(stamped, Words.countWords(text));
  return {
    name,
    workflow: JSON.stringify(workflow),
    tasks: 2 * numbers.length - 1 + 2 * texts.length - 1 + steps + own,
    own,
    isForced: random(4) === 0,
    outputs: {
      sum: numbers.reduce((sum, n) => sum + fib(n), 0),
      words: Words.sortedLines(counts),
      last: 1 + steps,
      stamps: Words.sortedLines(stamped),
      sealed: 1 + 2 * seals,
    },
  };
}

function fib(n: number): number {
  let [a, b] = [0, 1];
  for (let i = 0; i < n; i++) [a, b] = [b, a + b];
  return a;
}
