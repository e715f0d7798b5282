import { FSTFLAG, OFLAG, RIGHT } from '../../../src/sandbox/wasi/abi.ts';
import { type FileGuest, type FileStat, filesContract, type How, type Making, type Time } from '../../contract/files.ts';
import { ALL, Direct } from './direct.ts';
import { Bench } from './helpers.ts';

const TYPES = { 3: 'directory', 4: 'file', 7: 'link' } as const;

/** As they come over the border. */
const signed = (value: bigint): bigint => BigInt.asIntN(64, value);

/** Files by preview 1. */
class Preview1Guest implements FileGuest<number> {
  readonly root = 3;
  readonly #bench = new Bench();
  readonly #guest: Direct;

  constructor(options: Making = {}) {
    this.#guest = new Direct(this.#bench.start(options), 64);
  }

  open(path: string, how: How<number> = {}): number | string {
    const { base = 3, follow = true, read = true, write = false } = how;
    const oflags =
      (how.create === true ? OFLAG.creat : 0) |
      (how.directory === true ? OFLAG.directory : 0) |
      (how.exclusive === true ? OFLAG.excl : 0) |
      (how.truncate === true ? OFLAG.trunc : 0);
    const without = (read ? 0 : RIGHT.fdRead) | (write ? 0 : RIGHT.fdWrite);
    return this.#guest.open(path, { base, follow, oflags, rights: ALL & ~BigInt(without) });
  }

  close(file: number): string {
    return this.#guest.call('fd_close', file);
  }

  read(file: number, length: number, offset: bigint): string {
    const [buffer, result] = [this.#guest.room(length), this.#guest.room(4)];
    const error = this.#guest.call('fd_pread', file, ...this.#guest.iovecs([buffer, length]), signed(offset), result);
    if (error !== 'OK') return `<${error}>`;
    return Buffer.from(this.#guest.bytes.subarray(buffer, buffer + this.#guest.view.getUint32(result, true))).toString();
  }

  write(file: number, text: string, offset: bigint): number | string {
    return this.#guest.pwrite(file, text, signed(offset));
  }

  append(file: number, text: string): number | string {
    this.#guest.seek(file, 0n, 2);
    return this.#guest.write(file, text);
  }

  resize(file: number, size: bigint): string {
    return this.#guest.call('fd_filestat_set_size', file, signed(size));
  }

  makeDirectory(path: string, base = 3): string {
    return this.#guest.call('path_create_directory', base, ...this.#guest.put(path));
  }

  removeDirectory(path: string, base = 3): string {
    return this.#guest.call('path_remove_directory', base, ...this.#guest.put(path));
  }

  removeFile(path: string, base = 3): string {
    return this.#guest.call('path_unlink_file', base, ...this.#guest.put(path));
  }

  rename(from: string, to: string, [oldBase, newBase]: readonly [number, number] = [3, 3]): string {
    return this.#guest.call('path_rename', oldBase, ...this.#guest.put(from), newBase, ...this.#guest.put(to));
  }

  makeLink(target: string, path: string): string {
    return this.#guest.call('path_symlink', ...this.#guest.put(target), 3, ...this.#guest.put(path));
  }

  hardLink(from: string, to: string, follow = false): string {
    return this.#guest.call('path_link', 3, follow ? 1 : 0, ...this.#guest.put(from), 3, ...this.#guest.put(to));
  }

  readLink(path: string): string {
    const [buffer, result] = [this.#guest.room(4096), this.#guest.room(4)];
    const error = this.#guest.call('path_readlink', 3, ...this.#guest.put(path), buffer, 4096, result);
    if (error !== 'OK') return `<${error}>`;
    return Buffer.from(this.#guest.bytes.subarray(buffer, buffer + this.#guest.view.getUint32(result, true))).toString();
  }

  list(directory: number): readonly string[] | string {
    const names = this.#guest.list(directory);
    return typeof names === 'string' ? names : names.filter((name) => name !== '.' && name !== '..');
  }

  stat(path: string, follow = true): FileStat | string {
    return toStat(this.#guest.stat(path, follow));
  }

  statOf(file: number): FileStat | string {
    return toStat(this.#guest.fstat(file));
  }

  setTimes(path: string, access: Time, modification: Time): string {
    const flags =
      (access === 'now' ? FSTFLAG.atimeNow : access === undefined ? 0 : FSTFLAG.atime) |
      (modification === 'now' ? FSTFLAG.mtimeNow : modification === undefined ? 0 : FSTFLAG.mtime);
    const [atime, mtime] = [access, modification].map((time) => (typeof time === 'bigint' ? time : 0n)) as [bigint, bigint];
    return this.#guest.call('path_filestat_set_times', 3, 1, ...this.#guest.put(path), atime, mtime, flags);
  }

  [Symbol.dispose](): void {
    this.#bench[Symbol.dispose]();
  }
}

function toStat(stat: ReturnType<Direct['stat']>): FileStat | string {
  if (typeof stat === 'string') return stat;
  const { type, ino, nlink, size, atime, mtime, ctime } = stat;
  return {
    type: TYPES[type as keyof typeof TYPES],
    number: ino,
    links: nlink,
    size,
    accessed: atime,
    modified: mtime,
    changed: ctime,
  };
}

filesContract('preview 1', (options) => new Preview1Guest(options));
