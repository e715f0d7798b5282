import type { RunRow } from '../ledger/runs.ts';

/**
 * Runs whose plan was named by a record of a mesh, and that nobody who is believed vouches for: the plan is then like one that anybody sent, whoever asks for the
 * run to be driven. Their rows say so, or a row that was made for such a run would make its plan one of this home's own.
 */

export function withForeign(options: object, foreign: boolean): object {
  const { foreign: _, ...rest } = options as { readonly foreign?: unknown };
  return foreign ? { ...rest, foreign } : rest;
}

export function isForeign({ options }: Pick<RunRow, 'options'>): boolean {
  return (options as { readonly foreign?: unknown }).foreign === true;
}
