/** What SQLite says of a failed call, without what the rest of Docket makes of it: the writing thread loads nothing it can do without. */

/** Primary result code (https://sqlite.org/rescode.html) of a database that another connection holds. */
export const BUSY = 5;

/** An SQLite error as plain data, which crosses threads. */
export interface SqliteFailure {
  readonly message: string;
  /** Extended result code; undefined if the error is not SQLite's. */
  readonly errcode: number | undefined;
  /** Process that was waited for and stands still. */
  readonly suspended?: number;
}

export function failureOf(error: unknown): SqliteFailure {
  const { errcode, suspended } = error as { errcode?: unknown; suspended?: unknown };
  return {
    message: error instanceof Error ? error.message : String(error),
    errcode: typeof errcode === 'number' ? errcode : undefined,
    ...(typeof suspended === 'number' ? { suspended } : {}),
  };
}

/** Whether another connection holds what was asked for. */
export function isBusy(error: unknown): boolean {
  return primaryCode(failureOf(error)) === BUSY;
}

/** The extended code's low byte. */
export function primaryCode({ errcode }: SqliteFailure): number | undefined {
  return errcode === undefined ? undefined : errcode & 0xff;
}
