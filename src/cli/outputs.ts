import { chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DocketError, isDocketError } from '../errors.ts';
import type { CID } from '../ipld/cid.ts';
import * as Cid from '../ipld/cid.ts';
import * as DagJson from '../ipld/dag-json.ts';
import { type Ipld, type IpldMap, isLink, isList, isMap } from '../ipld/value.ts';
import { exportBlob, exportTree } from '../store/export.ts';
import type { Store } from '../store/store.ts';

/**
 * Outputs as files. Bytes, strings and blobs become a file, trees a folder, lists a folder of numbered entries, maps that hold any of
 * these a folder with an entry per key; whatever else is left becomes a file of DAG-JSON.
 */
export async function writeOutputs(store: Store, outputs: Readonly<Record<string, Ipld>>, dir: string): Promise<void> {
  try {
    await mkdir(dir, { recursive: true });
    for (const [name, value] of Object.entries(outputs)) await write(store, value, join(dir, fileName(name)));
  } catch (cause) {
    if (isDocketError(cause)) throw cause;
    throw new DocketError('OUTPUT_UNWRITABLE', `cannot write outputs to ${dir}: ${(cause as Error).message}`, { cause });
  }
}

async function write(store: Store, value: Ipld, path: string): Promise<void> {
  const file = fileEntry(value);
  if (file !== undefined) {
    await exportBlob(store, file.cid, path, { replace: true });
    if (file.executable) await chmod(path, 0o755);
  } else if (isLink(value) && Cid.isTree(value)) await exportTree(store, value, path, { replace: true });
  else if (isLink(value) && Cid.isStored(value)) await exportBlob(store, value, path, { replace: true });
  else if (value instanceof Uint8Array || typeof value === 'string') await writeFresh(path, value);
  else if (holdsFiles(value)) {
    await mkdir(path, { recursive: true });
    const entries = isList(value) ? value.map((item, i): [string, Ipld] => [String(i).padStart(4, '0'), item]) : Object.entries(value as IpldMap);
    for (const [name, item] of entries) await write(store, item, join(path, fileName(name)));
  } else await writeFresh(path, `${DagJson.encode(value, { indent: 2 })}\n`);
}

/** Replaces whatever file or link is there, without writing through it. */
async function writeFresh(path: string, content: string | Uint8Array): Promise<void> {
  await rm(path, { force: true });
  await writeFile(path, content, { flag: 'wx' });
}

/** An entry of a tree, as a pointer into one gives it. */
function fileEntry(value: Ipld): { readonly cid: CID; readonly executable: boolean } | undefined {
  if (!isMap(value)) return undefined;
  const { cid, size, executable } = value;
  return isLink(cid) && typeof size === 'number' && typeof executable === 'boolean' ? { cid, executable } : undefined;
}

function holdsFiles(value: Ipld): boolean {
  if (isList(value)) return value.some((item) => item instanceof Uint8Array || isLink(item) || holdsFiles(item));
  return isMap(value) && Object.values(value).some((item) => item instanceof Uint8Array || isLink(item) || holdsFiles(item));
}

/** A name of one path part: labels such as `count[docs/a.md]` hold slashes. */
function fileName(name: string): string {
  const safe = name.replaceAll('%', '%25').replaceAll('/', '%2F').replaceAll('\0', '%00');
  return safe === '.' || safe === '..' || safe === '' ? `%${safe}` : safe;
}

/** Outputs for a person: text as it is, the rest described. A single text output is printed bare, so that it can be piped on. */
export function outputText(outputs: Readonly<Record<string, Ipld>>): string {
  const named = Object.entries(outputs);
  const [only] = named;
  const text = named.length === 1 && only !== undefined ? asText(only[1]) : undefined;
  if (text !== undefined) return text === '' || text.endsWith('\n') ? text : `${text}\n`;
  return named.map(([name, value]) => describe(name, value)).join('');
}

function describe(name: string, value: Ipld): string {
  const text = asText(value);
  if (text !== undefined) return text.includes('\n') ? `${name}:\n${text.replace(/^/gm, '  ').trimEnd()}\n` : `${name}: ${text}\n`;
  const file = fileEntry(value);
  if (file !== undefined) return `${name}: ${file.cid} (docket store cat prints it)\n`;
  if (isLink(value)) return `${name}: ${value}${Cid.isTree(value) ? ' (docket store ls lists it)' : ' (docket store cat prints it)'}\n`;
  return `${name}: ${DagJson.encode(value)}\n`;
}

function asText(value: Ipld): string | undefined {
  if (typeof value === 'string') return value;
  if (!(value instanceof Uint8Array)) return undefined;
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(value);
  } catch {
    return undefined;
  }
}
