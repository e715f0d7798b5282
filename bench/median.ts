/** The middle one of some measurements: the mean would also measure what else the machine was doing. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}
