// The part of WASI preview 1 the guests use, bound directly: no shim package, no import but wasi_snapshot_preview1.
// Everything works on raw bytes; nothing is ever freed, for a guest lives as long as one task.

@external("wasi_snapshot_preview1", "args_sizes_get")
declare function args_sizes_get(count: usize, size: usize): i32;
@external("wasi_snapshot_preview1", "args_get")
declare function args_get(argv: usize, buffer: usize): i32;
@external("wasi_snapshot_preview1", "fd_read")
declare function fd_read(fd: i32, iovs: usize, iovsLength: i32, read: usize): i32;
@external("wasi_snapshot_preview1", "fd_write")
declare function fd_write(fd: i32, iovs: usize, iovsLength: i32, written: usize): i32;
@external("wasi_snapshot_preview1", "fd_close")
declare function fd_close(fd: i32): i32;
@external("wasi_snapshot_preview1", "fd_prestat_get")
declare function fd_prestat_get(fd: i32, prestat: usize): i32;
@external("wasi_snapshot_preview1", "fd_readdir")
declare function fd_readdir(fd: i32, buffer: usize, length: i32, cookie: u64, used: usize): i32;
@external("wasi_snapshot_preview1", "path_open")
declare function path_open(fd: i32, dirflags: i32, path: usize, pathLength: i32, oflags: i32, rights: u64, inheriting: u64, fdflags: i32, opened: usize): i32;
@external("wasi_snapshot_preview1", "path_create_directory")
declare function path_create_directory(fd: i32, path: usize, pathLength: i32): i32;
@external("wasi_snapshot_preview1", "proc_exit")
declare function proc_exit(status: i32): void;

export const STDIN: i32 = 0;
const STDOUT: i32 = 1;
const STDERR: i32 = 2;

const O_CREATE: i32 = 1;
const O_DIRECTORY: i32 = 2;
const O_TRUNCATE: i32 = 8;
const RIGHT_FD_READ: u64 = 1 << 1;
const RIGHT_FD_WRITE: u64 = 1 << 6;
// path_create_file, path_open, fd_readdir, path_filestat_set_size (for O_TRUNCATE).
const RIGHTS_OF_FOLDER: u64 = (1 << 10) | (1 << 13) | (1 << 14) | (1 << 19);
const TYPE_UNKNOWN: u8 = 0;
const TYPE_REGULAR_FILE: u8 = 4;

/** Bytes in linear memory. */
@unmanaged
export class Bytes {
  start: usize;
  length: usize;
}

export function bytes(start: usize, length: usize): Bytes {
  const view = changetype<Bytes>(heap.alloc(offsetof<Bytes>()));
  view.start = start;
  view.length = length;
  return view;
}

export function utf8(text: string): Bytes {
  const start = heap.alloc(String.UTF8.byteLength(text));
  return bytes(start, String.UTF8.encodeUnsafe(changetype<usize>(text), text.length, start));
}

function writeAll(fd: i32, start: usize, length: usize): void {
  const iov = memory.data(12);
  while (length > 0) {
    store<u32>(iov, <u32>start);
    store<u32>(iov, <u32>length, 4);
    if (fd_write(fd, iov, 1, iov + 8) != 0) proc_exit(1);
    const written = load<u32>(iov, 8);
    start += written;
    length -= written;
  }
}

const OUT_SIZE: usize = 1 << 16;
const out = heap.alloc(OUT_SIZE);
let outUsed: usize = 0;
let outFd: i32 = STDOUT;

/** Buffered; `flush` at the end of the program. */
export function print(start: usize, length: usize): void {
  if (outUsed + length > OUT_SIZE) flush();
  if (length > OUT_SIZE) {
    writeAll(outFd, start, length);
    return;
  }
  memory.copy(out + outUsed, start, length);
  outUsed += length;
}

export function flush(): void {
  writeAll(outFd, out, outUsed);
  outUsed = 0;
}

export function fail(message: string): void {
  const line = utf8(message + "\n");
  writeAll(STDERR, line.start, line.length);
  proc_exit(2);
}

/** The whole of a descriptor, from where it stands to its end. */
export function readAll(fd: i32): Bytes {
  const iov = memory.data(12);
  let capacity: usize = 1 << 16;
  let start = heap.alloc(capacity);
  let length: usize = 0;
  while (true) {
    if (length == capacity) {
      const larger = heap.alloc(capacity << 1);
      memory.copy(larger, start, length);
      start = larger;
      capacity <<= 1;
    }
    store<u32>(iov, <u32>(start + length));
    store<u32>(iov, <u32>(capacity - length), 4);
    const errno = fd_read(fd, iov, 1, iov + 8);
    if (errno != 0) fail("cannot read: errno " + errno.toString());
    const read = load<u32>(iov, 8);
    if (read == 0) return bytes(start, length);
    length += read;
  }
}

/** Arguments without the program's name. */
export function args(): Bytes[] {
  const sizes = memory.data(8);
  args_sizes_get(sizes, sizes + 4);
  const count = load<u32>(sizes);
  const argv = heap.alloc(count * 4 + load<u32>(sizes, 4));
  args_get(argv, argv + count * 4);
  const found: Bytes[] = [];
  for (let i: u32 = 1; i < count; i++) {
    const start: usize = load<u32>(argv + i * 4);
    let end = start;
    while (load<u8>(end) != 0) end++;
    found.push(bytes(start, end - start));
  }
  return found;
}

/** The first preopened folder, which stands for the task's root. */
export function root(): i32 {
  const prestat = memory.data(8);
  if (fd_prestat_get(3, prestat) != 0) fail("no folder is preopened");
  return 3;
}

function open(folder: i32, path: Bytes, flags: i32, rights: u64, inherited: u64): i32 {
  const opened = memory.data(4);
  // Absolute names mean the same file: the root is the preopened folder.
  let start = path.start;
  let length = path.length;
  while (length > 0 && load<u8>(start) == 0x2f) {
    start++;
    length--;
  }
  const errno = path_open(folder, 1, start, <i32>length, flags, rights, inherited, 0, opened);
  if (errno != 0) fail("cannot open " + String.UTF8.decodeUnsafe(path.start, path.length) + ": errno " + errno.toString());
  return load<i32>(opened);
}

export function readFile(folder: i32, path: Bytes): Bytes {
  const fd = open(folder, path, 0, RIGHT_FD_READ, 0);
  const content = readAll(fd);
  fd_close(fd);
  return content;
}

/** What is printed from here on goes to this file. */
export function printTo(folder: i32, path: Bytes): void {
  flush();
  if (outFd != STDOUT) fd_close(outFd);
  outFd = open(folder, path, O_CREATE | O_TRUNCATE, RIGHT_FD_WRITE, 0);
}

export function makeFolder(folder: i32, path: Bytes): void {
  const errno = path_create_directory(folder, path.start, <i32>path.length);
  if (errno != 0) fail("cannot make a folder: errno " + errno.toString());
}

export function openFolder(folder: i32, path: Bytes): i32 {
  return open(folder, path, O_DIRECTORY, RIGHTS_OF_FOLDER, RIGHT_FD_READ | RIGHT_FD_WRITE);
}

/** Names of the regular files in a folder. */
export function filesOf(folder: i32): Bytes[] {
  const HEADER: usize = 24;
  const used = memory.data(4);
  const found: Bytes[] = [];
  let size: usize = 1 << 14;
  let buffer = heap.alloc(size);
  let cookie: u64 = 0;
  while (true) {
    const errno = fd_readdir(folder, buffer, <i32>size, cookie, used);
    if (errno != 0) fail("cannot list the folder: errno " + errno.toString());
    const end: usize = buffer + load<u32>(used);
    let at = buffer;
    let whole = 0;
    while (at + HEADER <= end && at + HEADER + load<u32>(at, 16) <= end) {
      const length: usize = load<u32>(at, 16);
      const type = load<u8>(at, 20);
      if (type == TYPE_REGULAR_FILE || type == TYPE_UNKNOWN) {
        const name = heap.alloc(length);
        memory.copy(name, at + HEADER, length);
        found.push(bytes(name, length));
      }
      cookie = load<u64>(at);
      at += HEADER + length;
      whole++;
    }
    // A buffer that is not full is the end of the list; one too small for a single entry is made larger.
    if (end < buffer + size) return found;
    if (whole == 0) {
      size <<= 1;
      buffer = heap.alloc(size);
    }
  }
}
