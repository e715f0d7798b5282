/** What the coordinator's side knows of an op without loading its sandbox: commands that run nothing must start fast. */
interface OpTraits {
  /** Part of every key. Raised when the op could give another output for the same task; then nothing filed before is a hit. */
  readonly semantics: number;
  /** What a task may be granted; each makes its result impure. */
  readonly grants: readonly string[];
}

export const OPS: Readonly<Record<string, OpTraits>> = {
  // 2: what the host does costs fuel.
  'wasi/run': { semantics: 2, grants: ['clock', 'random'] },
  // 2: core modules with a component-type section take values of their WIT types, and not the numbers these are passed as.
  // 3: results above 4 KiB are links; a link to a blob is its bytes for a string too.
  // 4: what the host does costs fuel, and what it takes out of components weighs more.
  'wasm/run': { semantics: 4, grants: ['clock', 'random'] },
};
