/**
 * First column of a packed row; the others are the values that `apply.ts` binds, in its order. In a file of its own, so that the writing thread
 * loads nothing of what rows are made from.
 */
export const ROW = {
  /** Begins the rows of the next `commit` call. */
  call: 0,
  receipt: 1,
  declared: 2,
  resolved: 3,
  small: 4,
  smallDelete: 5,
  run: 6,
  runUpdate: 7,
  runTask: 8,
  stat: 9,
  manifest: 10,
  manifestModule: 11,
  manifestRemove: 12,
  runDelete: 13,
  token: 14,
  tokenDelete: 15,
  submission: 16,
  action: 17,
  alias: 18,
  memoForget: 19,
  trust: 20,
  refusal: 21,
  mark: 22,
} as const;
