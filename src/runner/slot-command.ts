import { existsSync, lstatSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DocketError } from '../errors.ts';

/**
 * The command line of a slot process.
 *
 * Confinement is Node's `--permission`: it may read Docket's own code and the store, write the store, and nothing else; no network, child processes, workers, addons,
 * inspector or WASI of Node's. `node:sqlite` is switched off since it opens files past the permissions (measured with Node 26.10).
 *
 * Death: a process that runs an endless guest cannot notice that Docket was killed, and Node offers no parent-death signal. So a shell stands in
 * front: it leaves a watcher behind that blocks on a pipe only Docket holds open, and becomes the process itself. When the pipe closes, the watcher
 * kills. Both are one process group of their own, which is killed as a whole; while the watcher lives the group's number cannot be given away, so the
 * watcher never hits a stranger. Measured: no time to speak of, 1.7 MB. Rejected: a watchdog worker thread (6 ms, 11 MB, and needs `--allow-worker`);
 * `setpriv --pdeathsig` (as fast, but Linux with util-linux only); a limit on processor time (kills too late, and honest work too).
 */

export const JOBS_FD = 3;
export const RESULTS_FD = 4;
const WATCH_FD = 5;
export const OUTPUT_FD = 6;

/** The watcher lets go of everything but its pipe, or the pipes of a dead process would seem open. No core dumps: they hold what tasks worked on. */
const SHELL = `ulimit -c 0
{ while read -r _; do :; done; kill -9 $$; } <&${WATCH_FD} ${JOBS_FD}<&- ${RESULTS_FD}>&- ${OUTPUT_FD}>&- ${WATCH_FD}<&- >/dev/null 2>&1 &
exec "$@" ${WATCH_FD}<&-`;

export interface SlotCommand {
  readonly file: string;
  readonly args: readonly string[];
}

/** `entry`: the program that is caged, by default that of a slot process; tests probe the cage with programs of their own. */
export function slotCommand(
  storeRoot: string,
  { title = 'docket-slot', entry = entryPath() }: { readonly title?: string; readonly entry?: string } = {},
): SlotCommand {
  const flags = [
    `--title=${title}`,
    '--permission',
    ...readable(storeRoot).map((path) => `--allow-fs-read=${path}`),
    `--allow-fs-write=${storeRoot}`,
    '--no-experimental-sqlite',
    '--no-addons',
    '--disallow-code-generation-from-strings',
    '--expose-gc',
    // Every processor has a slot of its own: threads that help one to collect garbage only disturb another (measured: a sixth of a small task).
    '--single-threaded-gc',
    // A trap or overflow inside host calls must still show which guest function made them.
    '--stack-trace-limit=64',
  ];
  return { file: '/bin/sh', args: ['-c', SHELL, 'docket-slot', process.execPath, ...flags, entry, storeRoot] };
}

/** Ends as this file does: `.ts` from source, `.js` when built. */
function entryPath(): string {
  return fileURLToPath(import.meta.resolve(`./slot-process${import.meta.url.slice(-3)}`));
}

/** Packages the slot process imports. */
const PACKAGES = ['multiformats', 'picomatch'];

/**
 * The store, and what the program is made of: this package's code and manifest, and the packages it needs, wherever they were installed. A path that another
 * begins with comes before that: in the other order Node forgets it (seen with Node 26.10).
 */
function readable(storeRoot: string): string[] {
  const code = dirname(dirname(fileURLToPath(import.meta.url)));
  const paths = [storeRoot, code, join(dirname(code), 'package.json'), ...PACKAGES.flatMap(packageFolders)];
  return [...new Set(paths)].toSorted((a, b) => a.length - b.length);
}

/**
 * Where Node looks for a package, from here upward to where it is, and what that is a link to (workspaces, pnpm). Looking where nothing is must be
 * allowed too: else resolving ends there with an access error.
 */
function packageFolders(name: string): string[] {
  const looked: string[] = [];
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    const candidate = join(folder, 'node_modules', name);
    looked.push(candidate);
    if (existsSync(candidate)) {
      // A `node_modules` that is a link itself (worktrees that share one) is read as such.
      if (lstatSync(dirname(candidate)).isSymbolicLink()) looked.push(dirname(candidate));
      return [...looked, realpathSync(candidate)];
    }
    if (folder === dirname(folder)) throw new DocketError('INTERNAL', `the package ${name} is not installed`);
  }
}
