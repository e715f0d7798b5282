import { basename } from 'node:path';
import type { bindExtensions, BoundExtension } from '../agent/bind-extensions.ts';
import type { Engine } from '../agent/engine.ts';
import type { Execution } from '../agent/exec-plan.ts';
import { checkModule } from '../agent/module-check.ts';
import { requireGranted } from '../agent/permissions.ts';
import { statIndexOf } from '../agent/stat-index.ts';
import type { CID } from '../ipld/cid.ts';
import type { Ipld } from '../ipld/value.ts';
import type { Permission } from '../manifest/model.ts';
import type { Reference } from '../manifest/reference.ts';
import { importFile, importFolder, type ImportOptions } from '../store/import.ts';
import { inputFailure } from '../store/input-file.ts';
import type { Call } from './command.ts';
import type { ExecCall } from './exec-call.ts';
import { isStream, openStream } from './open-stream.ts';

/** Imports the files it names. Throws as `importFile` and `importFolder`, and `MODULE_INVALID`. */
export async function importExecution(call: Call, engine: Engine, words: ExecCall): Promise<Execution & Named> {
  const { dirs, stdin } = words;
  const options = { statIndex: statIndexOf(engine), signal: call.signal };
  const { reference } = words;
  const asked = reference === undefined ? await ofPath(call, engine, words, options) : await ofName(call, engine, words, reference);
  const files: Record<string, CID> = {};
  for (const { host, guest } of dirs) files[guest] = (await importFolder(engine.store, host, options)).cid;
  return {
    ...asked,
    stdin: await importStdin(call, engine, stdin, options),
    files,
    keepFiles: call.value('out') !== undefined,
  };
}

type Asked = Pick<Execution, 'name' | 'module' | 'args' | 'env' | 'extensions' | 'grants' | 'limits'> & Pick<Named, 'bound'>;

interface Named {
  /** The extensions of a named module. */
  readonly bound: readonly BoundExtension[];
}

async function ofPath(call: Call, engine: Engine, { module: path, env, grants, limits }: ExecCall, options: ImportOptions): Promise<Asked> {
  const { cid: module } = await importFile(engine.store, path, options);
  await checkModule(engine, module, path);
  return { name: basename(path), module, args: call.rest ?? [], env, extensions: {}, bound: [], grants, limits };
}

/** What the manifest says counts where the call says nothing. */
async function ofName(call: Call, engine: Engine, { env, grants, permissions, limits }: ExecCall, reference: Reference): Promise<Asked> {
  // Loaded only here, for it brings a reader of TOML.
  const { find, read } = await import('../agent/named-modules.ts');
  const found = find(engine, reference);
  const { manifest } = await read(engine, found);
  const name = `${found.shown}@${found.version}`;
  const { covers } = await import('../manifest/permission.ts');
  const isGranted = (asked: Permission): boolean => permissions.some((granted) => covers(granted, asked));
  requireGranted(name, manifest, { isGranted, advice: (permission) => `If you trust it: --grant ${permission}` });
  const bound = manifest.permissions.some(({ kind }) => kind === 'extension') ? await bind(engine, found, manifest) : [];
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

async function importStdin(call: Call, engine: Engine, file: string | undefined, options: ImportOptions): Promise<Ipld | undefined> {
  if (file === undefined) return undefined;
  if (!STDIN.has(file) && !isStream(file)) return (await importFile(engine.store, file, options)).cid;
  try {
    if (STDIN.has(file)) return await putStream(engine, call.streams.stdin as AsyncIterable<Uint8Array>, options);
    const source = openStream(file);
    try {
      return await putStream(engine, source, options);
    } finally {
      // Its own disposal complains of what was not read.
      source.destroy();
    }
  } catch (error) {
    throw inputFailure(error, file);
  }
}

async function putStream({ store }: Engine, source: AsyncIterable<Uint8Array>, { signal }: ImportOptions): Promise<CID> {
  return (await store.put(source, signal === undefined ? {} : { signal })).cid;
}
