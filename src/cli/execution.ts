import { basename } from 'node:path';
import type { bindExtensions, BoundExtension } from '../agent/bind-extensions.ts';
import type { Execution } from '../agent/exec-plan.ts';
import { requireGranted } from '../agent/permissions.ts';
import type { CID } from '../ipld/cid.ts';
import type { Ipld } from '../ipld/value.ts';
import type { Permission } from '../manifest/model.ts';
import { importFile, importFolder, type ImportOptions } from '../store/import.ts';
import { inputFailure } from '../store/input-file.ts';
import type { Call } from './command.ts';
import type { ExecCall } from './exec-call.ts';
import type { Desk } from './desk.ts';
import { isStream, openStream } from './open-stream.ts';

/** Imports the files it names. Throws as `importFile` and `importFolder`, and `MODULE_INVALID`. */
export async function importExecution(call: Call, desk: Desk, words: ExecCall): Promise<Execution & Named> {
  const { dirs, stdin } = words;
  const options = importOptions(call, desk);
  const asked = words.reference === undefined ? await ofPath(call, desk, words, options) : await ofName(call, desk, words);
  const files: Record<string, CID> = {};
  for (const { host, guest } of dirs) files[guest] = (await importFolder(desk.store, host, options)).cid;
  return {
    ...asked,
    stdin: await importStdin(call, desk, stdin, options),
    files,
    keepFiles: call.value('out') !== undefined,
  };
}

/** How files of the user's are imported at a desk. */
export function importOptions({ signal }: Pick<Call, 'signal'>, { importer: { statIndex } }: Pick<Desk, 'importer'>): ImportOptions {
  return { signal, ...(statIndex === undefined ? {} : { statIndex }) };
}

type Asked = Pick<Execution, 'name' | 'module' | 'args' | 'env' | 'extensions' | 'grants' | 'limits'> & Pick<Named, 'bound'>;

interface Named {
  /** The extensions of a named module. */
  readonly bound: readonly BoundExtension[];
}

async function ofPath(call: Call, desk: Desk, { module: path, env, grants, limits }: ExecCall, options: ImportOptions): Promise<Asked> {
  const { cid: module } = await importFile(desk.store, path, options);
  await desk.importer.checkModule(module, path, path);
  return { name: basename(path), module, args: call.rest ?? [], env, extensions: {}, bound: [], grants, limits };
}

/** What the manifest says counts where the call says nothing. */
async function ofName(call: Call, desk: Desk, { module: reference, env, grants, permissions, limits }: ExecCall): Promise<Asked> {
  // Loaded only here, for it brings a reader of TOML.
  const { parse } = await import('../manifest/parse.ts');
  const { modules } = await desk.records();
  const found = await modules.find(reference);
  const manifest = parse(Buffer.from(await desk.store.read(found.manifest)).toString(), `${found.shown}.toml`);
  const name = `${found.shown}@${found.version}`;
  const { covers } = await import('../manifest/permission.ts');
  const isGranted = (asked: Permission): boolean => permissions.some((granted) => covers(granted, asked));
  requireGranted(name, manifest, { isGranted, advice: (permission) => `If you trust it: --grant ${permission}` });
  const bound = manifest.permissions.some(({ kind }) => kind === 'extension')
    ? await bind({ find: (asked) => modules.find(asked), store: desk.store }, found, manifest)
    : [];
  return {
    name,
    bound,
    extensions: Object.fromEntries(bound.map(({ name: from, module }) => [from, module])),
    module: found.module,
    args: call.rest ?? manifest.args,
    env: { ...manifest.env, ...env },
    grants,
    limits: { ...manifest.limits, ...limits },
  };
}

async function bind(...args: Parameters<typeof bindExtensions>): Promise<readonly BoundExtension[]> {
  return await (await import('../agent/bind-extensions.ts')).bindExtensions(...args);
}

/** Other names of our stdin, which cannot be opened anew where it is a socket. */
const STDIN = new Set(['-', '/dev/stdin', '/dev/fd/0', '/proc/self/fd/0']);

/** Whether all it names can be read a second time. */
export function canImportAgain({ stdin }: ExecCall): boolean {
  return stdin === undefined || (!STDIN.has(stdin) && !isStream(stdin));
}

async function importStdin(call: Call, desk: Desk, file: string | undefined, options: ImportOptions): Promise<Ipld | undefined> {
  if (file === undefined) return undefined;
  if (!STDIN.has(file) && !isStream(file)) return (await importFile(desk.store, file, options)).cid;
  return (await desk.store.put(readStdin(call, file), options)).cid;
}

/** What is to be stdin, as it comes. Throws as `inputFailure`. */
export async function* readStdin(call: Call, file: string): AsyncGenerator<Uint8Array> {
  const source = STDIN.has(file) ? undefined : openStream(file);
  try {
    yield* (source ?? call.streams.stdin) as AsyncIterable<Uint8Array>;
  } catch (error) {
    throw inputFailure(error, file);
  } finally {
    // Its own disposal complains of what was not read.
    source?.destroy();
  }
}
