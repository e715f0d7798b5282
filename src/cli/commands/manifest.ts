import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { didYouMean } from '../../base/suggest.ts';
import * as Cid from '../../ipld/cid.ts';
import type { Manifest } from '../../manifest/model.ts';
import { parse } from '../../manifest/parse.ts';
import { permissionText } from '../../manifest/permission.ts';
import { parseReference } from '../../manifest/reference.ts';
import type { NamedModule } from '../../manifest/row.ts';
import { importFile } from '../../store/import.ts';
import { inputFailure } from '../../store/input-file.ts';
import type { Call, Command } from '../command.ts';
import type { Desk } from '../desk.ts';
import { openDesk } from '../open-desk.ts';
import { importOptions } from '../execution.ts';
import { counted, jsonLine, printable, table } from '../present.ts';
import { fit } from '../text-width.ts';

interface Verb {
  readonly usage: string;
  readonly words: number;
  readonly looksOnly: boolean;
  readonly act: (call: Call, desk: Desk, word: string) => number | Promise<number>;
}

const VERBS: Readonly<Record<string, Verb>> = {
  push: { usage: 'FILE', words: 1, looksOnly: false, act: push },
  ls: { usage: '', words: 0, looksOnly: true, act: ls },
  show: { usage: 'NAME[@VERSION]', words: 1, looksOnly: true, act: show },
  versions: { usage: 'NAME', words: 1, looksOnly: true, act: versions },
  rm: { usage: 'NAME@VERSION', words: 1, looksOnly: false, act: rm },
};

export const command: Command = {
  summary: 'Give WebAssembly modules names and versions, so that they can be run by name.',
  usage: 'push FILE | ls | show NAME[@VERSION] | versions NAME | rm NAME@VERSION',
  words: [1, 2],
  options: { all: { type: 'flag', help: 'rm: every version of the name' } },
  help: `
push FILE            read a manifest (TOML; docs/manifest.md describes it), store its module, and name it; the same again changes nothing
ls                   the newest version of every name
show NAME[@VERSION]  the manifest as it is kept
versions NAME        every version, the newest first
rm NAME@VERSION      take the name away from this version; its blobs stay

VERSION is 1, 1.2 or 1.2.3 (the newest that begins so), latest, or the sha256-… of the module or the manifest; to rm it is that very version, 1 being 1.0.0.
A version never changes once it has its module. \`docket exec NAME\` runs the newest.

Example:
  docket manifest push loudify.toml && echo hello | docket exec sh.serval.loudify`,
  async run(call) {
    const [name, word] = call.words;
    const verb = Object.hasOwn(VERBS, name!) ? VERBS[name!] : undefined;
    const names = Object.keys(VERBS);
    if (verb === undefined) throw call.usage(`takes ${names.join(', ')}, not "${name}"${didYouMean(name!, names)}`);
    if (call.words.length !== verb.words + 1) throw call.usage(`wrong number of words: docket manifest ${name} ${verb.usage}`.trimEnd());
    if (call.flag('all') && name !== 'rm') throw call.usage('--all goes with rm');
    await using desk = await openDesk(call, { lookOnly: verb.looksOnly });
    return await verb.act(call, desk, word ?? '');
  },
};

async function push(call: Call, desk: Desk, file: string): Promise<number> {
  const text = readManifest(file);
  const manifest = parse(text, file);
  const path = resolve(dirname(file), manifest.binary);
  const module = await importFile(desk.store, path, importOptions(call, desk));
  await desk.importer.checkModule(module.cid, manifest.binary, path);
  const row = await (await desk.records()).modules.push(text, module.cid);
  const { stdout, stderr } = call.streams;
  if (call.flag('json')) stdout.write(jsonLine(document(row)));
  else {
    stdout.write(`${row.shown}@${row.version}\n`);
    stderr.write(`manifest ${Cid.toSri(row.manifest)}\nmodule   ${Cid.toSri(module.cid)}\nrun it: docket exec ${row.shown}\n`);
  }
  return 0;
}

function readManifest(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw inputFailure(error, file);
  }
}

async function ls(call: Call, desk: Desk): Promise<number> {
  const { stdout, stderr } = call.streams;
  const rows = await (await desk.records()).modules.names();
  if (call.flag('json')) {
    stdout.write(jsonLine({ modules: rows.map(({ latest, versions: count }) => ({ ...document(latest), versions: count })) }));
    return 0;
  }
  if (rows.length === 0) {
    stderr.write(`no named modules yet in ${desk.place}; name one: docket manifest push FILE\n`);
    return 0;
  }
  const lines = await Promise.all(
    rows.map(async ({ latest, versions: count }) => {
      const { manifest } = await read(desk, latest);
      return [latest.shown, latest.version, String(count), fit(manifest.description, 60)];
    }),
  );
  stdout.write(table([['NAME', 'LATEST', 'VERSIONS', 'DESCRIPTION'], ...lines]));
  return 0;
}

async function show(call: Call, desk: Desk, word: string): Promise<number> {
  const row = await (await desk.records()).modules.find(word);
  const { text, manifest } = await read(desk, row);
  const permissions = manifest.permissions.map(permissionText);
  call.streams.stdout.write(call.flag('json') ? jsonLine({ ...manifest, permissions, ...document(row) }) : text);
  return 0;
}

async function versions(call: Call, desk: Desk, word: string): Promise<number> {
  if (parseReference(word).selector.kind !== 'latest') throw call.usage('versions takes a name alone');
  const rows = await (await desk.records()).modules.versions(word);
  const { stdout } = call.streams;
  if (call.flag('json')) stdout.write(jsonLine({ versions: rows.map(document) }));
  else {
    const lines = rows.map(({ version, module, at }) => [
      version,
      new Date(at).toISOString().slice(0, 19).replace('T', ' '),
      Cid.toSri(module),
    ]);
    stdout.write(table([['VERSION', 'NAMED (UTC)', 'MODULE'], ...lines]));
  }
  return 0;
}

async function rm(call: Call, desk: Desk, word: string): Promise<number> {
  const reference = parseReference(word);
  const isAll = call.flag('all');
  if (isAll && reference.selector.kind !== 'latest') throw call.usage('--all takes a name alone');
  if (!isAll && reference.selector.kind !== 'version')
    throw call.usage(`say which version: docket manifest rm ${reference.name}@1.2.3`, '--all takes every version of the name away.');
  const removed = await (await desk.records()).modules.remove(word);
  const { stdout } = call.streams;
  if (call.flag('json')) stdout.write(jsonLine({ name: reference.name, removed }));
  else stdout.write(`${printable(reference.name)}: ${counted(removed.length, 'version')} removed\n`);
  return 0;
}

/** Its text as kept, and what that says. */
async function read({ store }: Desk, { manifest, shown }: NamedModule): Promise<{ readonly text: string; readonly manifest: Manifest }> {
  const text = Buffer.from(await store.read(manifest)).toString();
  return { text, manifest: parse(text, `${shown}.toml`) };
}

function document({ shown, version, manifest, module, at }: NamedModule): Record<string, unknown> {
  return {
    name: shown,
    version,
    manifest: { cid: manifest.toString(), sri: Cid.toSri(manifest) },
    module: { cid: module.toString(), sri: Cid.toSri(module) },
    named: new Date(at).toISOString(),
  };
}
