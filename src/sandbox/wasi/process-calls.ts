import * as Errno from '../files/errno.ts';
import { CLOCK } from './abi.ts';
import type { GuestClock } from './clock.ts';
import { type Host, ITEM_WEIGHT } from './host.ts';

/** Thrown by `proc_exit` and taken back by `Preview1.run`. */
export class Exit extends Error {
  readonly status: number;

  constructor(status: number) {
    super(`exit ${status}`);
    this.name = 'Exit';
    this.status = status;
  }
}

export function argsSizesGet(host: Host, count: number, size: number): void {
  putSizes(host, host.args, count, size);
}

export function argsGet(host: Host, pointers: number, buffer: number): void {
  putTexts(host, host.args, pointers, buffer);
}

export function environSizesGet(host: Host, count: number, size: number): void {
  putSizes(host, host.environ, count, size);
}

export function environGet(host: Host, pointers: number, buffer: number): void {
  putTexts(host, host.environ, pointers, buffer);
}

export function clockResGet({ clock, memory }: Host, id: number, result: number): void {
  checkClock(id);
  memory.setU64(result, clock.resolution);
}

export function clockTimeGet({ clock, memory }: Host, id: number, _precision: bigint, result: number): void {
  memory.check(result, 8);
  memory.setU64(result, readClock(clock, id));
}

/** Throws EINVAL for an unknown clock. */
export function readClock(clock: GuestClock, id: number): bigint {
  checkClock(id);
  if (id === CLOCK.realtime) return clock.realtime();
  return id === CLOCK.monotonic ? clock.monotonic() : clock.cpu();
}

export function randomGet({ memory, random, toll }: Host, pointer: number, size: number): void {
  const length = size >>> 0;
  const start = memory.check(pointer, length);
  toll.bytes(length);
  if (length > 0) random(memory.bytes.subarray(start, start + length));
}

export function procExit(_host: Host, status: number): never {
  throw new Exit(status >>> 0);
}

/** There are no signals; wasi-libc's `raise` never comes here. */
export function procRaise(_host: Host, _signal: number): never {
  throw Errno.NOSYS;
}

/** There is nobody to yield to. */
export function schedYield(_host: Host): void {}

/** Sockets: no descriptor is one. */
export function sockCall({ descriptors }: Host, fd: number): never {
  descriptors.get(fd);
  throw Errno.NOTSOCK;
}

function checkClock(id: number): void {
  if (id >>> 0 > CLOCK.threadCpu) throw Errno.INVAL;
}

function putSizes({ memory, toll }: Host, texts: readonly Uint8Array[], count: number, size: number): void {
  toll.bytes(texts.length * ITEM_WEIGHT);
  memory.check(count, 4);
  memory.check(size, 4);
  memory.setU32(count, texts.length);
  memory.setU32(size, totalSize(texts));
}

function putTexts({ memory, toll }: Host, texts: readonly Uint8Array[], pointers: number, buffer: number): void {
  const size = totalSize(texts);
  let pointer = memory.check(pointers, texts.length * 4);
  let at = memory.check(buffer, size);
  toll.bytes(size + texts.length * ITEM_WEIGHT);
  for (const text of texts) {
    memory.view.setUint32(pointer, at, true);
    memory.bytes.set(text, at);
    pointer += 4;
    at += text.length;
  }
}

function totalSize(texts: readonly Uint8Array[]): number {
  return texts.reduce((sum, text) => sum + text.length, 0);
}
