import { Engine, type EngineOptions } from '../agent/engine.ts';
import * as Home from '../ledger/home.ts';
import type { Call } from './command.ts';

/** Opens the home the call names. */
export function openEngine(call: Call, options: Pick<EngineOptions, 'slots' | 'lookOnly'> = {}): Promise<Engine> {
  return Engine.open({ home: Home.locate({ home: call.value('home'), env: call.env }), ...options });
}
