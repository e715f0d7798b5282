import type { Survey } from './survey.ts';

/**
 * How a function takes part in counting the depth of calls.
 *
 * - `counted`: takes its frame off the stack that is left when it is entered, and says how much is left before each call.
 * - `passing`: calls others only as its last act, in its place: what is left when it is entered is what it leaves them.
 * - `bounded`: it and all it can call fit into the reserve, whenever it is called. Neither it nor who calls it does anything.
 */
export type DepthRole = 'counted' | 'passing' | 'bounded';

/** Slots below the limit that are always there: what bounded functions may take. */
export const RESERVE = 256;

/** Roles by index of the function among those with a body; `imported` is how many come before them. */
export function depthRoles(surveys: readonly Survey[], imported: number): DepthRole[] {
  const needs = boundedNeeds(surveys, imported);
  return surveys.map(({ frame, calls, callsOut }, index) => {
    if (needs[index] !== undefined) return 'bounded';
    const fits = frame <= RESERVE && !callsOut;
    return fits && calls.every((callee) => needs[callee - imported] !== undefined) ? passingRole(frame, calls, needs, imported) : 'counted';
  });
}

function passingRole(frame: number, calls: readonly number[], needs: readonly (number | undefined)[], imported: number): DepthRole {
  return frame + most(calls, needs, imported) <= RESERVE ? 'passing' : 'counted';
}

/**
 * Slots a function and all it calls take, of those that are bounded. Found from the leaves up: in each round those all of whose callees are known; since each
 * frame takes some, there are no more rounds than frames fit into the reserve.
 */
function boundedNeeds(surveys: readonly Survey[], imported: number): (number | undefined)[] {
  const needs: (number | undefined)[] = surveys.map(() => undefined);
  let open = surveys.flatMap(({ frame, callsOut, tailCallsOut }, index) => (frame <= RESERVE && !callsOut && !tailCallsOut ? [index] : []));
  for (let found = true; found;) {
    found = false;
    const left: number[] = [];
    for (const index of open) {
      const { frame, calls, tailCalls } = surveys[index]!;
      const need = Math.max(frame + most(calls, needs, imported), most(tailCalls, needs, imported));
      if (need <= RESERVE) {
        needs[index] = need;
        found = true;
      } else if (need === Infinity) left.push(index);
    }
    open = left;
  }
  return needs;
}

/** Infinity if one of them is not bounded, or not yet known to be. */
function most(callees: readonly number[], needs: readonly (number | undefined)[], imported: number): number {
  let highest = 0;
  for (const callee of callees) highest = Math.max(highest, needs[callee - imported] ?? Infinity);
  return highest;
}
