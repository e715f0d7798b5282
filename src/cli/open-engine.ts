import { Engine, type EngineOptions } from '../agent/engine.ts';
import * as Home from '../ledger/home.ts';
import type { Call } from './command.ts';

/** Opens the home the call names. */
export async function openEngine(call: Call, options: Pick<EngineOptions, 'slots' | 'lookOnly'> = {}): Promise<Engine> {
  const engine = await Engine.open({ home: homeOf(call), ...options });
  suspendInOrder(engine);
  return engine;
}

/** The home the call names. */
export function homeOf(call: Call): string {
  return Home.locate({ home: call.value('home'), env: call.env });
}

/** At Ctrl-Z stands still when nothing is being written: who stops in the middle of that keeps every other command of the home from writing. */
export function suspendInOrder({ ledger }: Engine): void {
  // An agent opens its home anew where its ledger failed.
  process.removeAllListeners('SIGTSTP');
  process.on('SIGTSTP', () => {
    void ledger.hold().then((hold) => {
      using _ = hold;
      process.kill(process.pid, 'SIGSTOP');
    });
  });
}
