/** What somebody asked of one record, when, and what came of it. Values are written once each. */
export interface RecordCall {
  readonly begun: number;
  /** Infinity if nothing came back: it may have been done at any time since, or not. */
  readonly ended: number;
  readonly asked:
    | { readonly verb: 'get' }
    | { readonly verb: 'put'; readonly expected: number; readonly value: string }
    | { readonly verb: 'delete'; readonly expected: number };
  /** Of `get` what stood there, of the others the new revision, or that of the deletion, which nobody is told: 0. */
  readonly came: { readonly value?: string; readonly revision: number } | 'refused' | 'nothing' | 'unknown';
}

/** What stands there. The revision of what was put by a call that nothing came back of is not known until it is read. */
interface State {
  readonly value: string | undefined;
  readonly revision: number | 'unread';
  /** The largest that was seen before. */
  readonly newest: number;
}

/**
 * Whether there is an order of these calls, in which none that ended before another began comes after it, and in which each came to what it would have come to one by one.
 * By search (Wing and Gong, 1993), remembering what was tried; for some thirty calls.
 */
export function isLinearizable(calls: readonly RecordCall[]): boolean {
  const tried = new Set<string>();
  const search = (left: readonly RecordCall[], state: State): boolean => {
    if (left.every(({ came }) => came === 'unknown')) return true;
    const place = `${left.map((call) => calls.indexOf(call)).join()} ${state.value} ${state.revision} ${state.newest}`;
    if (tried.has(place)) return false;
    tried.add(place);
    const firstEnd = Math.min(...left.map(({ ended }) => ended));
    return left.some((call) => {
      if (call.begun > firstEnd) return false;
      const next = apply(call, state);
      return (
        next !== undefined &&
        search(
          left.filter((other) => other !== call),
          next,
        )
      );
    });
  };
  return search(calls, { value: undefined, revision: 0, newest: 0 });
}

/** What stands there after it; undefined if it would have come to something else. */
function apply({ asked, came }: RecordCall, state: State): State | undefined {
  const stands = state.value !== undefined;
  if (asked.verb === 'get') {
    if (came === 'unknown') return state;
    if (came === 'nothing') return stands ? undefined : state;
    if (came === 'refused' || came.value !== state.value) return undefined;
    if (state.revision === 'unread')
      return came.revision > state.newest ? { ...state, revision: came.revision, newest: came.revision } : undefined;
    return came.revision === state.revision ? state : undefined;
  }
  const fits = asked.verb === 'delete' && asked.expected === 0 ? false : (stands ? state.revision : 0) === asked.expected;
  if (came === 'refused') return fits ? undefined : state;
  if (!fits) return undefined;
  if (asked.verb === 'delete') return { ...state, value: undefined, revision: 0 };
  if (came === 'unknown' || came === 'nothing') return { ...state, value: asked.value, revision: 'unread' };
  return came.revision > state.newest ? { value: asked.value, revision: came.revision, newest: came.revision } : undefined;
}
