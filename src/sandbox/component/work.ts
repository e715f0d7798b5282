import type { Declaration, Definition, TypeDefinition } from './model.ts';
import { invalid } from './scope.ts';

/**
 * Definitions and their parts that are looked at, once for each time: a few bytes may instantiate a component again or export an interface under another name. Real
 * ones have some thousands. Measured: 0.9 KiB each at the worst, which lie in memory until all is taken apart.
 */
const MOST_WORK = 200_000;
/** Bytes that what is made of one may keep in memory. Measured: 900 for an `option`, 140 for a lifted function, 120 for a parameter. */
const WEIGHT = 1 << 10;

/** Counts what is looked at while a component is taken apart. */
export class Work {
  #done = 0;

  /** Bytes that what is made of all of it may keep in memory. */
  get weight(): number {
    return this.#done * WEIGHT;
  }

  /** Throws `MODULE_INVALID` beyond the bound. */
  count(parts = 1): void {
    this.#done += parts;
    if (this.#done > MOST_WORK) throw invalid(`the component has more than ${MOST_WORK} definitions`);
  }
}

/** What of a definition takes time of its own. */
export function partsOf(definition: Definition | Declaration): number {
  if (definition.kind === 'type') return sizeOf(definition.type);
  if (definition.kind === 'bundle' || definition.kind === 'core bundle') return 1 + definition.items.length;
  return definition.kind === 'instantiate' || definition.kind === 'core instantiate' ? 1 + definition.args.length : 1;
}

function sizeOf(type: TypeDefinition): number {
  switch (type.kind) {
    case 'record':
      return 1 + type.fields.length;
    case 'variant':
      return 1 + type.cases.length;
    case 'flags':
    case 'enum':
      return 1 + type.names.length;
    case 'tuple':
      return 1 + type.types.length;
    case 'func':
      return 1 + type.params.length;
    default:
      return 1;
  }
}
