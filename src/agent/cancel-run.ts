import { DocketError } from '../errors.ts';
import { Lock } from '../ledger/locks.ts';
import { isSuspended } from '../ledger/suspended.ts';
import type { RunState } from '../workflow/run-state.ts';
import type { Engine } from './engine.ts';

const POLL = 50;
/** How long a coordinator may take to let go of its run, in ms: it looks four times a second, then kills and files what runs. */
const PATIENCE = 15_000;

/**
 * Asks for the end of a run and waits until its coordinator has let go of it. A run that is over stays as it is, also if it ends meanwhile. Gives
 * its state. Throws `RUN_BUSY` if the coordinator does not react.
 */
export async function cancelRun(engine: Engine, run: string, signal: AbortSignal): Promise<RunState> {
  const before = engine.ledger.run(run)!.state;
  if (before !== 'running' && before !== 'interrupted') return before;
  await engine.ledger.commit([{ kind: 'run-update', run, state: 'cancelled', from: ['running', 'interrupted'] }]);
  const deadline = engine.clock.monotonic() + PATIENCE;
  while (Lock.isHeld(engine.paths.runLock(run)) && !signal.aborted) {
    if (engine.clock.monotonic() > deadline || isSuspended(engine.paths.runLock(run))) {
      throw new DocketError('RUN_BUSY', `run ${run} was told to stop, but the process that drives it does not react`, {
        next: 'If it was suspended, let it go on (`fg`) and it will stop; else kill it: `docket resume` goes on after that.',
      });
    }
    await new Promise<void>((resolve) => engine.clock.after(POLL, resolve));
  }
  return engine.ledger.run(run)!.state;
}
