import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ROOT } from '../../../scripts/run-command.ts';
import { Door } from '../helpers.ts';

/**
 * A real Bazel against an agent. It is 44 MB and unpacks to 140, so it is used only where asked for: `DOCKET_BAZEL` holds its path, or `npm`, which
 * fetches Bazel 2.1.0 to build/bazel.
 */

const ASKED = process.env['DOCKET_BAZEL'];
const FETCHED = join(ROOT, 'build/bazel');
const PACKAGE = '@bazel/bazel-linux_x64';

function find(): string | undefined {
  if (ASKED !== 'npm') return ASKED;
  const program = join(FETCHED, 'node_modules', PACKAGE, 'bazel-2.1.0-linux-x86_64');
  if (!existsSync(program))
    spawnSync('npm', ['install', '--no-save', '--no-audit', '--no-fund', '--ignore-scripts', '--prefix', FETCHED, `${PACKAGE}@2.1.0`]);
  return program;
}

const bazel = find();
const skip = bazel === undefined ? 'DOCKET_BAZEL names no Bazel' : false;

const BUILD = `
genrule(name = "words", outs = ["words.txt"], cmd = "echo some words > $@")
genrule(name = "twice", srcs = ["words.txt"], outs = ["twice.txt"], cmd = "cat $(SRCS) $(SRCS) > $@")
genrule(name = "empty", outs = ["empty.txt"], cmd = "touch $@")
`;

test('a real Bazel finds what it built before: after a clean, and from another checkout', { skip, timeout: 300_000 }, async () => {
  await using door = await Door.open();
  const folder = mkdtempSync(join(tmpdir(), 'docket-bazel-'));
  try {
    const { host } = new URL(door.agent.url);
    const build = (checkout: string, token: string): Promise<string> =>
      new Promise((resolve, reject) => {
        mkdirSync(join(folder, checkout), { recursive: true });
        writeFileSync(join(folder, checkout, 'WORKSPACE'), '');
        writeFileSync(join(folder, checkout, 'BUILD'), BUILD);
        const startup = [`--output_user_root=${join(folder, 'root')}`, `--output_base=${join(folder, `${checkout}-out`)}`, '--batch'];
        const options = ['--color=no', '--spawn_strategy=standalone', '--genrule_strategy=standalone'];
        const args = [...startup, 'build', '//:all', ...options, `--remote_cache=http://:${token}@${host}/cache`];
        const env = { ...process.env, HOME: folder };
        execFile(bazel!, args, { cwd: join(folder, checkout), env }, (error, _, told) => {
          if (error === null) resolve(told);
          else reject(new Error(told, { cause: error }));
        });
      });
    assert.match(await build('one', door.agent.token), /3 processes: 3 local/);
    rmSync(join(folder, 'one-out'), { recursive: true, force: true });
    assert.match(await build('one', door.agent.token), /3 processes: 3 remote cache hit/);
    assert.match(await build('two', door.agent.token), /3 processes: 3 remote cache hit/);
    assert.match(await build('three', 'wrong'), /3 processes: 3 local/, 'a wrong token finds nothing, and the build goes on');
  } finally {
    spawnSync('chmod', ['-R', 'u+w', folder]);
    rmSync(folder, { recursive: true, force: true });
  }
});
