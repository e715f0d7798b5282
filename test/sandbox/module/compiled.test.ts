import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { WASI } from 'node:wasi';
import asc from 'assemblyscript/asc';
import { prepare } from '../../../src/sandbox/module/prepare.ts';

/** Programs out of real compilers do the same before and after. */

const run = promisify(execFile);

async function temporary(): Promise<{ readonly folder: string } & AsyncDisposable> {
  const folder = await mkdtemp(join(tmpdir(), 'docket-module-'));
  return { folder, [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) };
}

async function assemblyScript(source: string, ...options: string[]): Promise<Uint8Array> {
  const files = new Map<string, Uint8Array | string>([['main.ts', source]]);
  const { error } = await asc.main(['main.ts', '--outFile', 'main.wasm', '--runtime', 'stub', ...options], {
    readFile: (name) => (files.get(name) as string | undefined) ?? null,
    writeFile: (name, contents) => void files.set(name, contents),
    listFiles: () => [],
  });
  assert.ifError(error);
  return files.get('main.wasm') as Uint8Array;
}

const SOURCE = `
  class Node { next: Node | null = null; constructor(public value: i32) {} }
  function compare(a: i32, b: i32): i32 { return a - b; }
  export function sorted(n: i32): i32 {
    const list = new Array<i32>(n);
    let x: u32 = 12345;
    for (let i = 0; i < n; i++) { x = x * 1103515245 + 12345; list[i] = <i32>(x >>> 16); }
    list.sort(compare);
    let hash = 0;
    for (let i = 0; i < n; i++) hash = hash * 31 + list[i] + i;
    return hash;
  }
  export function chain(n: i32): i32 {
    let head: Node | null = null;
    for (let i = 0; i < n; i++) { const node = new Node(i); node.next = head; head = node; }
    let sum = 0;
    while (head) { sum += head.value; head = head.next; }
    return sum;
  }
  export function root(x: f64): f64 { return Math.pow(x, 1.0 / 3.0) + Math.sin(x); }
`;

type Functions = Record<string, (...args: number[]) => number>;

for (const options of [['-O3'], ['--debug', '--enable', 'simd'], ['-O3', '--importMemory', '--exportTable']]) {
  test(`AssemblyScript ${options.join(' ')}`, async () => {
    const original = await assemblyScript(SOURCE, ...options);
    const { bytes, info, memoryImport } = prepare(original);
    assert.ok(memoryImport !== undefined && info.memory !== undefined);
    const abort = (): never => assert.fail('aborted');
    const memory = (): WebAssembly.Memory => new WebAssembly.Memory({ initial: Math.max(1, info.memory?.initial ?? 0), maximum: 64 });
    const before = new WebAssembly.Instance(new WebAssembly.Module(original), { env: { abort, memory: memory() } })
      .exports as unknown as Functions;
    const imports: Record<string, Record<string, WebAssembly.ExportValue>> = { env: { abort } };
    imports[memoryImport.module] = { ...imports[memoryImport.module], [memoryImport.name]: memory() };
    const after = new WebAssembly.Instance(new WebAssembly.Module(bytes), imports).exports as unknown as Functions;
    for (const [name, ...args] of [
      ['sorted', 5000],
      ['chain', 20_000],
      ['root', 7.25],
    ] as const) {
      assert.equal(after[name]?.(...args), before[name]?.(...args), name);
    }
    assert.throws(() => after['chain']?.(1_000_000), WebAssembly.RuntimeError, '64 pages do not hold a million nodes');
  });
}

const C_SOURCE = `
  #include <stdio.h>
  #include <stdlib.h>
  #include <string.h>
  #include <math.h>
  static int by_value(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }
  int main(int argc, char **argv) {
    int n = 2000, *values = malloc(n * sizeof *values);
    unsigned x = 7;
    for (int i = 0; i < n; i++) values[i] = (x = x * 1103515245u + 12345u) >> 18;
    qsort(values, n, sizeof *values, by_value);
    printf("%d %d %.6f %s\\n", values[0], values[n - 1], sqrt((double)values[n / 2]), argv[argc - 1]);
    size_t blocks = 0;
    for (volatile char *block; (block = malloc(1 << 20)); blocks++) block[0] = 1;
    fprintf(stderr, "%s\\n", blocks < 40 ? "few" : "many");
    return 3;
  }
`;

async function startWasi(
  folder: string,
  module: Uint8Array,
  imports: WebAssembly.Imports,
): Promise<{ readonly exit: number; readonly out: string; readonly err: string }> {
  await using out = await open(join(folder, 'out'), 'w');
  await using err = await open(join(folder, 'err'), 'w');
  const wasi = new WASI({ version: 'preview1', args: ['main', 'last'], stdout: out.fd, stderr: err.fd, returnOnExit: true });
  const instance = new WebAssembly.Instance(new WebAssembly.Module(module), {
    ...(wasi.getImportObject() as WebAssembly.Imports),
    ...imports,
  });
  const exit = wasi.start(instance);
  return { exit, out: await readFile(join(folder, 'out'), 'utf8'), err: await readFile(join(folder, 'err'), 'utf8') };
}

test('C with wasi-libc', async (context) => {
  await using place = await temporary();
  const { folder } = place;
  await writeFile(join(folder, 'main.c'), C_SOURCE);
  try {
    await run('clang', [
      '--target=wasm32-wasi',
      '-O2',
      '-Wl,--max-memory=67108864',
      '-o',
      join(folder, 'main.wasm'),
      join(folder, 'main.c'),
    ]);
  } catch (error) {
    context.skip(`no clang with wasi-libc here: ${(error as Error).message.split('\n')[0]}`);
    return;
  }
  const original = new Uint8Array(await readFile(join(folder, 'main.wasm')));
  const { bytes, info } = prepare(original);
  const before = await startWasi(folder, original, {});
  const memory = new WebAssembly.Memory({ initial: info.memory?.initial ?? 0, maximum: 256 });
  const after = await startWasi(folder, bytes, { docket: { memory } });
  assert.deepEqual(before, { exit: 3, out: before.out, err: 'many\n' });
  assert.match(before.out, /^\d+ \d+ \d+\.\d{6} last\n$/);
  assert.deepEqual(after, { exit: 3, out: before.out, err: 'few\n' }, 'only what malloc could get differs');
});
