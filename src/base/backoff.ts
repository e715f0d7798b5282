/** Milliseconds to wait after failed attempt `attempt` (from 1): `first`, doubled each time, at most a minute. */
export function backoff(first: number, attempt: number): number {
  return Math.min(first * 2 ** (attempt - 1), 60_000);
}
