import { DocketError } from '../errors.ts';
import { isSuspended } from '../ledger/suspended.ts';
import type { Engine } from './engine.ts';

/** How long (ms) a run is waited for: another process may put in order what a killed coordinator left, or be about to let go. */
const PATIENCE = 1_000;
const LOOK = 10;

/** The right to drive the run, until it is disposed of. Throws `RUN_BUSY` if somebody else has it. */
export async function ownRun({ runLocks, clock, paths }: Engine, run: string): Promise<Disposable> {
  const deadline = clock.monotonic() + PATIENCE;
  for (;;) {
    const owned = runLocks.tryOwn(run);
    if (owned !== undefined) return owned;
    if (clock.monotonic() > deadline) throw busy(paths.runLock(run), run);
    await new Promise<void>((resolve) => clock.after(LOOK, resolve));
  }
}

function busy(lock: string, run: string): DocketError {
  if (!isSuspended(lock)) return new DocketError('RUN_BUSY', `run ${run} is being driven by another process`);
  return new DocketError('RUN_BUSY', `the process that drives run ${run} is suspended`, {
    next: 'Let it go on (`fg`), or kill it: `docket resume` goes on after that.',
  });
}
