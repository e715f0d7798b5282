import type { Desk } from './desk.ts';
import { type Ipld, isLink } from '../ipld/value.ts';

/** Writes text, bytes or a blob to a stream as they are, however large; other values are nothing. Throws what `Store.get` throws. */
export async function writeValue({ store }: Pick<Desk, 'store'>, value: Ipld | undefined, stream: NodeJS.WriteStream): Promise<void> {
  if (typeof value === 'string' || value instanceof Uint8Array) {
    if (value.length > 0) stream.write(value);
  } else if (isLink(value)) {
    for await (const chunk of store.get(value)) await writePiece(stream, chunk);
  }
}

/** Waits for a reader that is slower than we are. */
export async function writePiece(stream: NodeJS.WriteStream, piece: string | Uint8Array): Promise<void> {
  if (!stream.write(piece)) await new Promise<void>((resolve) => stream.once('drain', resolve));
}
