/** Installs what compiles the guests of the tests, where that needs nobody's leave: on Debian, as root. Elsewhere tests that need a compiler skip. */

import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { install, mayInstall } from './apt-get.ts';

interface Compiler {
  readonly language: string;
  /** Debian's. */
  readonly packages: readonly string[];
  /** A command that only works if the compiler is there. */
  readonly trial: readonly [program: string, ...args: string[]];
  readonly input: string;
}

const COMPILERS: readonly Compiler[] = [
  {
    language: 'C',
    packages: ['clang', 'lld', 'wasi-libc', 'libclang-rt-dev-wasm32'],
    trial: ['clang', '--target=wasm32-wasi', '-x', 'c', '-', '-o', '/dev/null'],
    input: 'int main(void) { return 0; }',
  },
  {
    language: 'Rust',
    packages: ['rustc', 'libstd-rust-dev-wasm32', 'lld'],
    // By its path: a Rust of the user's own may come first on the PATH and lack this target.
    trial: ['/usr/bin/rustc', '--target', 'wasm32-wasi', '--emit', 'metadata', '--out-dir', join(tmpdir(), 'docket-rust-trial'), '-'],
    input: 'fn main() {}',
  },
];

function works({ trial: [program, ...args], input }: Compiler): boolean {
  return spawnSync(program, args, { input }).status === 0;
}

export function ensureGuestCompilers(): void {
  const absent = COMPILERS.filter((compiler) => !works(compiler));
  if (absent.length === 0) return;
  const languages = absent.map(({ language }) => language).join(' and ');
  const packages = absent.flatMap((compiler) => compiler.packages);
  if (!mayInstall()) {
    console.log(`No ${languages} compiler for WebAssembly: tests that need one skip. On Debian: apt-get install ${packages.join(' ')}`);
    return;
  }
  if (!install(packages) || !absent.every(works))
    console.log(`That did not work: tests that need a ${languages} compiler for WebAssembly skip.`);
}
