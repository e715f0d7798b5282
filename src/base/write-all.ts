import { writeSync } from 'node:fs';

/** Writes all of it where the file stands: one call may take a part and say so, as before a disk is full. Throws what `writeSync` throws, with a part written. */
export function writeAll(descriptor: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length;) done += writeSync(descriptor, bytes, done);
}
