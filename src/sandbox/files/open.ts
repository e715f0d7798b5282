import * as Errno from './errno.ts';
import type { FileSystem } from './file-system.ts';
import type { DirectoryInode, FileInode } from './inode.ts';

/** How a file or directory is opened, as `open` has it. */
export interface Opening {
  /** Whether a link that the path ends in is followed. */
  readonly follow: boolean;
  /** A file is made if nothing is there; `exclusive`: and it is a failure if something is. */
  readonly create: boolean;
  readonly exclusive: boolean;
  readonly truncate: boolean;
  /** Only a directory will do. */
  readonly directory: boolean;
  readonly write: boolean;
  /** Asked before anything is changed, with what was found or is about to be made. Throws if it may not be opened. */
  readonly permit?: (type: 'file' | 'directory') => void;
}

/** Opens `path`, which is looked up from `base`. Throws `Errno`, having changed nothing, and `LimitReached`. */
export function open(files: FileSystem, base: DirectoryInode, path: string, opening: Opening): FileInode | DirectoryInode {
  const { create, directory, truncate, permit } = opening;
  const exclusive = create && opening.exclusive;
  const follow = opening.follow ? 'follow' : 'keep';
  const place = create ? files.lookupToCreate(base, path, exclusive ? 'keep' : follow) : files.lookup(base, path, follow);
  const { inode } = place;
  if (inode === undefined) {
    if (!create) throw Errno.NOENT;
    permit?.('file');
    return files.createFile(place);
  }
  if (exclusive) throw Errno.EXIST;
  if (inode.type === 'link') throw Errno.LOOP;
  if (inode.type === 'file' && directory) throw Errno.NOTDIR;
  if (inode.type === 'directory' && !directory && (create || truncate || opening.write)) throw Errno.ISDIR;
  permit?.(inode.type);
  if (inode.type === 'file' && truncate) {
    inode.content.resize(0);
    files.changed(inode);
  }
  return inode;
}
