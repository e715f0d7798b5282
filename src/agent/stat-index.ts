import { StatIndex } from '../store/stat-index.ts';
import type { Engine } from './engine.ts';

/** What this home knows of files it imported before, so that unchanged ones are not read again. */
export function statIndexOf(engine: Engine): StatIndex {
  return new StatIndex(engine.ledger.statTable, engine.store, engine.clock);
}
