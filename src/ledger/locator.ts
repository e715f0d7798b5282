/** Bytes a name must have; a CID that holds its content instead of a digest may be shorter, and names nothing here. */
export const SHORTEST_NAME = 6;

/**
 * The number under which a key, a digest or the bytes of a CID is indexed: its last 48 bits. Rows are then told apart by their full
 * name. Indexes over whole names are more than twice as large, and as each insert touches a random page of each, the pages
 * written per task are what bounds the rate of commits (measured: half as many with these).
 */
export function locator(name: Uint8Array): number {
  const { buffer, byteOffset, length } = name;
  if (length < SHORTEST_NAME) throw new TypeError('a name has at least 6 bytes');
  const view = new DataView(buffer, byteOffset + length - 6, 6);
  return view.getUint16(0) * 0x1_0000_0000 + view.getUint32(2);
}
