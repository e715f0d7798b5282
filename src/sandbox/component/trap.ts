/** A guest broke the rules of the canonical ABI: as fatal as an access out of bounds, and reported like one. */
export function trap(what: string): WebAssembly.RuntimeError {
  return new WebAssembly.RuntimeError(what);
}
