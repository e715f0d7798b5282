import { backoff } from '../../base/backoff.ts';
import type { Clock } from '../../base/clock.ts';
import { mapConcurrent } from '../../base/limit-concurrency.ts';
import { DocketError, isDocketError, type ErrorCode } from '../../errors.ts';
import type { CID } from '../../ipld/cid.ts';
import type { Keep, Lasting } from '../../scheduler/lasting.ts';
import type { Durable } from '../../workflow/durable.ts';
import type { Kept, MeshObjects } from './objects.ts';
import type { Bring } from './mesh-peers.ts';
import { pause } from './runs/pause.ts';

/**
 * Puts what is to be durable into the objects of the mesh.
 *
 * Invariants
 * D1. An output is kept when all that it names, and all that this names, is durable in the engine and pinned. What is not here is brought first.
 * D2. What waiting may mend is tried again until `PATIENCE` is over; a limit or a right of the engine is told at once.
 */

/** From the first failure on, in ms; then what is not kept is said not to be. */
const PATIENCE = 60_000;
const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 8_000;

/** What may be different in a moment: an engine between two leaders, a member that is just restarting, a blob that was damaged and is fetched again. */
const PASSING: ReadonlySet<ErrorCode> = new Set(['MESH_UNREACHABLE', 'BLOB_MISSING', 'BLOB_UNREACHABLE', 'BLOB_DAMAGED']);

interface DurableOptions {
  readonly objects: Pick<MeshObjects, 'keep'>;
  readonly bring: Bring;
  readonly clock: Clock;
}

/** Keeps outputs of this run. */
export function keeperOf(run: string, options: DurableOptions): Keep {
  const { clock } = options;
  return async (outputs, signal) => {
    const ends = new Array<DocketError | undefined>(outputs.length);
    let open = outputs.map((_, i) => i);
    let failedAt: number | undefined;
    for (let failures = 1; ; failures++) {
      await keepOnce(run, options, { outputs, open, ends, signal });
      open = open.filter((i) => ends[i] !== undefined && PASSING.has(ends[i].code));
      if (open.length === 0) return ends;
      const ms = Math.min(LONGEST_PAUSE, backoff(FIRST_PAUSE, failures));
      failedAt ??= clock.monotonic();
      if (clock.monotonic() - failedAt + ms > PATIENCE) return ends;
      await pause(clock, ms, signal);
    }
  };
}

interface Turn {
  readonly outputs: readonly Lasting[];
  /** Those that are not kept yet. */
  readonly open: readonly number[];
  /** Why each is not, as far as it was tried. */
  readonly ends: (DocketError | undefined)[];
  readonly signal: AbortSignal;
}

/** Together those that are to last for the same time. */
async function keepOnce(run: string, options: DurableOptions, { outputs, open, ends, signal }: Turn): Promise<void> {
  const groups = Map.groupBy(open, (i) => outputs[i]!.durable);
  for (const [durable, members] of groups) {
    const values = members.map((i) => outputs[i]!.value);
    const found = await keepAll(run, options, { values, durable, signal });
    members.forEach((i, at) => (ends[i] = found[at]));
  }
}

async function keepAll(
  run: string,
  { objects, bring }: DurableOptions,
  { values, durable, signal }: { readonly values: readonly Lasting['value'][]; readonly durable: Durable; readonly signal: AbortSignal },
): Promise<(DocketError | undefined)[]> {
  const keep = (): Promise<Kept[]> => objects.keep(run, values, signal, durable === true ? undefined : durable);
  try {
    let kept = await keep();
    // What a tree or a large value names is known when that is here.
    for (let round = 0; round < MOST_ROUNDS; round++) {
      const missing = new Map(kept.flatMap((one) => one.missing).map((cid) => [cid.toString(), cid]));
      const come = await mapConcurrent([...missing.values()], AT_ONCE, (cid) => bringOne(bring, cid, signal));
      if (!come.includes(true)) break;
      kept = await keep();
    }
    return kept.map(({ missing: [first], error }) => {
      return error ?? (first === undefined ? undefined : new DocketError('BLOB_MISSING', `nobody gives ${first.toString()}`));
    });
  } catch (error) {
    if (!isDocketError(error) || signal.aborted) throw error;
    return values.map(() => error);
  }
}

/** Whether it came: who lacks it is told so by name, and only that output fails. */
async function bringOne(bring: Bring, cid: CID, signal: AbortSignal): Promise<boolean> {
  try {
    await bring(cid, [], signal);
    return true;
  } catch (error) {
    if (!isDocketError(error) || signal.aborted) throw error;
    return false;
  }
}

/** Blobs that come at a time. */
const AT_ONCE = 4;
/** How deep what is elsewhere may name what is elsewhere too. */
const MOST_ROUNDS = 8;
