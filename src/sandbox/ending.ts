/**
 * What the host throws to end a task from within a call. A guest can catch what comes out of JavaScript (`catch_all`), run its cleanup or loop for ever; V8 lets no guest
 * catch a trap, nor the error of an exhausted stack, also when JavaScript throws it anew. So a trap of WebAssembly is thrown, and what it stands for is kept
 * by who throws it.
 */

/** `(module (func (export "") unreachable))` */
const TRAPPING = Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 7, 4, 1, 0, 0, 0, 10, 5, 1, 3, 0, 0, 11);

const trapping = new WebAssembly.Instance(new WebAssembly.Module(TRAPPING)).exports[''] as () => never;

/** Throws what no guest can catch. */
export function throwUncatchable(): never {
  return trapping();
}
