import * as Errno from '../files/errno.ts';
import type { FileSystem } from '../files/file-system.ts';
import type { DirectoryInode, FileInode } from '../files/inode.ts';

type Openable = FileInode | DirectoryInode;

/**
 * A file or directory that is open: for its descriptor and for the streams made of it, in whichever order these go. It counts once, however many they are.
 *
 * Invariant: it holds its inode for as long as anybody holds it.
 */
export class OpenFile<I extends Openable = Openable> {
  readonly inode: I;
  readonly #close: () => void;
  #holders = 0;

  constructor(inode: I, close: () => void) {
    this.inode = inode;
    this.#close = close;
  }

  hold(): this {
    this.#holders++;
    return this;
  }

  release(): void {
    if (--this.#holders === 0) this.#close();
  }
}

/** What a component has open of the files of its task: never more than its limit. */
export class OpenFiles {
  readonly files: FileSystem;
  readonly #limit: number;
  #open: number;

  /** `open`: how many are open at the start, the standard streams. */
  constructor(files: FileSystem, limit: number, open: number) {
    this.files = files;
    this.#limit = limit;
    this.#open = open;
  }

  /** Throws EMFILE if nothing more may be opened, so that nothing is created for it. */
  checkRoom(): void {
    if (this.#open >= this.#limit) throw Errno.MFILE;
  }

  open<I extends Openable>(inode: I): OpenFile<I> {
    this.checkRoom();
    this.#open++;
    this.files.hold(inode);
    return new OpenFile(inode, () => {
      this.#open--;
      this.files.release(inode);
    });
  }
}
