interface Row {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  /** The same measure of the least that could do the job, or of a peer, taken in the same run. */
  readonly floor?: number;
  /** What the design promises, in the same unit. */
  readonly target?: number;
}

const amount = (value: number): string => (value >= 100 ? Math.round(value).toLocaleString('en') : value.toPrecision(3));

/** One line: what was measured, beside its floor and its target. */
export function printRow({ what, value, unit, floor, target }: Row): void {
  const parts = [`${amount(value).padStart(9)} ${unit}`.padEnd(19)];
  if (floor !== undefined) parts.push(`floor ${amount(floor)} ${unit}, ${(value / floor).toPrecision(2)} of it`);
  if (target !== undefined) parts.push(`target ${amount(target)} ${unit}`);
  console.log(`  ${what.padEnd(36)}${parts.join('   ')}`);
}
