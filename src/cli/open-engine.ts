import { DocketError } from '../errors.ts';
import { Engine, type EngineOptions } from '../agent/engine.ts';
import * as Home from '../ledger/home.ts';
import type { Call } from './command.ts';

/** Opens the home the call names. */
export function openEngine(call: Call, options: Pick<EngineOptions, 'slots' | 'willWrite'> = {}): Promise<Engine> {
  return Engine.open({ home: Home.locate({ home: call.value('home'), env: call.env }), ...options });
}

/** A whole number of at least 1, or undefined if the option is absent. Throws `USAGE`. */
export function countOption(call: Call, name: string): number | undefined {
  const text = call.value(name);
  if (text === undefined) return undefined;
  if (!/^[1-9][0-9]{0,5}$/.test(text)) throw new DocketError('USAGE', `--${name} must be a whole number of at least 1, not "${text}"`);
  return Number(text);
}
