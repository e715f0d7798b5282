/** The two orders of map keys. Both sort in place and give the same array back. */

const utf8 = new TextEncoder();

/** DAG-CBOR's: shorter UTF-8 first, then bytewise. */
export function sortLengthFirst(keys: string[]): string[] {
  for (const key of keys) if (!isAscii(key)) return keys.sort(comparing((a, b) => a.length - b.length || compareBytes(a, b)));
  if (keys.length > 32) return keys.sort((a, b) => (precedes(a, b) ? -1 : 1));
  // Insertion: the common few keys stand in order, or nearly.
  for (let i = 1; i < keys.length; i++) {
    const key = keys[i] as string;
    let j = i;
    for (; j > 0 && precedes(key, keys[j - 1] as string); j--) keys[j] = keys[j - 1] as string;
    keys[j] = key;
  }
  return keys;
}

/** DAG-JSON's: bytewise by UTF-8. */
export function sortBytewise(keys: string[]): string[] {
  return keys.every(isAscii) ? keys.sort() : keys.sort(comparing(compareBytes));
}

function precedes(a: string, b: string): boolean {
  return a.length === b.length ? a < b : a.length < b.length;
}

function isAscii(key: string): boolean {
  for (let i = 0; i < key.length; i++) if (key.charCodeAt(i) >= 0x80) return false;
  return true;
}

/** JavaScript compares UTF-16, which differs from bytes above the surrogates. */
function comparing(compare: (a: Uint8Array, b: Uint8Array) => number): (a: string, b: string) => number {
  const encoded = new Map<string, Uint8Array>();
  const bytesOf = (key: string): Uint8Array => {
    const known = encoded.get(key);
    if (known !== undefined) return known;
    const bytes = utf8.encode(key);
    encoded.set(key, bytes);
    return bytes;
  };
  return (a, b) => compare(bytesOf(a), bytesOf(b));
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const end = Math.min(a.length, b.length);
  for (let i = 0; i < end; i++) if (a[i] !== b[i]) return (a[i] as number) - (b[i] as number);
  return a.length - b.length;
}
