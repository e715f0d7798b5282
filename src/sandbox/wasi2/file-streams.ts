import type { Content } from '../files/content.ts';
import type { FileSystem } from '../files/file-system.ts';
import type { FileInode } from '../files/inode.ts';
import type { OpenFile } from './open-files.ts';
import type { InputStream, OutputStream } from './streams.ts';

/** Reads a content on from a position. At the end it goes on if the content becomes longer. */
export class ContentInput implements InputStream {
  readonly #content: Content;
  #position: number;

  constructor(content: Content, position = 0) {
    this.#content = content;
    this.#position = position;
  }

  read(most: number): Uint8Array {
    const bytes = new Uint8Array(this.#left(most));
    this.#position += this.#content.read(bytes, 0, bytes.length, this.#position);
    return bytes;
  }

  skip(most: number): number {
    const count = this.#left(most);
    this.#position += count;
    return count;
  }

  #left(most: number): number {
    return Math.min(most, Math.max(0, this.#content.size - this.#position));
  }
}

export class FileInput extends ContentInput implements Disposable {
  readonly #open: OpenFile<FileInode>;

  constructor(open: OpenFile<FileInode>, position: number) {
    super(open.inode.content, position);
    this.#open = open.hold();
  }

  [Symbol.dispose](): void {
    this.#open.release();
  }
}

/** Writes a file on from a position, or always at its end. */
export class FileOutput implements OutputStream, Disposable {
  readonly #open: OpenFile<FileInode>;
  readonly #files: FileSystem;
  #position: number | 'end';

  constructor(open: OpenFile<FileInode>, files: FileSystem, position: number | 'end') {
    this.#open = open.hold();
    this.#files = files;
    this.#position = position;
  }

  /** Throws `LimitReached`, EFBIG. */
  write(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    const { inode } = this.#open;
    const at = this.#position === 'end' ? inode.content.size : this.#position;
    inode.content.write(bytes, 0, bytes.length, at);
    this.#files.changed(inode);
    if (this.#position !== 'end') this.#position = at + bytes.length;
  }

  [Symbol.dispose](): void {
    this.#open.release();
  }
}
