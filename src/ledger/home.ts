import { accessSync, closeSync, constants, existsSync, fsyncSync, openSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { writeAll } from '../base/write-all.ts';
import { makeFolders } from '../base/make-folders.ts';
import { DocketError, systemCode } from '../errors.ts';
import { type FileSystemProbe, networkFileSystem } from './network-file-system.ts';

/** The folder that holds everything Docket keeps. This file alone knows its layout. */

/** Raised when the layout changes so that older versions must stay away. Formats of the ledger are counted in the ledger. */
const FORMAT = 1;

export interface Paths {
  readonly home: string;
  /** Text file with the number of the layout's format. */
  readonly format: string;
  readonly identity: string;
  readonly ledger: string;
  /** Folder of large blobs. */
  readonly store: string;
  /** Folder of the locks of slots, waiters, claimants and drivers, of the names of runs, and of the file of claims. */
  readonly locks: string;
  /** Folder of marks, one empty file for each module that was decoded and let in; made at the first. */
  readonly modules: string;
  /** The journal of tasks in flight that this home runs for others; made at the first. */
  readonly hosted: string;
  /** The lock of who runs such tasks. */
  readonly hostedLock: string;
  /** The link to the lock of who drives a run. Throws `RUN_UNKNOWN` if that cannot be a run's id. */
  runLock(run: string): string;
  /** The journal of a run's tasks in flight. */
  flight(run: string): string;
}

/** `home`, else `DOCKET_HOME`, else `docket` in the XDG data folder (https://specifications.freedesktop.org/basedir-spec). Empty ones count as absent. */
export function locate({
  home,
  env,
}: {
  readonly home?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
}): string {
  if (home !== undefined && home !== '') return resolve(home);
  if (env.DOCKET_HOME) return resolve(env.DOCKET_HOME);
  // The specification has relative paths ignored.
  const data = env.XDG_DATA_HOME?.startsWith('/') === true ? env.XDG_DATA_HOME : join(env.HOME || homedir(), '.local', 'share');
  return join(data, 'docket');
}

export function paths(home: string): Paths {
  const flights = join(home, FLIGHTS);
  const locks = join(home, 'locks');
  return {
    home,
    format: join(home, 'format'),
    identity: join(home, 'identity.json'),
    ledger: join(home, 'ledger.db'),
    store: join(home, 'store'),
    locks,
    modules: join(home, 'modules'),
    hosted: join(home, 'hosted'),
    hostedLock: join(locks, 'hosted'),
    runLock: (run) => join(locks, `${RUN}${checked(run)}`),
    flight: (run) => join(flights, checked(run)),
  };
}

/** Runs that have a driver or a journal: those under way, and those whose coordinator was killed. */
export function runsUnderWay({ home, locks }: Paths): string[] {
  const locked = readdirSync(locks).flatMap((name) => (name.startsWith(RUN) ? [name.slice(RUN.length)] : []));
  return [...new Set([...locked, ...readdirSync(join(home, FLIGHTS))])].filter((run) => RUN_ID.test(run));
}

/** The folder of the journals. */
export function flightsFolder({ home }: Paths): string {
  return join(home, FLIGHTS);
}

const FLIGHTS = 'flights';
const RUN = 'run-';
const RUN_ID = /^[0-9A-Za-z_-]{1,64}$/;

function checked(run: string): string {
  if (!RUN_ID.test(run)) throw new DocketError('RUN_UNKNOWN', `"${run}" is not the id of a run`);
  return run;
}

interface PrepareOptions {
  /** Default: this system's. */
  readonly probe?: FileSystemProbe;
}

/**
 * Makes the home ready for use, creating what is missing, private to the user. Throws `HOME_NETWORK`, `HOME_NEWER` and `HOME_UNUSABLE`
 * before anything in it is changed; `STORE_FULL`.
 */
export async function prepare(home: string, { probe }: PrepareOptions = {}): Promise<Paths> {
  const found = paths(resolve(home));
  try {
    refuseNetwork(found.home, probe);
    makeFolders(found.home, 0o700);
    accessSync(found.home, constants.R_OK | constants.W_OK | constants.X_OK);
    settleFormat(found);
    for (const folder of [found.store, found.locks, join(found.home, FLIGHTS)]) makeFolders(folder, 0o700);
  } catch (cause) {
    throw explain(found.home, cause);
  }
  return found;
}

/** Whether there is a home that can be read and not be written. */
export function isReadOnly(home: string): boolean {
  const { format, ledger, locks, store } = paths(resolve(home));
  return existsSync(format) && [resolve(home), ledger, locks, store].some((path) => existsSync(path) && !isWritable(path));
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** As `prepare` for a home that is only to be looked at: nothing in it is changed. */
export function prepareReading(home: string, { probe }: PrepareOptions = {}): Paths {
  const found = paths(resolve(home));
  try {
    refuseNetwork(found.home, probe);
    accessSync(found.home, constants.R_OK | constants.X_OK);
    checkFormat(found, readIfPresent(found.format).trim());
  } catch (cause) {
    throw explain(found.home, cause);
  }
  return found;
}

/** The file is written at the first use. Two processes at a time write the same; one that was killed before writing leaves it empty. */
function settleFormat(found: Paths): void {
  const text = readIfPresent(found.format).trim();
  if (text !== '') return checkFormat(found, text);
  refuseForeign(found.home);
  writeDurably(found.format, `${FORMAT}\n`);
}

function checkFormat({ home, format }: Paths, text: string): void {
  if (!/^[0-9]{1,9}$/.test(text))
    throw new DocketError('HOME_UNUSABLE', `${format} does not hold a format number: this is no home of Docket, or a damaged one`);
  if (Number(text) > FORMAT) {
    throw new DocketError('HOME_NEWER', `${home} has format ${text}; this Docket knows formats up to ${FORMAT}`, {
      details: { format: Number(text), known: FORMAT },
    });
  }
}

function refuseNetwork(home: string, probe: FileSystemProbe | undefined): void {
  const network = networkFileSystem(home, probe);
  if (network === undefined) return;
  throw new DocketError('HOME_NETWORK', `${home} is on a network file system (${network}), where the ledger would break`, {
    details: { network },
  });
}

/** Keeps a mistyped --home from filling a folder that serves for something else. */
function refuseForeign(home: string): void {
  // The settings of an agent may be there before its home is.
  const own = new Set(['format', 'lost+found', 'agent.toml']);
  const foreign = readdirSync(home).find((name) => !own.has(name));
  if (foreign === undefined) return;
  throw new DocketError('HOME_UNUSABLE', `${home} is no home of Docket and not empty: it holds "${foreign}"`, {
    next: 'Name an empty folder, or one that is not there yet, with --home or DOCKET_HOME.',
  });
}

function readIfPresent(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return '';
    throw error;
  }
}

/** Nothing else is made in the home before this is on disk, or after a power cut the home would look foreign. */
function writeDurably(path: string, text: string): void {
  const descriptor = openSync(path, constants.O_WRONLY | constants.O_CREAT, 0o600);
  try {
    writeAll(descriptor, Buffer.from(text));
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  const folder = openSync(join(path, '..'), 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

function explain(home: string, cause: unknown): unknown {
  if (cause instanceof DocketError) return cause;
  const code = systemCode(cause);
  const unusable = (why: string): DocketError =>
    new DocketError('HOME_UNUSABLE', `the home folder ${home} cannot be used: ${why}`, { cause });
  switch (code) {
    case 'EROFS':
      return unusable('it is on a read-only file system');
    case 'EACCES':
    case 'EPERM':
      return unusable('no permission to write there');
    case 'EEXIST':
    case 'ENOTDIR':
      return unusable(isFile(home) ? 'it is a file' : 'a file stands where a folder is needed');
    case 'ENOSPC':
    case 'EDQUOT':
      return new DocketError('STORE_FULL', `the home folder ${home} cannot be made: the disk is full`, { cause });
    case undefined:
      return cause;
    default:
      return unusable((cause as Error).message);
  }
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}
