import type { Content } from '../files/content.ts';
import * as Errno from '../files/errno.ts';
import type { FileSystem } from '../files/file-system.ts';
import type { DirectoryInode, FileInode } from '../files/inode.ts';

interface Common {
  rights: number;
  inheriting: number;
  flags: number;
}

/** What a descriptor number stands for. Streams are stdin, stdout and stderr: pipes without a place in the file system. */
export type Descriptor = Common &
  (
    | { readonly kind: 'input'; readonly content: Content; position: number }
    | { readonly kind: 'output'; readonly content: Content; readonly wrote: () => void }
    | { readonly kind: 'file'; readonly inode: FileInode; position: number }
    | { readonly kind: 'directory'; readonly inode: DirectoryInode; readonly preopen: string | undefined }
  );

export type DirectoryDescriptor = Descriptor & { readonly kind: 'directory' };
export type FileDescriptor = Descriptor & { readonly kind: 'file' };

/** The descriptor table: lowest free number first, never more open than the limit. Owns a hold on each inode in it. */
export class Descriptors {
  readonly #files: FileSystem;
  readonly #limit: number;
  readonly #slots: (Descriptor | undefined)[] = [];
  #open = 0;
  /** No slot below it is free. */
  #lowest = 0;

  constructor(files: FileSystem, limit: number) {
    this.#files = files;
    this.#limit = limit;
  }

  /** Throws EBADF. */
  get(fd: number): Descriptor {
    const descriptor = this.#slots[fd >>> 0];
    if (descriptor === undefined) throw Errno.BADF;
    return descriptor;
  }

  /** Throws EMFILE if no further descriptor may be opened, so that nothing is created for one. */
  checkRoom(): void {
    if (this.#open >= this.#limit) throw Errno.MFILE;
  }

  add(descriptor: Descriptor): number {
    this.checkRoom();
    let fd = this.#lowest;
    while (this.#slots[fd] !== undefined) fd++;
    this.#slots[fd] = descriptor;
    this.#lowest = fd + 1;
    this.#open++;
    if ('inode' in descriptor) this.#files.hold(descriptor.inode);
    return fd;
  }

  close(fd: number): void {
    const descriptor = this.get(fd);
    const slot = fd >>> 0;
    this.#slots[slot] = undefined;
    if (slot < this.#lowest) this.#lowest = slot;
    this.#open--;
    if ('inode' in descriptor) this.#files.release(descriptor.inode);
  }

  /** Moves `from` to the number `to`, closing what was there; both must be open. */
  renumber(from: number, to: number): void {
    const descriptor = this.get(from);
    const replaced = this.get(to);
    if (descriptor === replaced) return;
    this.#slots[to >>> 0] = descriptor;
    this.#slots[from >>> 0] = undefined;
    if (from >>> 0 < this.#lowest) this.#lowest = from >>> 0;
    this.#open--;
    if ('inode' in replaced) this.#files.release(replaced.inode);
  }

  [Symbol.dispose](): void {
    this.#slots.forEach((descriptor, fd) => {
      if (descriptor !== undefined) this.close(fd);
    });
  }
}
