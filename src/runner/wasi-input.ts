import * as Cid from '../ipld/cid.ts';
import { type Ipld, isLink, isList, isMap } from '../ipld/value.ts';
import type { MountEntry } from '../sandbox/files/mount.ts';
import { MOST_EXTENSIONS } from '../workflow/input.ts';
import { isOfHost } from '../sandbox/module/host-modules.ts';
import type { Tree } from '../store/tree.ts';
import { clip, Refusal } from './refusal.ts';

/** The input of `wasi/run`, decoded; promises are resolved, so any value may stand where one was. */
export interface WasiInput {
  /** Without the program's name. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: { readonly blob: Cid.CID } | { readonly bytes: Uint8Array } | undefined;
  /** By guest path. */
  readonly files: Readonly<Record<string, MountEntry>>;
  readonly outputs: readonly string[];
  /** Modules whose functions the command imports, by the name it imports them from. */
  readonly extensions: ReadonlyMap<string, Cid.CID>;
}

type ReadTree = (cid: Cid.CID) => Tree;

/** Throws `Refusal`, code `invalid`, naming the key or path at fault. */
export function parseWasiInput(input: Ipld, readTree: ReadTree): WasiInput {
  if (!isMap(input)) throw refuse('the input must be a map');
  // `grant` was read by whoever made the job, and stands in it.
  const { args, env, stdin, files, outputs, extensions, grant: _, ...rest } = input;
  const unknown = Object.keys(rest);
  if (unknown.length > 0) throw refuse(`wasi/run knows no input ${unknown.map((key) => JSON.stringify(clip(key))).join(', ')}`);
  return {
    args: texts(args, 'args'),
    env: variables(env),
    stdin: stdin === undefined ? undefined : stream(stdin),
    files: files === undefined ? {} : mounts(files, readTree),
    outputs: texts(outputs, 'outputs'),
    extensions: extensions === undefined ? new Map() : modules(extensions),
  };
}

function texts(value: Ipld | undefined, key: string): readonly string[] {
  if (value === undefined) return [];
  if (isList(value) && value.every((item) => typeof item === 'string' && !item.includes('\0'))) return value as readonly string[];
  throw refuse(`"${key}" must be a list of strings without NUL`);
}

function variables(value: Ipld | undefined): Readonly<Record<string, string>> {
  if (value === undefined) return {};
  if (!isMap(value)) throw refuse('"env" must be a map of strings');
  for (const [name, text] of Object.entries(value)) {
    const isFine = name !== '' && !/[=\0]/.test(name) && typeof text === 'string' && !text.includes('\0');
    if (!isFine) throw refuse(`"env" has a wrong entry ${JSON.stringify(clip(name))}`);
  }
  return value as Readonly<Record<string, string>>;
}

function modules(value: Ipld): Map<string, Cid.CID> {
  if (!isMap(value)) throw refuse('"extensions" must be a map from names to modules');
  const entries = Object.entries(value);
  if (entries.length > MOST_EXTENSIONS) throw refuse(`a task may have ${MOST_EXTENSIONS} extensions, not ${entries.length}`);
  return new Map(
    entries.map(([name, module]) => {
      if (isOfHost(name)) throw refuse(`"extensions" has the name ${JSON.stringify(name)}, which is the host's`);
      if (!isLink(module) || !Cid.isBlob(module)) throw refuse(`the extension ${JSON.stringify(clip(name))} must be a link to a blob`);
      return [name, module];
    }),
  );
}

function stream(value: Ipld): NonNullable<WasiInput['stdin']> {
  const entry = leaf(value);
  if (entry !== undefined && 'bytes' in entry) return { bytes: entry.bytes };
  if (entry !== undefined && 'blob' in entry) return { blob: entry.blob };
  throw refuse(`"stdin" ${notAFile(value)}`);
}

/** A list stands below its path, as `0000`, `0001`, …: padded so that sorted by name is sorted by place. */
function mounts(files: Ipld, readTree: ReadTree): Record<string, MountEntry> {
  if (!isMap(files)) throw refuse('"files" must be a map from paths to files');
  const found: [string, MountEntry][] = [];
  for (const [path, value] of Object.entries(files)) {
    if (!isList(value)) {
      found.push([path, mountOne(path, value, readTree)]);
      continue;
    }
    const folder = path.endsWith('/') ? path : `${path}/`;
    const width = Math.max(4, String(value.length - 1).length);
    found.push([folder, { directory: true }]);
    for (const [i, item] of value.entries()) {
      const itemPath = `${folder}${String(i).padStart(width, '0')}`;
      found.push([itemPath, mountOne(itemPath, item, readTree)]);
    }
  }
  return Object.fromEntries(found);
}

function mountOne(path: string, value: Ipld, readTree: ReadTree): MountEntry {
  if (isLink(value) && Cid.isTree(value)) return { tree: readTree(value) };
  if (isMap(value) && value['directory'] === true && Object.keys(value).length === 1) return { directory: true };
  const entry = leaf(value);
  if (entry === undefined) throw refuse(`the file ${JSON.stringify(clip(path))} ${notAFile(value)}`);
  if (path.endsWith('/')) throw refuse(`${JSON.stringify(clip(path))} ends with a slash but is one file`);
  return entry;
}

/** The forms of one file: text, bytes, a link to a blob, or an entry as it stands in a tree. */
function leaf(value: Ipld): Extract<MountEntry, { blob: unknown } | { bytes: unknown } | { link: unknown }> | undefined {
  if (typeof value === 'string') return { bytes: Buffer.from(value) };
  if (value instanceof Uint8Array) return { bytes: value };
  if (isLink(value)) return Cid.isBlob(value) ? { blob: value } : undefined;
  if (!isMap(value)) return undefined;
  const { cid, size, executable, link } = value;
  switch (Object.keys(value).sort().join()) {
    case 'cid,executable,size':
      if (!isLink(cid) || !Cid.isBlob(cid) || !Number.isSafeInteger(size) || (size as number) < 0 || typeof executable !== 'boolean')
        return undefined;
      return { blob: cid, size: size as number, executable };
    case 'link':
      return typeof link === 'string' && link !== '' ? { link } : undefined;
    default:
      return undefined;
  }
}

function notAFile(value: Ipld): string {
  const what =
    value === null
      ? 'null'
      : isLink(value)
        ? `the link ${value}`
        : isList(value)
          ? 'a list'
          : typeof value === 'object'
            ? 'a map'
            : `the value ${String(value)}`;
  return `is ${what}: it must be a string, bytes, a link to a blob, or a file entry of a tree`;
}

function refuse(message: string): Refusal {
  return new Refusal('invalid', message);
}
