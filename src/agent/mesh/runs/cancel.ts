import type { Clock } from '../../../base/clock.ts';
import { DocketError, isDocketError } from '../../../errors.ts';
import type { IpldMap } from '../../../ipld/value.ts';
import type { Mesh } from '../../../mesh/mesh.ts';
import { misfit, text } from '../../../protocol/mesh/message.ts';
import { decodeAnswer, encodeAnswer, encodeQuestion } from '../../../protocol/mesh/question.ts';
import type { Holder } from '../../../protocol/mesh/run-record.ts';
import type { RunRecords } from '../../../protocol/records.ts';
import type { RunState } from '../../../workflow/run-state.ts';
import type { Company } from './company.ts';
import { endRun } from './end-run.ts';
import { pause } from './pause.ts';
import type { KnownRun } from './run-table.ts';
import { judgeCoordinator } from './takeovers.ts';

export interface CancelTerms {
  readonly mesh: Mesh;
  readonly clock: Clock;
  readonly self: Holder;
  readonly company: Company;
  readonly read: (run: string) => Promise<KnownRun | undefined>;
}

/** The kind of question that asks a coordinator to end a run: `{run}` → `{state}` when it has. */
export const CANCEL = 'cancel';

/** How long a coordinator may take to end one, in ms: as long as at home, and for the way. */
const PATIENCE = 20_000;
const AGAIN = 200;
const STATES: readonly RunState[] = ['running', 'completed', 'failed', 'cancelled', 'interrupted'];

/**
 * Ends a run that is driven elsewhere, or by nobody. Whoever drives it ends it in order; of one that is gone, or has nothing to say, the record is set.
 * Gives how it ended. Throws `RUN_BUSY` if it goes from hand to hand, `RUN_UNKNOWN`, `MESH_…`.
 */
export async function cancelAnywhere(terms: CancelTerms, run: string, signal: AbortSignal): Promise<RunState> {
  const { mesh, clock, company } = terms;
  for (const deadline = clock.monotonic() + PATIENCE; clock.monotonic() <= deadline;) {
    const found = await terms.read(run);
    const state = found?.record.state;
    if (found === undefined || state === undefined || state === 'deleted')
      throw new DocketError('RUN_UNKNOWN', `there is no run ${run} in the mesh`);
    const { record, revision } = found;
    if (state !== 'running') return state;
    const { coordinator } = record;
    if (coordinator !== null && judgeCoordinator(record, company) === 'driven') {
      const answer = await askToCancel(terms, coordinator.did, run, signal);
      if (answer !== undefined && answer !== 'running' && answer !== 'interrupted') return answer;
    }
    signal.throwIfAborted();
    // A coordinator that lives and does not answer finds it in its record, and stops.
    const now = await terms.read(run);
    if (now?.revision === revision || (now !== undefined && now.record.coordinator?.incarnation === coordinator?.incarnation)) {
      const { record: last, revision: expected } = now;
      if (last.state !== 'running') continue;
      const how = { state: 'cancelled', finished: clock.now() } as const;
      if ((await endRun({ mesh, record: last, revision: expected, signal }, how)) !== undefined) return 'cancelled';
    }
    await pause(clock, AGAIN, signal);
  }
  throw new DocketError('RUN_BUSY', `run ${run} could not be cancelled: others wrote its record again and again`);
}

async function askToCancel({ mesh }: CancelTerms, did: string, run: string, signal: AbortSignal): Promise<RunState | undefined> {
  try {
    const read = decodeAnswer(await mesh.messages.ask(did, encodeQuestion(CANCEL, { run }), { patience: PATIENCE, signal }), (parts) => {
      const state = text(parts, 'state', 32);
      return STATES.find((word) => word === state) ?? misfit('state is none');
    });
    return 'refused' in read ? undefined : read.answer;
  } catch (error) {
    if (isDocketError(error, 'MESH_NO_ANSWER')) return undefined;
    throw error;
  }
}

/** The answer of a member: by its home, and only for what it drives. Undefined: it has nothing to say. */
export async function answerCancel(
  parts: IpldMap,
  {
    local,
    isHere,
    signal,
  }: { readonly local: Pick<RunRecords, 'cancel'>; readonly isHere: (run: string) => boolean; readonly signal: AbortSignal },
): Promise<Uint8Array | undefined> {
  const { run } = parts;
  if (typeof run !== 'string' || !isHere(run)) return undefined;
  return encodeAnswer({ state: await local.cancel(run, signal) });
}
