import { readdirSync, statSync, type Dirent } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { systemCode } from '../errors.ts';
import { inputFailure } from './input-file.ts';

/** Folders read between two turns of the loop. */
const PER_TURN = 64;
const SCAN = { unescape: true, nonegate: true };
/** A pattern without any of these is a plain path. */
const MAGIC = /[*?[\]{}()!+@|\\]/;
/** Whether a pattern asks for a name that begins with a dot. */
const NAMES_DOTS = /(^|[/{(,|[\\])\./;

/**
 * The files that match `pattern`, as paths of the pattern's own kind (relative to `root`, or absolute), sorted by code
 * unit. `*`, `?`, `[…]`, `{a,b}`, and `**` over folders; dotfiles only where the pattern has the dot; linked folders are
 * not entered, links to files count as files. Nothing matches: an empty list. `INPUT_UNREADABLE` for a folder that cannot be read.
 */
export async function globFiles(root: string, pattern: string): Promise<string[]> {
  // Only now: most commands have no pattern to match.
  const { default: picomatch } = await import('picomatch');
  const scanned = picomatch.scan(pattern, SCAN);
  const { glob } = scanned;
  const base = baseOf(pattern, scanned.base);
  const start = pattern.startsWith('/') ? base : join(root, base);
  if (glob === '') return isFile(start) ? [base] : [];
  const matches = picomatch(glob, { nonegate: true });
  const withDots = NAMES_DOTS.test(glob);
  const depth = glob.includes('**') || /[({]/.test(glob) ? Infinity : glob.split('/').length;
  const prefix = base === '' || base.endsWith('/') ? base : `${base}/`;
  const found: string[] = [];
  const folders = [{ path: '', level: 1 }];
  let read = 0;
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    if (++read % PER_TURN === 0) await nextTurn();
    for (const entry of list(join(start, folder.path))) {
      if (entry.name.startsWith('.') && !withDots) continue;
      const path = folder.path === '' ? entry.name : `${folder.path}/${entry.name}`;
      if (entry.isDirectory()) {
        if (folder.level < depth) folders.push({ path, level: folder.level + 1 });
      } else if (matches(path) && (entry.isFile() || (entry.isSymbolicLink() && isFile(join(start, path))))) found.push(prefix + path);
    }
  }
  return found.sort();
}

/** The path up to the first part of `pattern` that has wildcards: all that matches lies there. */
export async function globBase(pattern: string): Promise<string> {
  if (!MAGIC.test(pattern)) return pattern;
  const { default: picomatch } = await import('picomatch');
  return baseOf(pattern, picomatch.scan(pattern, SCAN).base);
}

function baseOf(pattern: string, base: string): string {
  return base === '' && pattern.startsWith('/') ? '/' : base;
}

function list(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    // The folder the pattern starts in is not there, or one vanished meanwhile: nothing to match.
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return [];
    throw inputFailure(error, folder);
  }
}

function isFile(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
  } catch (error) {
    // A circle of links.
    if (systemCode(error) === 'ELOOP') return false;
    throw inputFailure(error, path);
  }
}
