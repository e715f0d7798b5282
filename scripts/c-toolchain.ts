/** Installs what compiles the C guests, where that needs nobody's leave: on Debian, as root. Elsewhere the tests that need it skip. */

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

const PACKAGES = ['clang', 'lld', 'wasi-libc', 'libclang-rt-dev-wasm32'];

function canCompile(): boolean {
  const args = ['--target=wasm32-wasi', '-x', 'c', '-', '-o', '/dev/null'];
  return spawnSync('clang', args, { input: 'int main(void) { return 0; }' }).status === 0;
}

function aptGet(...args: string[]): boolean {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  return spawnSync('apt-get', ['-qq', ...args], { stdio: ['ignore', 'inherit', 'inherit'], env }).status === 0;
}

export function ensureCToolchain(): void {
  if (canCompile()) return;
  const wanted = PACKAGES.join(' ');
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) {
    console.log(`No C compiler for WebAssembly: tests that need one skip. On Debian: apt-get install ${wanted}`);
    return;
  }
  console.log(`Installing ${wanted}`);
  const installed = aptGet('update') && aptGet('install', '-y', '--no-install-recommends', ...PACKAGES) && canCompile();
  if (!installed) console.log('That did not work: tests that need a C compiler for WebAssembly skip.');
}
