/** What handles of `wasi:io/streams` stand for. Calls throw `Errno`, which becomes the `error` that a guest can ask about, and `LimitReached`. */

export interface InputStream {
  /** Up to `most` bytes; none at the end. */
  read(most: number): Uint8Array;
  /** How many were left out, 0 at the end. */
  skip(most: number): number;
}

export interface OutputStream {
  write(bytes: Uint8Array): void;
}
