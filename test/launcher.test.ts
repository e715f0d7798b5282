import assert from 'node:assert/strict';
import { type ChildProcessByStdio, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, sep } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { after, before, describe, test } from 'node:test';
import { ROOT } from '../scripts/run-command.ts';

/** `bin/docket` in a package of its own, around a program that tells what reached it. */

const PROGRAM = `
const [command, argument] = process.argv.slice(2);
const tell = (value: unknown): void => void process.stdout.write(JSON.stringify(value) + '\\n');
if (command === 'tell') tell({ args: process.argv.slice(2), node: process.versions.node, fd: process.env['DOCKET_LAUNCHER_FD'] ?? null, cache: process.env['NODE_COMPILE_CACHE'] });
else if (command === 'echo') process.stdin.pipe(process.stdout);
else if (command === 'exit') process.exitCode = Number(argument);
else if (command === 'die') process.kill(process.pid, argument);
else if (command === 'wait') {
  let interrupts = 0;
  process.on('SIGINT', () => tell({ interrupts: ++interrupts }));
  process.on('SIGTERM', () => { tell({ interrupts }); process.exit(7); });
  setInterval(() => {}, 60_000);
  tell({ pid: process.pid });
}
`;

const BUNDLED: string | null =
  spawnSync(process.execPath, ['-p', 'require("./bin/choose-node.js").bundledNode() ?? ""'], {
    cwd: ROOT,
    encoding: 'utf8',
  }).stdout.trim() || null;

let folder: string;
let launcher: string;
let old: string;

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'docket-launcher-'));
  const root = join(folder, 'package');
  cpSync(join(ROOT, 'bin'), join(root, 'bin'), { recursive: true });
  mkdirSync(join(root, 'src', 'cli'), { recursive: true });
  writeFileSync(join(root, 'package.json'), '{"type":"module"}');
  writeFileSync(join(root, 'src', 'cli', 'main.ts'), PROGRAM);
  symlinkSync(join(ROOT, 'node_modules'), join(root, 'node_modules'));
  launcher = join(root, 'bin', 'docket');
  old = join(folder, 'old.cjs');
  writeFileSync(old, `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.0.0' } });`);
});
after(() => rmSync(folder, { recursive: true }));

const environment = (extra: Record<string, string> = {}): NodeJS.ProcessEnv => ({
  ...process.env,
  XDG_CACHE_HOME: join(folder, 'cache'),
  ...extra,
});

/** Old Nodes on the PATH, if any; beside them this one, told that it is old. */
function oldNodes(): string[] {
  const nodes = (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((path) => join(path, 'node'))
    .filter((path) => existsSync(path));
  return nodes
    .filter((node) => Number(spawnSync(node, ['-p', 'parseInt(process.versions.node)'], { encoding: 'utf8' }).stdout) < 24)
    .slice(0, 1);
}

const ways: readonly (readonly [name: string, command: () => readonly [string, ...string[]], skip: string | false])[] = [
  ['on a new Node', () => [process.execPath, launcher], false],
  [
    'on a Node that says it is old',
    () => [process.execPath, '--require', old, launcher],
    BUNDLED === null && 'no Node is bundled for this platform',
  ],
  ...oldNodes().map(
    (node) => [`on ${node}`, () => [node, launcher] as const, BUNDLED === null && 'no Node is bundled for this platform'] as const,
  ),
];

function run(command: readonly [string, ...string[]], args: readonly string[], options: { input?: string; env?: NodeJS.ProcessEnv } = {}) {
  const { status, signal, stdout, stderr } = spawnSync(command[0], [...command.slice(1), ...args], {
    encoding: 'utf8',
    env: environment(),
    ...options,
  });
  return { status, signal, stdout, stderr };
}

type Running = ChildProcessByStdio<null, Readable, null>;

/** Starts `wait` in a process group of its own and gives it with its lines, of which it has said the first. */
async function startWaiting(
  command: readonly [string, ...string[]],
): Promise<{ child: Running; lines: AsyncIterator<string>; pid: number }> {
  const child = spawn(command[0], [...command.slice(1), 'wait'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
    env: environment(),
  });
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const { pid } = JSON.parse(String((await lines.next()).value)) as { pid: number };
  return { child, lines, pid };
}

for (const [name, command, skip] of ways) {
  describe(name, { skip }, () => {
    test('the program gets its arguments and a Node that can run it', () => {
      const { stdout, stderr } = run(command(), ['tell', '--flag', 'two words', '']);
      const told = JSON.parse(stdout) as { args: string[]; node: string; fd: string | null };
      assert.deepEqual([told.args, told.fd, stderr], [['tell', '--flag', 'two words', ''], null, '']);
      assert.ok(Number.parseInt(told.node, 10) >= 24);
    });

    test('standard input reaches it', () => {
      assert.equal(run(command(), ['echo'], { input: 'some\ntext' }).stdout, 'some\ntext');
    });

    test('its exit status is ours', () => {
      assert.deepEqual(
        [0, 1, 124, 255].map((status) => run(command(), ['exit', String(status)]).status),
        [0, 1, 124, 255],
      );
    });

    test('its death by a signal is ours', () => {
      assert.deepEqual(
        ['SIGTERM', 'SIGINT', 'SIGKILL', 'SIGHUP'].map((signal) => run(command(), ['die', signal]).signal),
        ['SIGTERM', 'SIGINT', 'SIGKILL', 'SIGHUP'],
      );
    });

    for (const [to, send] of [
      ['the launcher', (child: Running) => child.kill('SIGINT')],
      ['the process group', (child: Running) => process.kill(-(child.pid ?? assert.fail()), 'SIGINT')],
    ] as const) {
      test(`an interrupt sent to ${to} comes once`, async () => {
        const { child, lines } = await startWaiting(command());
        send(child);
        assert.equal((await lines.next()).value, '{"interrupts":1}');
        child.kill('SIGTERM');
        assert.equal((await lines.next()).value, '{"interrupts":1}', 'no second one came in between');
        assert.deepEqual(await once(child, 'close'), [7, null]);
      });
    }

    test('it does not outlive the launcher, however that dies', async () => {
      const { child } = await startWaiting(command());
      child.kill('SIGKILL');
      // The stream ends when the last process that could write to it is gone.
      await once(child, 'close');
    });

    test('it may be called through a link', () => {
      const link = join(folder, `link-${name.replaceAll(/\W/g, '-')}`);
      symlinkSync(launcher, link);
      assert.equal(run([...command().slice(0, -1), link] as unknown as [string], ['exit', '3']).status, 3);
    });
  });
}

test('without a Node that can run it, it says what to do', () => {
  const alone = join(folder, 'alone');
  cpSync(join(ROOT, 'bin'), join(alone, 'bin'), { recursive: true });
  const { status, stdout, stderr } = run([process.execPath, '--require', old, join(alone, 'bin', 'docket')], ['tell']);
  assert.deepEqual([status, stdout], [1, '']);
  assert.match(stderr, /needs Node\.js 24 or newer/);
});

const KINDS = `
import picomatch from 'picomatch';
import { CID } from 'multiformats/cid';
import { sep } from 'node:path';
import { above, again } from '../above.EXT';
const { late } = await import('./late.EXT');
const { default: yaml } = await import('yaml');
process.stdout.write(JSON.stringify([typeof picomatch, typeof CID.parse, sep, above, again === CID, late, typeof yaml.parse]));
`;

for (const [where, extension] of [
  ['src', 'ts'],
  ['dist', 'js'],
] as const) {
  test(`imports of every kind are found from ${where}, each module once`, () => {
    const root = join(folder, `imports-${where}`);
    cpSync(join(ROOT, 'bin'), join(root, 'bin'), { recursive: true });
    symlinkSync(join(ROOT, 'node_modules'), join(root, 'node_modules'));
    mkdirSync(join(root, where, 'cli'), { recursive: true });
    writeFileSync(join(root, 'package.json'), '{"type":"module"}');
    writeFileSync(join(root, where, 'cli', `main.${extension}`), KINDS.replaceAll('EXT', extension));
    writeFileSync(join(root, where, 'cli', `late.${extension}`), `export { above as late } from '../above.${extension}';`);
    writeFileSync(
      join(root, where, `above.${extension}`),
      `export { CID as again } from 'multiformats/cid'; export const above = 'above';`,
    );
    const { stdout, stderr } = run([process.execPath, join(root, 'bin', 'docket')], []);
    assert.equal(stdout, JSON.stringify(['function', 'function', sep, 'above', true, 'above', 'function']), stderr);
  });
}

test('a published package runs from dist', () => {
  const root = join(folder, 'node_modules', 'docket');
  cpSync(join(ROOT, 'bin'), join(root, 'bin'), { recursive: true });
  mkdirSync(join(root, 'dist', 'cli'), { recursive: true });
  writeFileSync(join(root, 'package.json'), '{"type":"module"}');
  writeFileSync(join(root, 'dist', 'cli', 'main.js'), 'process.exitCode = 9;');
  assert.equal(run([process.execPath, join(root, 'bin', 'docket')], []).status, 9);
});

test('compiled code is kept in the user’s cache folder, for threads too, and only if there is one', () => {
  const cache = join(folder, 'fresh-cache');
  const outer: NodeJS.ProcessEnv = { ...process.env, XDG_CACHE_HOME: cache };
  delete outer['NODE_COMPILE_CACHE'];
  const { stdout } = run([process.execPath, launcher], ['tell'], { env: outer });
  const compiled = join(cache, 'docket', 'compile');
  assert.equal((JSON.parse(stdout) as { cache?: string }).cache, compiled);
  assert.notEqual(readdirSync(compiled).length, 0);
  writeFileSync(join(folder, 'file'), '');
  const { status, stderr } = run([process.execPath, launcher], ['exit', '0'], {
    env: environment({ XDG_CACHE_HOME: join(folder, 'file') }),
  });
  assert.deepEqual([status, stderr], [0, '']);
});
