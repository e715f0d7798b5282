import { DocketError } from '../errors.ts';
import { ByteReader } from './byte-reader.ts';
import { HEADER } from './frames.ts';

/** What a slot process says of what its guest writes, on a pipe of its own. */

export type OutputStream = 'stdout' | 'stderr';

export interface OutputFrame {
  /** The job on the pipe. */
  readonly job: number;
  readonly stream: OutputStream;
  /** Where in the stream the bytes stand. */
  readonly at: number;
  readonly bytes: Uint8Array;
}

const STREAMS = ['stdout', 'stderr'] as const;

/** Bytes before those of the guest: job, stream, place. */
const OUTPUT_HEADER = 13;

/** With its length before it. */
export function encodeOutput({ job, stream, at, bytes }: OutputFrame): Uint8Array {
  const frame = new Uint8Array(HEADER + OUTPUT_HEADER + bytes.length);
  const view = new DataView(frame.buffer);
  view.setUint32(0, OUTPUT_HEADER + bytes.length, true);
  view.setUint32(HEADER, job, true);
  view.setUint8(HEADER + 4, STREAMS.indexOf(stream));
  view.setFloat64(HEADER + 5, at, true);
  frame.set(bytes, HEADER + OUTPUT_HEADER);
  return frame;
}

/** It comes from a process that runs code nobody trusts, so all of it is checked. Throws `INTERNAL`. */
export function decodeOutput(message: Uint8Array): OutputFrame {
  const from = new ByteReader(message);
  const job = from.u32();
  const stream = STREAMS[from.u8()];
  const at = from.f64();
  if (stream === undefined || !Number.isSafeInteger(at) || at < 0)
    throw new DocketError('INTERNAL', 'a slot process told something of its output that cannot be');
  return { job, stream, at, bytes: from.raw(message.length - OUTPUT_HEADER) };
}
