import { createHash } from 'node:crypto';
import { readSync } from 'node:fs';

/** Digest and length of all a descriptor gives from its first byte on, read through `buffer`. */
export function hashDescriptor(fd: number, buffer: Uint8Array): { readonly hex: string; readonly size: number } {
  const hash = createHash('sha256');
  let position = 0;
  for (;;) {
    const count = readSync(fd, buffer, 0, buffer.length, position);
    if (count === 0) return { hex: hash.digest('hex'), size: position };
    hash.update(buffer.subarray(0, count));
    position += count;
  }
}
