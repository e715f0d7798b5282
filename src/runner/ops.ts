import type { Limits } from '../workflow/limits.ts';

/** What the coordinator's side knows of an op without loading its sandbox: commands that run nothing must start fast. */
interface OpTraits {
  /** Part of every key. Raised when the op could give another output for the same task; then nothing filed before is a hit. */
  readonly semantics: number;
  /** The same for tasks with limited fuel, where only these changed. */
  readonly metered?: number;
  /** What a task may be granted; each makes its result impure. */
  readonly grants: readonly string[];
}

export const OPS: Readonly<Record<string, OpTraits>> = {
  // 2, metered: what the host does costs fuel.
  'wasi/run': { semantics: 1, metered: 2, grants: ['clock', 'random'] },
  // 2: core modules with a component-type section take values of their WIT types, and not the numbers these are passed as.
  // 3: results above 4 KiB are links; a link to a blob is its bytes for a string too.
  // 4: what the host does costs fuel, and what it takes out of components weighs more.
  'wasm/run': { semantics: 4, grants: ['clock', 'random'] },
};

/** The number for a task with these limits; 0 if there is no such op. */
export function semanticsOf(op: string, { fuel }: Pick<Limits, 'fuel'>): number {
  const traits = OPS[op];
  if (traits === undefined) return 0;
  return fuel === undefined ? traits.semantics : (traits.metered ?? traits.semantics);
}
