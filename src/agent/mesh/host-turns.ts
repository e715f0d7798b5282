import { setImmediate as turn } from 'node:timers/promises';

/** Lookups after which others have a turn, some microseconds each. */
const AT_ONCE = 512;

/** Goes through `items`, with turns for others between many. `each` gives what one cost, in lookups. */
export async function inTurns<T>(items: Iterable<T>, each: (item: T) => number): Promise<void> {
  let spent = 0;
  for (const item of items) {
    spent += each(item);
    if (spent < AT_ONCE) continue;
    spent = 0;
    await turn();
  }
}
