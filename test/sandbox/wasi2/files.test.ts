import type { Descriptor } from '../../../src/sandbox/wasi2/descriptor.ts';
import type { EntryStream } from '../../../src/sandbox/wasi2/entry-stream.ts';
import { type FileGuest, type FileStat, filesContract, type How, type Making, type Time } from '../../contract/files.ts';
import { Direct2, type Result } from './direct.ts';

const NAMES: Readonly<Record<string, string>> = {
  'bad-descriptor': 'EBADF',
  busy: 'EBUSY',
  exist: 'EEXIST',
  'file-too-large': 'EFBIG',
  invalid: 'EINVAL',
  'is-directory': 'EISDIR',
  loop: 'ELOOP',
  quota: 'EMFILE',
  'name-too-long': 'ENAMETOOLONG',
  'no-entry': 'ENOENT',
  'not-directory': 'ENOTDIR',
  'not-empty': 'ENOTEMPTY',
  'not-permitted': 'EPERM',
};

const SECOND = 1_000_000_000n;
const TYPES: Readonly<Record<string, FileStat['type']>> = { directory: 'directory', 'regular-file': 'file', 'symbolic-link': 'link' };

interface Datetime {
  readonly seconds: bigint;
  readonly nanoseconds: number;
}

interface Stat2 {
  readonly type: string;
  readonly linkCount: bigint;
  readonly size: bigint;
  readonly dataAccessTimestamp: Datetime;
  readonly dataModificationTimestamp: Datetime;
  readonly statusChangeTimestamp: Datetime;
}

const failure = (result: Result<unknown>): string => NAMES[result.val as string] ?? String(result.val);
const done = (result: Result<unknown>): string => (result.tag === 'ok' ? 'OK' : failure(result));
const unsigned = (value: bigint): bigint => BigInt.asUintN(64, value);

/** Files by `wasi:filesystem` 0.2. */
class Preview2Guest implements FileGuest<Descriptor> {
  readonly #guest: Direct2;
  readonly root: Descriptor;

  constructor(options?: Making) {
    this.#guest = new Direct2(options);
    this.root = this.#guest.root;
  }

  open(path: string, how: How<Descriptor> = {}): Descriptor | string {
    const { base = this.root, follow = true, read = true, write = false } = how;
    const flags = {
      create: how.create ?? false,
      directory: how.directory ?? false,
      exclusive: how.exclusive ?? false,
      truncate: how.truncate ?? false,
    };
    const result = this.#guest.on<Descriptor>(base, 'open-at', { symlinkFollow: follow }, path, flags, { read, write });
    return result.tag === 'ok' ? result.val : failure(result);
  }

  close(file: Descriptor): string {
    file[Symbol.dispose]();
    return 'OK';
  }

  read(file: Descriptor, length: number, offset: bigint): string {
    const result = this.#guest.on<[Uint8Array, boolean]>(file, 'read', BigInt(length), unsigned(offset));
    return result.tag === 'ok' ? Buffer.from(result.val[0]).toString() : `<${failure(result)}>`;
  }

  write(file: Descriptor, text: string, offset: bigint): number | string {
    const result = this.#guest.on<bigint>(file, 'write', Buffer.from(text), unsigned(offset));
    return result.tag === 'ok' ? Number(result.val) : failure(result);
  }

  append(file: Descriptor, text: string): number | string {
    const made = this.#guest.on<Disposable>(file, 'append-via-stream');
    if (made.tag === 'err') return failure(made);
    using stream = made.val;
    const written = this.#guest.stream(stream, 'output-stream.write', Buffer.from(text));
    return written.tag === 'ok' ? Buffer.byteLength(text) : failure(written);
  }

  resize(file: Descriptor, size: bigint): string {
    return done(this.#guest.on(file, 'set-size', unsigned(size)));
  }

  makeDirectory(path: string, base = this.root): string {
    return done(this.#guest.on(base, 'create-directory-at', path));
  }

  removeDirectory(path: string, base = this.root): string {
    return done(this.#guest.on(base, 'remove-directory-at', path));
  }

  removeFile(path: string, base = this.root): string {
    return done(this.#guest.on(base, 'unlink-file-at', path));
  }

  rename(from: string, to: string, [oldBase, newBase]: readonly [Descriptor, Descriptor] = [this.root, this.root]): string {
    return done(this.#guest.on(oldBase, 'rename-at', from, newBase, to));
  }

  makeLink(target: string, path: string): string {
    return done(this.#guest.on(this.root, 'symlink-at', target, path));
  }

  hardLink(from: string, to: string, follow = false): string {
    return done(this.#guest.on(this.root, 'link-at', { symlinkFollow: follow }, from, this.root, to));
  }

  readLink(path: string): string {
    const result = this.#guest.on<string>(this.root, 'readlink-at', path);
    return result.tag === 'ok' ? result.val : `<${failure(result)}>`;
  }

  list(directory: Descriptor): readonly string[] | string {
    const result = this.#guest.on<EntryStream>(directory, 'read-directory');
    if (result.tag === 'err') return failure(result);
    const names: string[] = [];
    for (;;) {
      const { val } = this.#guest.call(
        'wasi:filesystem/types',
        '[method]directory-entry-stream.read-directory-entry',
        result.val,
      ) as Result<{ readonly name: string } | undefined>;
      if (val === undefined) return names;
      names.push(val.name);
    }
  }

  stat(path: string, follow = true): FileStat | string {
    const flags = { symlinkFollow: follow };
    return toStat(this.#guest.on(this.root, 'stat-at', flags, path), this.#guest.on(this.root, 'metadata-hash-at', flags, path));
  }

  statOf(file: Descriptor): FileStat | string {
    return toStat(this.#guest.on(file, 'stat'), this.#guest.on(file, 'metadata-hash'));
  }

  setTimes(path: string, access: Time, modification: Time): string {
    return done(this.#guest.on(this.root, 'set-times-at', { symlinkFollow: true }, path, timestamp(access), timestamp(modification)));
  }

  [Symbol.dispose](): void {
    this.#guest[Symbol.dispose]();
  }
}

function timestamp(time: Time): unknown {
  if (typeof time !== 'bigint') return { tag: time === 'now' ? 'now' : 'no-change' };
  return { tag: 'timestamp', val: { seconds: time / SECOND, nanoseconds: Number(time % SECOND) } };
}

function toStat(stat: Result<Stat2>, hash: Result<{ readonly lower: bigint }>): FileStat | string {
  if (stat.tag === 'err') return failure(stat);
  const { type, linkCount, size, dataAccessTimestamp, dataModificationTimestamp, statusChangeTimestamp } = stat.val;
  const time = ({ seconds, nanoseconds }: Datetime): bigint => seconds * SECOND + BigInt(nanoseconds);
  return {
    type: TYPES[type] as FileStat['type'],
    number: hash.val.lower,
    links: linkCount,
    size,
    accessed: time(dataAccessTimestamp),
    modified: time(dataModificationTimestamp),
    changed: time(statusChangeTimestamp),
  };
}

filesContract('WASI 0.2', (options) => new Preview2Guest(options));
