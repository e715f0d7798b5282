import type { Engine } from '../agent/engine.ts';
import type { Execution } from '../agent/exec-plan.ts';
import { checkModule } from '../agent/module-check.ts';
import { statIndexOf } from '../agent/stat-index.ts';
import { parseDuration, parseSize } from '../base/units.ts';
import { DocketError, isDocketError } from '../errors.ts';
import type { CID } from '../ipld/cid.ts';
import type { Ipld } from '../ipld/value.ts';
import { importFile, importFolder, type ImportOptions } from '../store/import.ts';
import { inputFailure } from '../store/input-file.ts';
import { type Limits, toMeta } from '../workflow/limits.ts';
import { GRANTS } from '../workflow/policy.ts';
import { didYouMean } from '../workflow/suggest.ts';
import type { Call } from './command.ts';
import { isStream, openStream } from './open-stream.ts';
import { measured, pairs } from './option-values.ts';

/** The words and options of `docket exec`, checked before anything is opened. */
export interface ExecCall {
  readonly module: string;
  readonly dirs: readonly Mount[];
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: string | undefined;
  readonly grants: readonly string[];
  readonly limits: Partial<Limits>;
}

interface Mount {
  readonly host: string;
  /** Relative to the guest's root; `.` is the root itself. */
  readonly guest: string;
}

/** Throws `USAGE`, `LIMIT_REFUSED`. */
export function parseExecCall(call: Call): ExecCall {
  const module = call.words[0]!;
  if (!module.includes('/') && !module.endsWith('.wasm')) {
    throw call.usage(`"${module}" is no path of a module`, `A path holds a slash or ends in .wasm: try ./${module}`);
  }
  const limits = parseLimits(call);
  return { module, dirs: parseDirs(call), env: pairs(call, 'env'), stdin: call.value('stdin'), grants: parseGrants(call), limits };
}

/** Imports the files it names. Throws as `importFile` and `importFolder`, and `MODULE_INVALID`. */
export async function importExecution(
  call: Call,
  engine: Engine,
  { module, dirs, env, stdin, grants, limits }: ExecCall,
): Promise<Execution> {
  const options = { statIndex: statIndexOf(engine), signal: call.signal };
  const files: Record<string, CID> = {};
  for (const { host, guest } of dirs) files[guest] = (await importFolder(engine.store, host, options)).cid;
  return {
    module: await importModule(engine, module, options),
    args: call.rest ?? [],
    env,
    stdin: await importStdin(call, engine, stdin, options),
    files,
    keepFiles: call.value('out') !== undefined,
    grants,
    limits,
  };
}

async function importModule(engine: Engine, path: string, options: ImportOptions): Promise<CID> {
  const { cid } = await importFile(engine.store, path, options);
  await checkModule(engine, cid, path);
  return cid;
}

/** Other names of our stdin, which cannot be opened anew where it is a socket. */
const STDIN = new Set(['-', '/dev/stdin', '/dev/fd/0', '/proc/self/fd/0']);

/** Whether all it names can be read a second time. */
export function canImportAgain({ stdin }: ExecCall): boolean {
  return stdin === undefined || (!STDIN.has(stdin) && !isStream(stdin));
}

async function importStdin(call: Call, engine: Engine, file: string | undefined, options: ImportOptions): Promise<Ipld | undefined> {
  if (file === undefined) return undefined;
  if (!STDIN.has(file) && !isStream(file)) return (await importFile(engine.store, file, options)).cid;
  try {
    if (STDIN.has(file)) return await putStream(engine, call.streams.stdin as AsyncIterable<Uint8Array>, options);
    await using source = openStream(file);
    return await putStream(engine, source, options);
  } catch (error) {
    throw inputFailure(error, file);
  }
}

async function putStream({ store }: Engine, source: AsyncIterable<Uint8Array>, { signal }: ImportOptions): Promise<CID> {
  return (await store.put(source, signal === undefined ? {} : { signal })).cid;
}

function parseDirs(call: Call): Mount[] {
  const mounts = call.values('dir').map((text) => parseDir(call, text));
  const twice = mounts.find(({ guest }, i) => mounts.findIndex((other) => other.guest === guest) < i);
  if (twice !== undefined)
    throw call.usage(`two --dir stand at ${twice.guest} for the guest`, `Say where else: --dir ${twice.host}::/other`);
  return mounts;
}

/** Without a guest path the folder stands where it does on the host, below the guest's root. */
function parseDir(call: Call, text: string): Mount {
  const at = text.indexOf('::');
  const host = at < 0 ? text : text.slice(0, at);
  const parts = (at < 0 ? text : text.slice(at + 2)).split('/').filter((part) => part !== '' && part !== '.');
  if (host === '') throw call.usage(`--dir ${text} names no folder`);
  if (parts.includes('..'))
    throw call.usage(`--dir ${text}: a guest path must be inside its root`, `Say where it stands for the guest: --dir ${host}::/data`);
  return { host, guest: parts.length === 0 ? '.' : parts.join('/') };
}

function parseGrants(call: Call): string[] {
  const grants = call.values('grant').flatMap((list) => list.split(','));
  const unknown = grants.find((grant) => !GRANTS.some((known) => known === grant));
  if (unknown !== undefined)
    throw call.usage(`there is no grant "${unknown}"${didYouMean(unknown, GRANTS)}`, `There are: ${GRANTS.join(', ')}.`);
  return grants;
}

function parseLimits(call: Call): Partial<Limits> {
  const limits = {
    memory: measured(call, 'memory', parseSize, '64MiB'),
    time: measured(call, 'time', parseDuration, '10s'),
    output: measured(call, 'output', parseSize, '16MiB'),
    openFiles: measured(call, 'open-files', parseCount, '64'),
  };
  const given = Object.fromEntries(Object.entries(limits).filter(([, amount]) => amount !== undefined));
  try {
    toMeta(given);
    return given;
  } catch (error) {
    if (!isDocketError(error, 'LIMIT_REFUSED')) throw error;
    const option = error.details['limit'] === 'openFiles' ? 'open-files' : String(error.details['limit']);
    throw new DocketError('LIMIT_REFUSED', `--${option} ${call.value(option)} is out of range`, {
      next: error.next,
      details: error.details,
    });
  }
}

function parseCount(text: string): number | undefined {
  return /^[0-9]{1,9}$/.test(text) ? Number(text) : undefined;
}
