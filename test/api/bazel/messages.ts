import { createHash } from 'node:crypto';

/** Messages of Bazel's cache, written as its own code writes them. */

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    bytes.push(rest >= 128 ? (rest % 128) | 0x80 : rest);
    if (rest < 128) return Buffer.from(bytes);
  }
}

export function field(number: number, value: Uint8Array | string | number): Buffer {
  if (typeof value === 'number') return Buffer.concat([varint(number * 8), varint(value)]);
  const bytes = Buffer.from(value);
  return Buffer.concat([varint(number * 8 + 2), varint(bytes.length), bytes]);
}

export function hex(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** `Digest`. */
export function digest(bytes: Uint8Array | string, size = Buffer.byteLength(bytes)): Buffer {
  return Buffer.concat([field(1, hex(bytes)), ...(size === 0 ? [] : [field(2, size)])]);
}

/** `OutputFile`, in an `ActionResult`. */
export function outputFile(path: string, bytes: Uint8Array | string, size?: number): Buffer {
  return field(2, Buffer.concat([field(1, path), field(2, digest(bytes, size)), field(4, 1)]));
}

/** `Directory`. */
export function directory(files: Readonly<Record<string, string>>, folders: Readonly<Record<string, Uint8Array>> = {}): Buffer {
  return Buffer.concat([
    ...Object.entries(files).map(([name, bytes]) => field(1, Buffer.concat([field(1, name), field(2, digest(bytes))]))),
    ...Object.entries(folders).map(([name, bytes]) => field(2, Buffer.concat([field(1, name), field(2, digest(bytes))]))),
  ]);
}
