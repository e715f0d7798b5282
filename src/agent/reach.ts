import { lstatSync, realpathSync } from 'node:fs';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { DocketError, systemCode } from '../errors.ts';

/**
 * Which files of this machine a workflow file may have read: those in its own folder, and those in places that whoever runs it pointed at.
 * Otherwise a workflow from a stranger could put any file of the user's into its outputs. What counts is where a file really lies, with all
 * links followed.
 */
export class Reach {
  readonly #roots: readonly string[];
  /** Where folders really lie. */
  readonly #folders = new Map<string, string>();

  /** Absolute paths of folders with all in them, or of single files. */
  constructor(roots: readonly string[]) {
    this.#roots = roots.map((root) => this.#real(root));
  }

  /** The absolute path of `path`, relative to the absolute `from`. Throws `INPUT_ESCAPES` if it is out of reach, whether it is there or not. */
  resolve(from: string, path: string): string {
    const whole = resolve(from, path);
    const real = this.#real(whole);
    if (this.#roots.some((root) => real === root || real.startsWith(root.endsWith(sep) ? root : root + sep))) return whole;
    const leads = real === path ? '' : `: it is ${real}`;
    throw new DocketError('INPUT_ESCAPES', `${path} lies outside of the folders that this workflow may read${leads}`, {
      next: 'Start docket in a folder that holds it, or make the path an input of the workflow and give it with --input.',
      details: { path: real },
    });
  }

  #real(path: string): string {
    const above = dirname(path);
    if (above === path) return path;
    const lexical = join(this.#realFolder(above), basename(path));
    return isLink(lexical) ? follow(lexical) : lexical;
  }

  /** Files of one folder ask for it once. */
  #realFolder(folder: string): string {
    let real = this.#folders.get(folder);
    if (real === undefined) this.#folders.set(folder, (real = follow(folder)));
    return real;
  }
}

/** As far as it exists. */
function follow(path: string): string {
  try {
    return realpathSync.native(path);
  } catch (error) {
    const above = dirname(path);
    if (systemCode(error) === undefined || above === path) return path;
    return join(follow(above), basename(path));
  }
}

function isLink(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true;
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return false;
  }
}
