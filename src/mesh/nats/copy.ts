/** Bytes of their own. (`slice` of a Buffer is a view of what it was cut from.) */
export function copyOf(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes);
}
