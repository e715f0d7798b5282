// The canonical ABI, as far as this component needs it: how values of WIT types lie in memory and in parameters.
// https://github.com/WebAssembly/component-model/blob/main/design/mvp/CanonicalABI.md

/** Room for what the host passes in memory. Nothing is ever given back: an instance lives for one call. */
export function cabi_realloc(old: usize, oldSize: usize, _align: usize, size: usize): usize {
  const fresh = heap.alloc(size);
  if (old != 0) memory.copy(fresh, old, min(oldSize, size));
  return fresh;
}

/** A `list<u8>` that the host passed. */
export function bytesAt(address: usize, length: usize): Uint8Array {
  const bytes = new Uint8Array(<i32>length);
  memory.copy(bytes.dataStart, address, length);
  return bytes;
}

/** What a function returns that gives a `list<u8>`: where its address and length stand. */
export function returned(bytes: Uint8Array): usize {
  const at = heap.alloc(8);
  storeBytes(at, bytes);
  return at;
}

export function storeBytes(at: usize, bytes: Uint8Array): void {
  store<usize>(at, bytes.dataStart);
  store<usize>(at + 4, bytes.length);
}

export function utf8(text: string): Uint8Array {
  return Uint8Array.wrap(String.UTF8.encode(text));
}

/** Cases of the enum `level`. */
export const INFO: i32 = 2;
export const WARN: i32 = 3;
export const ERROR: i32 = 4;

@external("wasi:logging/logging", "log")
declare function writeLog(level: i32, context: usize, contextLength: usize, message: usize, messageLength: usize): void;

export function log(level: i32, message: string): void {
  const context = utf8("images");
  const text = utf8(message);
  writeLog(level, context.dataStart, context.length, text.dataStart, text.length);
}
