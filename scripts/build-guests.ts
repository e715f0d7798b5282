/**
 * Compiles the sources in `guests/` to `build/guests/NAME.wasm` (each folder of `guests/components/` to one component; those of `guests/compute/`, which only the bench runs, to `build/guests/compute/`), those only whose sources or compilers changed.
 * The same sources give the same bytes, so the names of tasks that use them are the same on every machine.
 */

import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const guests = join(root, 'guests');
const build = join(root, 'build', 'guests');
const record = join(build, 'sources.json');

interface Guest {
  readonly name: string;
  readonly sources: readonly string[];
  readonly compile: () => Promise<Uint8Array>;
}

function filesOf(folder: string, extension: string): string[] {
  const names = readdirSync(join(guests, folder)).filter((name) => name.endsWith(extension));
  return names.toSorted().map((name) => join(guests, folder, name));
}

/** A command starts as `_start`; what is to be called has exports of its own, and with the names of its functions a trap says where it was. */
async function compileAssemblyScript(source: string, kind: 'command' | 'library' | 'named library'): Promise<Uint8Array> {
  // The compilers are imported only when needed: mostly nothing is to be done.
  const { default: asc } = await import('assemblyscript/asc');
  let binary: Uint8Array | undefined;
  const more = kind === 'command' ? ['--exportStart', '_start'] : kind === 'named library' ? ['--debug'] : [];
  const options = ['-O3', '--runtime', 'stub', '--use', 'abort=', ...more, '--enable', 'bulk-memory'];
  const messages: string[] = [];
  const { error } = await asc.main([relative(guests, source), '--baseDir', guests, '--outFile', 'out.wasm', ...options], {
    stderr: { write: (chunk) => void messages.push(String(chunk)) },
    writeFile(_name: string, contents: Uint8Array | string) {
      if (typeof contents !== 'string') binary = contents;
    },
  });
  if (error !== null || binary === undefined) throw new Error(`${source} does not compile:\n${messages.join('')}`);
  return binary;
}

/** A component: the core module that the folder's file of its name makes, wrapped for the world in `world.wit`. */
async function compileComponent(folder: string): Promise<Uint8Array> {
  const binary = await compileAssemblyScript(join(folder, `${basename(folder)}.ts`), 'named library');
  const { componentEmbed, componentNew } = await import('@bytecodealliance/jco-transpile/wasm-tools');
  const witSource = readFileSync(join(folder, 'world.wit'), 'utf8');
  return await componentNew(await componentEmbed({ binary, witSource, world: basename(folder) }));
}

async function compileText(source: string): Promise<Uint8Array> {
  const { default: wabt } = await import('wabt');
  const module = (await wabt()).parseWat(basename(source), readFileSync(source, 'utf8'));
  try {
    return module.toBinary({}).buffer;
  } finally {
    module.destroy();
  }
}

function allGuests(): Guest[] {
  const library = filesOf('assemblyscript/lib', '.ts');
  const fromAssemblyScript = filesOf('assemblyscript', '.ts').map((source) => ({
    name: basename(source, '.ts'),
    sources: [source, ...library],
    compile: () => compileAssemblyScript(source, 'command'),
  }));
  const toCompute = filesOf('compute', '.ts').map((source) => ({
    name: `compute/${basename(source, '.ts')}`,
    sources: [source],
    compile: () => compileAssemblyScript(source, 'library'),
  }));
  const fromText = filesOf('wat', '.wat').map((source) => ({
    name: basename(source, '.wat'),
    sources: [source],
    compile: () => compileText(source),
  }));
  const components = readdirSync(join(guests, 'components'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => ({
      name,
      sources: [join(guests, 'components', name, 'world.wit'), ...filesOf(join('components', name), '.ts')],
      compile: () => compileComponent(join(guests, 'components', name)),
    }));
  return [...fromAssemblyScript, ...toCompute, ...fromText, ...components];
}

function hashOf(files: readonly string[]): string {
  const hash = createHash('sha256');
  // The lock file stands for the compilers.
  for (const file of [...files, join(root, 'package-lock.json')]) {
    hash.update(relative(root, file)).update('\0').update(readFileSync(file)).update('\0');
  }
  return hash.digest('hex');
}

function readRecord(): Record<string, string> {
  try {
    return JSON.parse(readFileSync(record, 'utf8')) as Record<string, string>;
  } catch {
    return {};
  }
}

/** Whole or not at all, since others may read or build at the same time. */
function replace(path: string, content: Uint8Array | string): void {
  const temporary = `${path}.${process.pid}`;
  writeFileSync(temporary, content);
  renameSync(temporary, path);
}

export async function buildGuests(): Promise<void> {
  mkdirSync(join(build, 'compute'), { recursive: true });
  const present = new Set<string>(readdirSync(build, { recursive: true, encoding: 'utf8' }));
  const built = readRecord();
  const hashes: Record<string, string> = {};
  for (const { name, sources, compile } of allGuests()) {
    const hash = hashOf(sources);
    if (built[name] !== hash || !present.has(`${name}.wasm`)) {
      console.log(`Compiling ${relative(root, sources[0] ?? name)}`);
      replace(join(build, `${name}.wasm`), await compile());
    }
    hashes[name] = hash;
  }
  if (JSON.stringify(hashes) !== JSON.stringify(built)) replace(record, `${JSON.stringify(hashes, null, 2)}\n`);
}

if (import.meta.main) await buildGuests();
