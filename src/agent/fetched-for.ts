import type { RunRow } from '../ledger/runs.ts';
import type { FetchedView } from '../protocol/records.ts';

/** What was fetched for a run, as it was written down with it. */
export function fetchedFor(row: Pick<RunRow, 'options'> | undefined): readonly FetchedView[] {
  const { fetched } = (row?.options ?? {}) as { readonly fetched?: unknown };
  return Array.isArray(fetched) ? fetched.filter(isView) : [];
}

function isView(value: unknown): value is FetchedView {
  if (typeof value !== 'object' || value === null) return false;
  const { resource, from, bytes, seconds, blob, isVerified } = value as Readonly<Record<string, unknown>>;
  return (
    [resource, from, blob].every((text) => typeof text === 'string') &&
    [bytes, seconds].every((number) => typeof number === 'number') &&
    typeof isVerified === 'boolean'
  );
}
