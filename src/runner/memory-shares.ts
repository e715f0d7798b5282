import { Refusal } from './refusal.ts';

const PAGE = 65_536;

interface Wanted {
  /** Pages. */
  readonly initial: number;
  readonly maximum?: number;
}

/**
 * How much memory each of the modules of one task may have, in bytes, so that together they stay within `cap`: nobody is told when a memory grows, so
 * only maxima that add up can bound the sum. Each gets what it starts with; what is left goes first to those that want little, and in equal shares to
 * the rest. The same modules and the same limit give the same shares. Throws `Refusal`, `limit/memory`, if they start with more than there is.
 */
export function memoryShares(modules: readonly (Wanted | undefined)[], cap: number): number[] {
  const most = Math.floor(cap / PAGE);
  const initial = modules.reduce((sum, wanted) => sum + (wanted?.initial ?? 0), 0);
  if (initial > most)
    throw new Refusal('limit/memory', `the memories of the task start with ${initial * PAGE} bytes, their limit is ${cap}`, {
      wanted: initial * PAGE,
      limit: cap,
    });
  const shares = modules.map((wanted) => wanted?.initial ?? 0);
  const growing = modules
    .flatMap((wanted, index) => (wanted === undefined ? [] : [{ index, room: (wanted.maximum ?? Infinity) - wanted.initial }]))
    .toSorted((a, b) => a.room - b.room || a.index - b.index);
  let left = most - initial;
  for (const [done, { index, room }] of growing.entries()) {
    const grant = Math.min(room, Math.floor(left / (growing.length - done)));
    shares[index] = shares[index]! + grant;
    left -= grant;
  }
  return shares.map((pages) => pages * PAGE);
}
