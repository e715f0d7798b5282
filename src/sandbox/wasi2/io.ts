import type { ResourceType } from '../component/handles.ts';
import type { HostInterface } from '../component/host-interface.ts';
import { trap } from '../component/trap.ts';
import { Errno } from '../files/errno.ts';
import type { InputStream, OutputStream } from './streams.ts';
import { err, isPreview2, ok, type System } from './system.ts';

/** `wasi:io`: errors, pollables and streams. https://github.com/WebAssembly/WASI/tree/v0.2.3/wasip2/io */

const ERROR: ResourceType = { name: 'error', definer: undefined };
export const POLLABLE: ResourceType = { name: 'pollable', definer: undefined };
export const INPUT_STREAM: ResourceType = { name: 'input-stream', definer: undefined };
export const OUTPUT_STREAM: ResourceType = { name: 'output-stream', definer: undefined };

/** Something to wait for: ready at a time of the monotonic clock, or at once. */
export interface Pollable {
  readonly due: bigint | undefined;
}

/** What a guest is given at once. */
export const MOST_READ = 1 << 20;
/** What a guest may write at once. */
const MOST_WRITE = 1 << 20;
const MOST_BLOCKING_WRITE = 4096n;

export const IO_ERROR: HostInterface<System> = {
  name: 'wasi:io/error',
  accepts: isPreview2,
  resources: { error: ERROR },
  functions: {
    '[method]error.to-debug-string': { type: 'func(borrow<error>) -> string', call: (_: System, errno: Errno) => errno.message },
  },
};

function isReady({ clock }: System, { due }: Pollable): boolean {
  return due === undefined || clock.monotonic() >= due;
}

function waitUntil({ clock }: System, due: bigint): void {
  const left = due - clock.monotonic();
  if (left > 0n) clock.wait(left);
}

/** Indices of what is ready; waits for the first if nothing is. */
function poll(system: System, pollables: readonly Pollable[]): Uint32Array {
  if (pollables.length === 0) throw trap('poll was called with nothing to wait for');
  if (!pollables.some((each) => isReady(system, each))) {
    waitUntil(
      system,
      pollables.reduce((least, { due }) => (due !== undefined && due < least ? due : least), (1n << 64n) - 1n),
    );
  }
  return Uint32Array.from(pollables.flatMap((each, i) => (isReady(system, each) ? [i] : [])));
}

export const POLL: HostInterface<System> = {
  name: 'wasi:io/poll',
  accepts: isPreview2,
  resources: { pollable: POLLABLE },
  functions: {
    '[method]pollable.ready': { type: 'func(borrow<pollable>) -> bool', call: isReady },
    '[method]pollable.block': {
      type: 'func(borrow<pollable>)',
      call: (system: System, { due }: Pollable) => (due === undefined ? undefined : waitUntil(system, due)),
    },
    poll: { type: 'func(list<borrow<pollable>>) -> list<u32>', call: poll },
  },
};

const STREAM_ERROR = 'variant { last-operation-failed(own<error>), closed }';

const CLOSED = err({ tag: 'closed' });
const atOnce = (): Pollable => ({ due: undefined });

/** What an operation of a stream gives; one that fails leaves the stream as it was. */
function attempted(operation: () => unknown): unknown {
  try {
    return operation();
  } catch (error) {
    if (!(error instanceof Errno)) throw error;
    return err({ tag: 'last-operation-failed', val: error });
  }
}

const mostOf = (length: bigint): number => (length < MOST_READ ? Number(length) : MOST_READ);

/** Files and pipes are always ready, so it never has to wait. */
function read(_: System, input: InputStream, length: bigint): unknown {
  const most = mostOf(length);
  return attempted(() => {
    const bytes = input.read(most);
    return bytes.length === 0 && most > 0 ? CLOSED : ok(bytes);
  });
}

function skip(_: System, input: InputStream, length: bigint): unknown {
  const most = mostOf(length);
  return attempted(() => {
    const count = input.skip(most);
    return count === 0 && most > 0 ? CLOSED : ok(BigInt(count));
  });
}

function write(_: System, output: OutputStream, bytes: Uint8Array): unknown {
  if (bytes.length > MOST_WRITE) throw trap(`a stream was given ${bytes.length} bytes, it takes ${MOST_WRITE} at a time`);
  return attempted(() => ok(output.write(bytes)));
}

function writeZeroes(system: System, output: OutputStream, length: bigint): unknown {
  if (length > BigInt(MOST_WRITE)) throw trap(`a stream was given ${length} zeroes, it takes ${MOST_WRITE} bytes at a time`);
  system.toll.bytes(Number(length));
  return write(system, output, new Uint8Array(Number(length)));
}

/** What was read and could not be written is lost, as with `cat`. */
function splice({ toll }: System, output: OutputStream, input: InputStream, length: bigint): unknown {
  const most = mostOf(length);
  return attempted(() => {
    const bytes = input.read(most);
    if (bytes.length === 0 && most > 0) return CLOSED;
    toll.bytes(bytes.length);
    output.write(bytes);
    return ok(BigInt(bytes.length));
  });
}

function blocking<T>(size: (value: T) => bigint, call: (system: System, output: OutputStream, value: T) => unknown) {
  return (system: System, output: OutputStream, value: T): unknown => {
    if (size(value) > MOST_BLOCKING_WRITE)
      throw trap(`a stream was given ${size(value)} bytes, it waits for ${MOST_BLOCKING_WRITE} at most`);
    return call(system, output, value);
  };
}

export const STREAMS: HostInterface<System> = {
  name: 'wasi:io/streams',
  accepts: isPreview2,
  resources: { 'input-stream': INPUT_STREAM, 'output-stream': OUTPUT_STREAM },
  functions: {
    '[method]input-stream.read': { type: `func(borrow<input-stream>, u64) -> result<list<u8>, ${STREAM_ERROR}>`, call: read },
    '[method]input-stream.blocking-read': {
      type: `func(borrow<input-stream>, u64) -> result<list<u8>, ${STREAM_ERROR}>`,
      call: read,
    },
    '[method]input-stream.skip': { type: `func(borrow<input-stream>, u64) -> result<u64, ${STREAM_ERROR}>`, call: skip },
    '[method]input-stream.blocking-skip': {
      type: `func(borrow<input-stream>, u64) -> result<u64, ${STREAM_ERROR}>`,
      call: skip,
    },
    '[method]input-stream.subscribe': { type: 'func(borrow<input-stream>) -> own<pollable>', call: atOnce },
    '[method]output-stream.check-write': {
      type: `func(borrow<output-stream>) -> result<u64, ${STREAM_ERROR}>`,
      call: () => ok(BigInt(MOST_WRITE)),
    },
    '[method]output-stream.write': {
      type: `func(borrow<output-stream>, list<u8>) -> result<_, ${STREAM_ERROR}>`,
      call: write,
    },
    '[method]output-stream.blocking-write-and-flush': {
      type: `func(borrow<output-stream>, list<u8>) -> result<_, ${STREAM_ERROR}>`,
      call: blocking((bytes: Uint8Array) => BigInt(bytes.length), write),
    },
    '[method]output-stream.flush': { type: `func(borrow<output-stream>) -> result<_, ${STREAM_ERROR}>`, call: () => ok() },
    '[method]output-stream.blocking-flush': { type: `func(borrow<output-stream>) -> result<_, ${STREAM_ERROR}>`, call: () => ok() },
    '[method]output-stream.subscribe': { type: 'func(borrow<output-stream>) -> own<pollable>', call: atOnce },
    '[method]output-stream.write-zeroes': {
      type: `func(borrow<output-stream>, u64) -> result<_, ${STREAM_ERROR}>`,
      call: writeZeroes,
    },
    '[method]output-stream.blocking-write-zeroes-and-flush': {
      type: `func(borrow<output-stream>, u64) -> result<_, ${STREAM_ERROR}>`,
      call: blocking((length: bigint) => length, writeZeroes),
    },
    '[method]output-stream.splice': {
      type: `func(borrow<output-stream>, borrow<input-stream>, u64) -> result<u64, ${STREAM_ERROR}>`,
      call: splice,
    },
    '[method]output-stream.blocking-splice': {
      type: `func(borrow<output-stream>, borrow<input-stream>, u64) -> result<u64, ${STREAM_ERROR}>`,
      call: splice,
    },
  },
};
