import { lstat, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Engine } from '../../agent/engine.ts';
import { statIndexOf } from '../../agent/stat-index.ts';
import { formatSize } from '../../base/units.ts';
import { DocketError } from '../../errors.ts';
import * as Cid from '../../ipld/cid.ts';
import { exportBlob, exportTree } from '../../store/export.ts';
import { importFile, importFolder } from '../../store/import.ts';
import * as Tree from '../../store/tree.ts';
import type { Call, Command } from '../command.ts';
import { openEngine } from '../open-engine.ts';
import { jsonLine } from '../present.ts';
import { writeTo } from './logs.ts';

type Verb = (call: Call, engine: Engine, words: readonly string[]) => Promise<number>;

const VERBS: Readonly<Record<string, Verb>> = { put, get, cat, ls, stat: statBlob, verify };

export const command: Command = {
  summary: 'Put files into the blob store, take them out, look at them, check them.',
  usage: 'put|get|cat|ls|stat|verify WORDS…',
  words: [1, 10_000],
  options: { force: { type: 'flag', help: 'get: replace what is there' } },
  help: `
put PATH…      store files and folders (\`-\` is stdin); prints their CIDs
get CID PATH   write a blob to a file, or a tree to a folder
cat CID        print a blob
ls [TREE]      list a tree, or every blob of the store
stat CID       kind and size
verify [CID…]  read every byte and check it, of these blobs or of the whole store; damaged ones are set aside`,
  async run(call) {
    const [verb, ...words] = call.words;
    const act = Object.hasOwn(VERBS, verb!) ? VERBS[verb!] : undefined;
    if (act === undefined) throw new DocketError('USAGE', `docket store takes ${Object.keys(VERBS).join(', ')}, not "${verb}"`);
    await using engine = await openEngine(call);
    return await act(call, engine, words);
  },
};

async function put(call: Call, engine: Engine, paths: readonly string[]): Promise<number> {
  if (paths.length === 0) throw new DocketError('USAGE', 'docket store put needs files or folders, or - for stdin');
  const statIndex = statIndexOf(engine);
  const options = { statIndex, signal: call.signal };
  for (const path of paths) {
    const { cid, size } = await putOne(call, engine, path, options);
    call.streams.stdout.write(call.flag('json') ? jsonLine({ path, cid: cid.toString(), size }) : paths.length === 1 ? `${cid}\n` : `${cid}  ${path}\n`);
  }
  return 0;
}

async function putOne(
  call: Call,
  engine: Engine,
  path: string,
  options: { readonly statIndex: ReturnType<typeof statIndexOf>; readonly signal: AbortSignal },
): Promise<{ readonly cid: Cid.CID; readonly size: number }> {
  if (path === '-') return engine.store.put(call.streams.stdin as AsyncIterable<Uint8Array>, { signal: call.signal });
  const isFolder = await stat(path).then(
    (found) => found.isDirectory(),
    (cause: Error) => {
      throw new DocketError('INPUT_UNREADABLE', `cannot read ${path}: ${cause.message}`, { cause });
    },
  );
  if (!isFolder) return importFile(engine.store, path, options);
  const { cid, bytes } = await importFolder(engine.store, path, options);
  return { cid, size: bytes };
}

async function get(call: Call, engine: Engine, words: readonly string[]): Promise<number> {
  const [cid, path] = [cidWord(words, 2, 'get CID PATH'), words[1]!];
  const options = { replace: call.flag('force') };
  if (Cid.isTree(cid)) await exportTree(engine.store, cid, path, options);
  else {
    const into = await lstat(path).then((found) => found.isDirectory(), () => false);
    await exportBlob(engine.store, cid, into ? join(path, cid.toString()) : path, options);
  }
  return 0;
}

async function cat(call: Call, engine: Engine, words: readonly string[]): Promise<number> {
  await writeTo(engine, cidWord(words, 1, 'cat CID'), call.streams.stdout);
  return 0;
}

async function ls(call: Call, engine: Engine, words: readonly string[]): Promise<number> {
  const { stdout } = call.streams;
  if (words.length > 0) {
    const tree = Tree.decode(await engine.store.read(cidWord(words, 1, 'ls [TREE]')));
    for (const [path, entry] of Object.entries(tree)) {
      const file = 'cid' in entry ? { cid: entry.cid.toString(), size: entry.size, executable: entry.executable } : entry;
      if (call.flag('json')) stdout.write(jsonLine({ path, ...file }));
      else if ('cid' in entry) stdout.write(`${entry.cid}  ${String(entry.size).padStart(12)}  ${path}${entry.executable ? ' *' : ''}\n`);
      else stdout.write(`${''.padEnd(59)}  ${''.padStart(12)}  ${path}${'link' in entry ? ` → ${entry.link}` : '/'}\n`);
    }
    return 0;
  }
  let count = 0;
  let bytes = 0;
  for await (const { cid, size } of engine.store.list()) {
    count++;
    bytes += size;
    stdout.write(call.flag('json') ? jsonLine({ cid: cid.toString(), size }) : `${cid}  ${size}\n`);
  }
  if (!call.flag('json')) call.streams.stderr.write(`${count} blobs, ${formatSize(bytes)}\n`);
  return 0;
}

async function statBlob(call: Call, engine: Engine, words: readonly string[]): Promise<number> {
  const cid = cidWord(words, 1, 'stat CID');
  const found = await engine.store.stat(cid);
  if (found === undefined) throw new DocketError('BLOB_MISSING', `${cid} is not in the store`);
  const kind = Cid.isTree(cid) ? 'tree' : 'blob';
  const sri = Cid.toSri(cid);
  call.streams.stdout.write(call.flag('json') ? jsonLine({ cid: cid.toString(), kind, size: found.size, sri }) : `${kind}  ${found.size} bytes  ${sri}\n`);
  return 0;
}

async function verify(call: Call, engine: Engine, words: readonly string[]): Promise<number> {
  const named = words.map((word) => Cid.parse(word));
  let checked = 0;
  let bad = 0;
  const results = named.length > 0 ? verifyThese(engine, named) : engine.store.verify({ signal: call.signal });
  for await (const { cid, ok } of results) {
    checked++;
    if (!ok) bad++;
    if (call.flag('json')) call.streams.stdout.write(jsonLine({ cid: cid.toString(), ok }));
    else if (!ok) call.streams.stdout.write(`damaged  ${cid}\n`);
  }
  call.streams.stderr.write(`${checked} blobs checked, ${bad} damaged\n`);
  return bad === 0 ? 0 : 1;
}

async function* verifyThese(engine: Engine, cids: readonly Cid.CID[]): AsyncGenerator<{ readonly cid: Cid.CID; readonly ok: boolean }> {
  for (const cid of cids) {
    let ok = true;
    try {
      for await (const chunk of engine.store.get(cid)) void chunk;
    } catch (error) {
      if (!(error instanceof DocketError) || error.code !== 'BLOB_DAMAGED') throw error;
      ok = false;
    }
    yield { cid, ok };
  }
}

function cidWord(words: readonly string[], count: number, usage: string): Cid.CID {
  if (words.length !== count) throw new DocketError('USAGE', `usage: docket store ${usage}`);
  const cid = Cid.parse(words[0]!);
  if (!Cid.isStored(cid)) throw new DocketError('CID_INVALID', `${words[0]} names no blob and no tree`);
  return cid;
}
