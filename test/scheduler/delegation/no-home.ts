import type { HomeCrew } from '../../../src/scheduler/crew.ts';

/** A home without slots. */
export const NO_HOME: HomeCrew = {
  held: 0,
  hasIdle: false,
  isFreeFor: () => 'no',
  mayRunHere: () => false,
  want() {},
  berth: () => undefined,
  obstacle: () => 'no slots',
  distrust() {},
  praise() {},
  rest() {},
  dismiss() {},
  async [Symbol.asyncDispose]() {},
};
