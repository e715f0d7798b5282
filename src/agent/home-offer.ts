import type { Offer } from '../workflow/needs.ts';
import type { Plan } from '../workflow/model.ts';
import type { Engine } from './engine.ts';
import { memoryHere } from './mesh/machine.ts';
import { allOps } from './op-policy.ts';

/**
 * What a home without an agent has of what tasks need: the ops there are, all of the machine's memory, which each process on the home counts for itself, and no tags.
 * Undefined for a plan whose tasks need nothing: then nothing has to be compared.
 */
export function homeOffer({ slotCount }: Pick<Engine, 'slotCount'>, { tasks }: Plan): Offer | undefined {
  if (tasks.every(({ task }) => task.meta['needs'] === undefined)) return undefined;
  return { ops: allOps(), tags: {}, memory: memoryHere(), slots: slotCount };
}
