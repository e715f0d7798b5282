import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { transpileBytes } from '@bytecodealliance/jco-transpile';
import { componentEmbed, componentNew, parse } from '@bytecodealliance/jco-transpile/wasm-tools';

/** Components that give back what they take, made and transpiled by jco: what goes through them proves the shapes. */

/**
 * A core module whose functions `name` take a list and give the same: pointer and length as they came, so the elements, of whatever type, are
 * lifted from the very bytes they were lowered to. `more` is WAT of further functions.
 */
async function echoModule(names: readonly string[], more: string): Promise<Uint8Array> {
  const functions = names.map(
    (name) => `(func (export "${name}") (param i32 i32) (result i32)
      (i32.store (i32.const 8) (local.get 0)) (i32.store (i32.const 12) (local.get 1)) (i32.const 8))`,
  );
  return parse(`(module (memory (export "memory") 200) (global $next (mut i32) (i32.const 1024))
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (local $at i32)
      (local.set $at (i32.and (i32.add (global.get $next) (i32.const 15)) (i32.const -16)))
      (global.set $next (i32.add (local.get $at) (local.get 3)))
      (local.get $at))
    ${functions.join('\n')} ${more})`);
}

export interface Echo {
  readonly component: Uint8Array;
  /** The core module it was made of, with its component-type section. */
  readonly core: Uint8Array;
}

/** `types` by function name; `declarations` are WIT of the world, `more` of further exports, `code` the WAT of these. */
export async function echoComponent(
  types: Readonly<Record<string, string>>,
  { declarations = '', more = '', code = '' } = {},
): Promise<Echo> {
  const names = Object.keys(types);
  const exports = Object.entries(types).map(([name, type]) => `export ${name}: func(a: list<${type}>) -> list<${type}>;`);
  const witSource = `package test:echo@1.0.0; world echo { ${declarations} ${exports.join('\n')} ${more} }`;
  const core = await componentEmbed({ binary: await echoModule(names, code), witSource, world: 'echo' });
  return { core, component: await componentNew(core) };
}

type Exports = Readonly<Record<string, (...args: readonly unknown[]) => unknown>>;

/** Transpiles and instantiates; gives the exports. Errors of `result`s are wrapped, or nobody could tell them from traps. */
export async function instantiate(component: Uint8Array): Promise<Exports> {
  const { files } = await transpileBytes(component, {
    name: 'echo',
    instantiation: 'sync',
    noComponentErrorWrapping: false,
    emitTypescriptDeclarations: false,
  });
  const folder = await mkdtemp(join(tmpdir(), 'docket-echo-'));
  try {
    const path = join(folder, 'echo.mjs');
    await writeFile(path, files['echo.js'] as Uint8Array);
    const { instantiate: start } = (await import(path)) as {
      instantiate: (getCore: (path: string) => WebAssembly.Module, imports: object) => Exports;
    };
    return start((name) => new WebAssembly.Module(files[name] as Uint8Array<ArrayBuffer>), {});
  } finally {
    await rm(folder, { recursive: true });
  }
}
