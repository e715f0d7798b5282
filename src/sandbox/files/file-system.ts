import type { CID } from '../../ipld/cid.ts';
import { type Toll, Uncounted } from '../metering/toll.ts';
import { type Budget, ENTRY_COST } from './budget.ts';
import { Content, type Storage } from './content.ts';
import * as Errno from './errno.ts';
import { addEntry, removeEntry, type DirectoryInode, type Entry, type FileInode, type Inode } from './inode.ts';
import { EPOCH, Inodes } from './inodes.ts';
import { MAX_PATH_BYTES, lookup, type Ending, type Place } from './lookup.ts';
import { expand, mountAll, splitGuestPath, type MountEntry } from './mount.ts';

interface Options extends Storage {
  /** Gives the time that a change is stamped with, nanoseconds since the Unix epoch. */
  readonly now: () => bigint;
  /** What walking costs is taken from it; default: nothing. */
  readonly toll?: Toll;
}

/** What a step of a walk counts for, in bytes: a character of a path or of a link in it, a directory on the way up. */
const STEP_WEIGHT = 64;

/**
 * The files one task sees: a snapshot of blobs, changed in memory only (copy on write), with the semantics of a POSIX
 * file system on one device. Nothing in it refers to a file of the host; links are text that only `lookup` reads.
 * Operations throw `Errno` for the guest and `LimitReached` for the task. Belongs to one task; disposing of it drops all
 * that was written, so outputs are taken first.
 */
export class FileSystem {
  readonly root: DirectoryInode;
  readonly #storage: Storage;
  readonly #inodes = new Inodes();
  readonly #now: () => bigint;
  readonly #toll: Toll;
  /** Files without a name that a descriptor still holds. */
  readonly #orphans = new Set<FileInode>();

  private constructor(options: Options) {
    this.#storage = options;
    this.#now = options.now;
    this.#toll = options.toll ?? new Uncounted();
    this.root = this.#inodes.directory(EPOCH);
    this.root.links = 1;
  }

  /** Paths are guest paths, `/` for the root. Throws `TREE_INVALID`. */
  static mount(entries: Readonly<Record<string, MountEntry>>, options: Options): FileSystem {
    const files = new FileSystem(options);
    mountAll(files.#making, files.root, entries);
    return files;
  }

  /** Content without a place in the file system, for a standard stream: empty, or of a blob or bytes. The caller disposes of it. */
  content(of?: { readonly blob: CID } | { readonly bytes: Uint8Array }): Content {
    if (of === undefined) return Content.empty(this.#storage);
    return 'blob' in of ? Content.blob(this.#storage, of.blob) : Content.bytes(this.#storage, of.bytes);
  }

  get #making(): { readonly inodes: Inodes; readonly storage: Storage } {
    return { inodes: this.#inodes, storage: this.#storage };
  }

  /** What the task holds of the host, also for its standard streams. */
  get budget(): Budget {
    return this.#storage.budget;
  }

  child(directory: DirectoryInode, name: string): Inode | undefined {
    return this.entries(directory).get(name)?.inode;
  }

  entries(directory: DirectoryInode): ReadonlyMap<string, Entry> {
    if (directory.pending !== undefined) expand(this.#making, directory);
    return directory.entries;
  }

  walk(steps: number): void {
    this.#toll.bytes(steps * STEP_WEIGHT);
  }

  lookup(base: DirectoryInode, path: string, ending: Ending): Place {
    return lookup(this, base, path, ending);
  }

  /** The directory at a host-given guest path, for a preopen; undefined if there is none. */
  directoryAt(path: string): DirectoryInode | undefined {
    let directory = this.root;
    for (const name of splitGuestPath(path)) {
      const found = this.child(directory, name);
      if (found?.type !== 'directory') return undefined;
      directory = found;
    }
    return directory;
  }

  /** As `lookup` for a file that is made if it is not there; a slash at the end is EISDIR, whatever is there. */
  lookupToCreate(base: DirectoryInode, path: string, ending: Ending): Place {
    if (!path.endsWith('/')) return this.lookup(base, path, ending);
    this.lookup(base, path, 'entry');
    throw Errno.ISDIR;
  }

  /** Makes an empty file at a place where nothing is. */
  createFile(place: Place): FileInode {
    if (place.slash) throw Errno.ISDIR;
    const file = this.#inodes.file(Content.empty(this.#storage), false, this.#now());
    this.#add(place, file, 0);
    return file;
  }

  createDirectory(base: DirectoryInode, path: string): void {
    const place = this.lookup(base, path, 'entry');
    if (place.inode !== undefined) throw Errno.EXIST;
    this.#add(place, this.#inodes.directory(this.#now()), 0);
  }

  createLink(target: string, base: DirectoryInode, path: string): void {
    const bytes = Buffer.byteLength(target);
    if (bytes === 0) throw Errno.NOENT;
    if (bytes > MAX_PATH_BYTES) throw Errno.NAMETOOLONG;
    const place = this.lookup(base, path, 'entry');
    if (place.inode !== undefined) throw Errno.EXIST;
    if (place.slash) throw Errno.NOENT;
    this.#add(place, this.#inodes.link(target, this.#now()), bytes);
  }

  /** One more name for the inode at `from`. */
  createHardLink(from: Place, base: DirectoryInode, path: string): void {
    if (from.inode === undefined) throw Errno.NOENT;
    if (from.inode.type === 'directory') throw Errno.PERM;
    const place = this.lookup(base, path, 'entry');
    if (place.inode !== undefined) throw Errno.EXIST;
    if (place.slash) throw Errno.NOENT;
    this.#add(place, from.inode, from.inode.type === 'link' ? Buffer.byteLength(from.inode.target) : 0);
    from.inode.ctime = this.#now();
  }

  removeFile(base: DirectoryInode, path: string): void {
    const place = this.lookup(base, path, 'entry');
    if (place.name === undefined) throw Errno.ISDIR;
    if (place.inode === undefined) throw Errno.NOENT;
    if (place.inode.type === 'directory') throw Errno.ISDIR;
    if (place.slash) throw Errno.NOTDIR;
    this.#remove(place.directory, place.name);
  }

  removeDirectory(base: DirectoryInode, path: string): void {
    const place = this.lookup(base, path, 'entry');
    if (place.name === undefined) throw place.dots === '.' ? Errno.INVAL : Errno.NOTEMPTY;
    if (place.inode === undefined) throw Errno.NOENT;
    if (place.inode.type !== 'directory') throw Errno.NOTDIR;
    if (this.entries(place.inode).size > 0) throw Errno.NOTEMPTY;
    this.#remove(place.directory, place.name);
  }

  /** POSIX `rename`: replaces what is at the new place, if it is of the same kind and, for a directory, empty. */
  rename(oldBase: DirectoryInode, oldPath: string, newBase: DirectoryInode, newPath: string): void {
    const from = this.lookup(oldBase, oldPath, 'entry');
    const to = this.lookup(newBase, newPath, 'entry');
    if (from.name === undefined || to.name === undefined) throw Errno.BUSY;
    const moved = from.inode;
    if (moved === undefined) throw Errno.NOENT;
    if (moved.type !== 'directory' && (from.slash || to.slash)) throw Errno.NOTDIR;
    if (moved.type === 'directory' && this.#isWithin(to.directory, moved)) throw Errno.INVAL;
    const replaced = to.inode;
    if (replaced === moved) return;
    if (replaced !== undefined) this.#checkReplace(moved, replaced, from.directory);
    if (to.directory.links === 0) throw Errno.NOENT;

    const entry = from.directory.entries.get(from.name) as Entry;
    const cost = entryCost(to.name, moved.type === 'link' ? Buffer.byteLength(moved.target) : 0);
    this.#storage.budget.charge(cost - entry.cost);
    if (replaced !== undefined) this.#remove(to.directory, to.name);
    removeEntry(from.directory, entry);
    addEntry(to.directory, to.name, moved, cost);
    const now = this.#now();
    moved.ctime = now;
    this.#touch(from.directory, now);
    this.#touch(to.directory, now);
  }

  /** Stamps a file whose bytes were changed. */
  changed(inode: Inode): void {
    this.#touch(inode, this.#now());
  }

  /** Sets times as `utimensat` does; undefined leaves one as it is. */
  setTimes(inode: Inode, atime: bigint | undefined, mtime: bigint | undefined): void {
    if (atime !== undefined) inode.atime = atime;
    if (mtime !== undefined) inode.mtime = mtime;
    inode.ctime = this.#now();
  }

  get now(): bigint {
    return this.#now();
  }

  /** A descriptor was opened on it: it stays, even without a name. */
  hold(inode: Inode): void {
    inode.opens++;
  }

  /** A descriptor on it was closed. */
  release(inode: Inode): void {
    inode.opens--;
    if (inode.type !== 'file' || inode.opens > 0) return;
    if (inode.links > 0) {
      inode.content.idle();
      return;
    }
    this.#orphans.delete(inode);
    inode.content[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    for (const file of this.#orphans) file.content[Symbol.dispose]();
    const pending = [this.root];
    for (let directory = pending.pop(); directory !== undefined; directory = pending.pop()) {
      for (const { inode } of directory.entries.values()) {
        if (inode.type === 'file') inode.content[Symbol.dispose]();
        else if (inode.type === 'directory') pending.push(inode);
      }
    }
  }

  #checkReplace(moved: Inode, replaced: Inode, oldParent: DirectoryInode): void {
    if (replaced.type === 'directory' && this.#isWithin(oldParent, replaced)) throw Errno.NOTEMPTY;
    if (moved.type === 'directory') {
      if (replaced.type !== 'directory') throw Errno.NOTDIR;
      if (this.entries(replaced).size > 0) throw Errno.NOTEMPTY;
    } else if (replaced.type === 'directory') throw Errno.ISDIR;
  }

  #add(place: Place, inode: Inode, extra: number): void {
    if (place.name === undefined) throw Errno.EXIST;
    if (place.directory.links === 0) throw Errno.NOENT;
    const cost = entryCost(place.name, extra);
    this.#storage.budget.charge(cost);
    addEntry(place.directory, place.name, inode, cost);
    this.#touch(place.directory, this.#now());
  }

  #remove(directory: DirectoryInode, name: string): void {
    const entry = directory.entries.get(name) as Entry;
    removeEntry(directory, entry);
    this.#storage.budget.release(entry.cost);
    const now = this.#now();
    entry.inode.ctime = now;
    this.#touch(directory, now);
    if (entry.inode.type !== 'file' || entry.inode.links > 0) return;
    if (entry.inode.opens > 0) this.#orphans.add(entry.inode);
    else entry.inode.content[Symbol.dispose]();
  }

  /** Whether `directory` is `above` or lies somewhere below it. */
  #isWithin(directory: DirectoryInode, above: DirectoryInode): boolean {
    let steps = 1;
    let one = directory;
    for (; one !== above && one.parent !== one; one = one.parent) steps++;
    this.walk(steps);
    return one === above;
  }

  #touch(inode: Inode, now: bigint): void {
    inode.mtime = now;
    inode.ctime = now;
  }
}

function entryCost(name: string, extra: number): number {
  return ENTRY_COST + Buffer.byteLength(name) + extra;
}
