import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';

const ROOT = new URL('..', import.meta.url).pathname;

/** What npm would publish, laid into `dir` as an installation has it, beside nothing but the packages it declares. */
function install(dir: string): string {
  execFileSync(process.execPath, ['scripts/build.ts'], { cwd: ROOT });
  const packed = execFileSync('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', dir], {
    cwd: ROOT,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [{ filename }] = JSON.parse(packed) as [{ filename: string }];
  const modules = join(dir, 'node_modules');
  mkdirSync(modules);
  execFileSync('tar', ['-xzf', join(dir, filename), '-C', modules]);
  const installed = join(modules, 'docket');
  renameSync(join(modules, 'package'), installed);
  const { dependencies } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as { dependencies: Record<string, string> };
  for (const name of Object.keys(dependencies)) {
    cpSync(join(ROOT, 'node_modules', name), join(modules, name), { recursive: true });
  }
  const bin = join(modules, 'docket-link');
  symlinkSync('docket/bin/docket', bin);
  return bin;
}

it('works when installed as a package, with nothing but its declared dependencies', () => {
  const dir = mkdtempSync(join(tmpdir(), 'docket-package-'));
  try {
    const docket = install(dir);
    const env = { ...process.env, DOCKET_HOME: join(dir, 'home') };
    const guests = join(dir, 'node_modules', 'docket', 'build', 'guests');
    const version = spawnSync(process.execPath, [docket, '--version'], { env, encoding: 'utf8' });
    assert.match(version.stdout, /^\d+\.\d+\.\d+\n$/);
    const exec = spawnSync(process.execPath, [docket, 'exec', join(guests, 'count-words.wasm'), '--stdin', '-'], {
      env,
      encoding: 'utf8',
      input: 'one two one',
    });
    assert.equal(exec.status, 0, exec.stderr);
    assert.equal(exec.stdout, 'one\t2\ntwo\t1\n');
    assert.ok(existsSync(join(dir, 'node_modules', 'docket', 'dist', 'api', 'docs-page', 'page.html')), 'the page at /docs is there');
    const example = join(dir, 'node_modules', 'docket', 'examples', '02-numbers', 'workflow.json');
    const run = spawnSync(process.execPath, [docket, 'run', example, '--json'], { env, encoding: 'utf8' });
    assert.equal(run.status, 0, run.stderr);
    assert.equal((JSON.parse(run.stdout) as { state: string }).state, 'completed');
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});
