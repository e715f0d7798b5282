/** Sizes and durations as people write them: `64MiB`, `1.5GiB`, `10kB`, `250ms`, `10s`, `1h30m`. */

const SIZES: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1e3,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

const DURATIONS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, min: 60_000, h: 3_600_000, d: 86_400_000 };

/** Bytes, or undefined if `text` is no size, not a whole number of bytes, or above 2^53-1. A bare whole number is bytes. */
export function parseSize(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?) ?([kKMGT]i?B|B)?$/.exec(text);
  if (match === null) return undefined;
  const factor = SIZES[match[2] ?? 'B'];
  return factor === undefined ? undefined : whole(Number(match[1]) * factor);
}

/** Milliseconds, or undefined if `text` is no duration or not a whole number of milliseconds. A unit is required. */
export function parseDuration(text: string): number | undefined {
  if (!/^(?:\d+(?:\.\d+)?(?:ms|s|min|m|h|d))+$/.test(text)) return undefined;
  let total = 0;
  for (const [, count, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|min|m|h|d)/g)) total += Number(count) * DURATIONS[unit!]!;
  return whole(total);
}

/** `64 MiB`, `1.5 GiB`, `300 B`: the largest binary unit that keeps the number at 1 or above, with at most two decimals. */
export function formatSize(bytes: number): string {
  return format(bytes, [
    ['TiB', SIZES['TiB']!],
    ['GiB', SIZES['GiB']!],
    ['MiB', SIZES['MiB']!],
    ['KiB', SIZES['KiB']!],
    ['B', 1],
  ]);
}

/** `250 ms`, `1.5 s`, `10 min`, `2 h`: the largest unit that keeps the number at 1 or above, with at most two decimals. */
export function formatDuration(milliseconds: number): string {
  return format(milliseconds, [
    ['d', 86_400_000],
    ['h', 3_600_000],
    ['min', 60_000],
    ['s', 1000],
    ['ms', 1],
  ]);
}

function format(amount: number, units: readonly (readonly [string, number])[]): string {
  const [name, factor] = units.find(([, size]) => amount >= size) ?? units.at(-1)!;
  return `${Number((amount / factor).toFixed(2))} ${name}`;
}

/** Decimal fractions such as 0.1 s are not exact in binary, so nearly whole counts as whole. */
function whole(amount: number): number | undefined {
  const rounded = Math.round(amount);
  return Number.isSafeInteger(rounded) && Math.abs(amount - rounded) < 1e-6 ? rounded : undefined;
}
