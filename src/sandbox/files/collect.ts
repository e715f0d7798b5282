import picomatch from 'picomatch';
import { LimitReached } from './budget.ts';
import type { ContentRef } from './content.ts';
import type { FileSystem } from './file-system.ts';
import type { DirectoryInode, Entry, FileInode } from './inode.ts';
import { MAX_PATH_BYTES } from './lookup.ts';

/**
 * One file, link or empty directory of the task's result; `path` is relative to the root. Hard links share one `content`
 * object, so a spill is handed out once.
 */
export type Output =
  | { readonly kind: 'file'; readonly path: string; readonly content: ContentRef; readonly executable: boolean }
  | { readonly kind: 'link'; readonly path: string; readonly target: string }
  | { readonly kind: 'directory'; readonly path: string };

/**
 * Everything whose path matches one of `globs`, sorted by path, whether the guest made it or it was mounted. A leading slash means nothing; `*` does not
 * match a leading dot; a pattern without wildcards that names a directory takes all below it, dot files too.
 * Throws `LimitReached` if a path is longer than 4096 bytes.
 */
export function outputs(files: FileSystem, globs: readonly string[]): Output[] {
  const patterns = globs.map(compilePattern);
  return collect(files, {
    enters: (path) => patterns.some(({ base }) => base === '' || isBelow(path, base) || isBelow(base, path)),
    takes: (path) => patterns.some(({ matches }) => matches(path)),
  });
}

/** Everything the guest made, renamed or wrote to, sorted by path; removed files are not told. */
export function changes(files: FileSystem): Output[] {
  const made = new Set<DirectoryInode>();
  return collect(files, {
    enters: (_path, { inode, cost }, parent) => {
      if (inode.type !== 'directory') return false;
      const isMade = cost > 0 || made.has(parent);
      if (isMade) made.add(inode);
      return isMade || inode.pending === undefined;
    },
    takes: (_path, { inode, cost }, parent) => cost > 0 || made.has(parent) || (inode.type === 'file' && inode.content.written),
  });
}

interface Chooser {
  /** Whether there may be something to take below this directory. */
  enters(path: string, entry: Entry, parent: DirectoryInode): boolean;
  takes(path: string, entry: Entry, parent: DirectoryInode): boolean;
}

/** Walks with a list of its own, not by recursion: a guest chooses how deep its directories nest. */
function collect(files: FileSystem, chooser: Chooser): Output[] {
  const found: Output[] = [];
  const refs = new Map<FileInode, ContentRef>();
  const pending: { readonly directory: DirectoryInode; readonly prefix: string }[] = [{ directory: files.root, prefix: '' }];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    for (const entry of files.entries(next.directory).values()) {
      const { inode } = entry;
      const path = next.prefix + entry.name;
      if (inode.type === 'directory' && (inode.pending !== undefined || inode.entries.size > 0)) {
        if (chooser.enters(path, entry, next.directory)) pending.push({ directory: inode, prefix: `${checkPath(path)}/` });
      } else if (chooser.takes(path, entry, next.directory)) {
        found.push(outputOf(entry, checkPath(path), refs));
      }
    }
  }
  return found.sort((a, b) => (a.path < b.path ? -1 : 1));
}

function outputOf({ inode }: Entry, path: string, refs: Map<FileInode, ContentRef>): Output {
  if (inode.type === 'directory') return { kind: 'directory', path };
  if (inode.type === 'link') return { kind: 'link', path, target: inode.target };
  const content = refs.get(inode) ?? inode.content.ref();
  refs.set(inode, content);
  return { kind: 'file', path, content, executable: inode.executable };
}

function checkPath(path: string): string {
  if (Buffer.byteLength(path) <= MAX_PATH_BYTES) return path;
  throw new LimitReached('limit/output', `an output has a path of more than ${MAX_PATH_BYTES} bytes: ${path.slice(0, 64)}…`);
}

interface Pattern {
  /** The part before the first wildcard, a whole path; `""` if the pattern may match anywhere. */
  readonly base: string;
  readonly matches: (path: string) => boolean;
}

function compilePattern(glob: string): Pattern {
  const text = glob.replace(/^(?:\.?\/)+/, '').replace(/\/+$/, '');
  if (text === '' || text === '.') return { base: '', matches: () => true };
  const { base, isGlob } = picomatch.scan(text);
  if (!isGlob) return { base: text, matches: (path) => isBelow(path, text) };
  return { base, matches: picomatch(text, { nonegate: true }) };
}

function isBelow(path: string, directory: string): boolean {
  return path === directory || (path.startsWith(directory) && path.charCodeAt(directory.length) === 0x2f);
}
