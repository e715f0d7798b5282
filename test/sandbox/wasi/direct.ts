import * as ErrnoModule from '../../../src/sandbox/files/errno.ts';
import { OFLAG, RIGHT } from '../../../src/sandbox/wasi/abi.ts';
import type { Preview1 } from '../../../src/sandbox/wasi/preview1.ts';

const NAMES = new Map(
  Object.values(ErrnoModule).flatMap((each) => (each instanceof Error && 'number' in each ? [[each.number, each.message]] : [])),
);

export const ALL = (1n << 30n) - 1n;

/** A guest whose memory the test holds: calls preview 1 with any arguments, also such as no compiler would make. */
export class Direct {
  readonly wasi: Preview1;
  readonly memory: WebAssembly.Memory;
  readonly #imports: Record<string, (...args: never[]) => unknown>;
  #free = 0x1000;

  constructor(wasi: Preview1, pages = 2) {
    this.wasi = wasi;
    this.memory = new WebAssembly.Memory({ initial: pages });
    this.#imports = wasi.imports;
    wasi.bind(this.memory);
  }

  get bytes(): Uint8Array {
    return new Uint8Array(this.memory.buffer);
  }

  get view(): DataView {
    return new DataView(this.memory.buffer);
  }

  /** `OK` or the name of the errno. Throws what ended the task. */
  call(name: string, ...args: readonly (number | bigint)[]): string {
    const result = this.#call(name, args);
    return result === 0 ? 'OK' : (NAMES.get(result) ?? `errno ${result}`);
  }

  /** Room in memory, 8-aligned. */
  room(size: number): number {
    const at = this.#free;
    this.#free = (at + size + 7) & ~7;
    return at;
  }

  put(data: string | Uint8Array): [pointer: number, length: number] {
    const bytes = Buffer.from(data);
    const at = this.room(bytes.length);
    this.bytes.set(bytes, at);
    return [at, bytes.length];
  }

  iovecs(...parts: readonly (readonly [pointer: number, length: number])[]): [pointer: number, length: number] {
    const at = this.room(parts.length * 8);
    parts.forEach(([pointer, length], i) => {
      this.view.setUint32(at + i * 8, pointer, true);
      this.view.setUint32(at + i * 8 + 4, length, true);
    });
    return [at, parts.length];
  }

  /** The descriptor, or the name of the errno. */
  open(
    path: string,
    options: {
      readonly base?: number;
      readonly oflags?: number;
      readonly rights?: bigint;
      readonly inheriting?: bigint;
      readonly flags?: number;
      readonly follow?: boolean;
    } = {},
  ): number | string {
    const result = this.room(4);
    const { base = 3, oflags = 0, rights = ALL & ~BigInt(RIGHT.fdWrite), inheriting = ALL, flags = 0, follow = true } = options;
    const error = this.call('path_open', base, follow ? 1 : 0, ...this.put(path), oflags, rights, inheriting, flags, result);
    return error === 'OK' ? this.view.getUint32(result, true) : error;
  }

  /** Opens to read and write, making the file if needed; throws if that fails. */
  file(path: string, flags = 0): number {
    const fd = this.open(path, { oflags: OFLAG.creat, rights: ALL, flags });
    if (typeof fd === 'string') throw new Error(`${path}: ${fd}`);
    return fd;
  }

  /** The count, or the name of the errno. */
  write(fd: number, text: string): number | string {
    return this.#count((result) => this.call('fd_write', fd, ...this.iovecs(this.put(text)), result));
  }

  pwrite(fd: number, text: string, offset: bigint): number | string {
    return this.#count((result) => this.call('fd_pwrite', fd, ...this.iovecs(this.put(text)), offset, result));
  }

  /** The text, or the name of the errno in angle brackets. */
  read(fd: number, size: number): string {
    const buffer = this.room(size);
    const count = this.#count((result) => this.call('fd_read', fd, ...this.iovecs([buffer, size]), result));
    return typeof count === 'string' ? `<${count}>` : Buffer.from(this.bytes.subarray(buffer, buffer + count)).toString();
  }

  /** The position, or the name of the errno. */
  seek(fd: number, offset: bigint, whence: number): bigint | string {
    const result = this.room(8);
    const error = this.call('fd_seek', fd, offset, whence, result);
    return error === 'OK' ? this.view.getBigUint64(result, true) : error;
  }

  /** The names, or the name of the errno. */
  list(fd: number, bufferSize = 4096): readonly string[] | string {
    const names: string[] = [];
    const buffer = this.room(bufferSize);
    const result = this.room(4);
    let cookie = 0n;
    for (;;) {
      const error = this.call('fd_readdir', fd, buffer, bufferSize, cookie, result);
      if (error !== 'OK') return error;
      const used = this.view.getUint32(result, true);
      let at = buffer;
      while (at + 24 <= buffer + used) {
        const length = this.view.getUint32(at + 16, true);
        if (at + 24 + length > buffer + used) break;
        cookie = this.view.getBigUint64(at, true);
        names.push(Buffer.from(this.bytes.subarray(at + 24, at + 24 + length)).toString());
        at += 24 + length;
      }
      if (used < bufferSize) return names;
    }
  }

  stat(path: string, follow = true): Stat | string {
    const result = this.room(64);
    const error = this.call('path_filestat_get', 3, follow ? 1 : 0, ...this.put(path), result);
    return error === 'OK' ? this.#stat(result) : error;
  }

  fstat(fd: number): Stat | string {
    const result = this.room(64);
    const error = this.call('fd_filestat_get', fd, result);
    return error === 'OK' ? this.#stat(result) : error;
  }

  #stat(at: number): Stat {
    const { view } = this;
    const u64 = (offset: number): bigint => view.getBigUint64(at + offset, true);
    return {
      dev: u64(0),
      ino: u64(8),
      type: view.getUint8(at + 16),
      nlink: u64(24),
      size: u64(32),
      atime: u64(40),
      mtime: u64(48),
      ctime: u64(56),
    };
  }

  #call(name: string, args: readonly (number | bigint)[]): number {
    try {
      return (this.#imports[name] as (...args: readonly (number | bigint)[]) => number)(...args);
    } catch (error) {
      throw this.wasi.ending ?? error;
    }
  }

  #count(call: (result: number) => string): number | string {
    const result = this.room(4);
    const error = call(result);
    return error === 'OK' ? this.view.getUint32(result, true) : error;
  }
}

interface Stat {
  readonly dev: bigint;
  readonly ino: bigint;
  readonly type: number;
  readonly nlink: bigint;
  readonly size: bigint;
  readonly atime: bigint;
  readonly mtime: bigint;
  readonly ctime: bigint;
}
