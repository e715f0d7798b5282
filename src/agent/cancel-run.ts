import { Lock } from '../ledger/locks.ts';
import type { RunState } from '../ledger/change.ts';
import type { Engine } from './engine.ts';

const POLL = 50;

/** Asks for the end of a run and waits until its coordinator has let go of it. A run that is over stays as it is. Gives its state. */
export async function cancelRun(engine: Engine, run: string, signal: AbortSignal): Promise<RunState> {
  const before = engine.ledger.run(run)!.state;
  if (before !== 'running' && before !== 'interrupted') return before;
  await engine.ledger.commit([{ kind: 'run-update', run, state: 'cancelled' }]);
  while (Lock.isHeld(engine.paths.runLock(run)) && !signal.aborted) {
    await new Promise<void>((resolve) => engine.clock.after(POLL, resolve));
  }
  return engine.ledger.run(run)!.state;
}
