import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { Readable } from 'node:stream';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { slotCommand } from '../../src/runner/slot-command.ts';

/**
 * What a program can do inside of the cage that slot processes run in: a probe tries everything and writes down what happened.
 */

const code = fileURLToPath(import.meta.resolve('../../src/runner/slot.ts'));

const probe = (port: number, outside: string): string => `
  import fs from 'node:fs';
  const found = {};
  const attempt = async (name, action) => {
    try { await action(); found[name] = 'done'; } catch (error) { found[name] = error.cause?.code ?? error.code ?? error.message; }
  };
  const connect = async (target) => {
    const { connect } = await import('node:net');
    await new Promise((resolve, reject) => connect(...target).on('connect', resolve).on('error', reject));
  };
  await attempt('read a file', () => fs.readFileSync('/etc/passwd'));
  await attempt('list a folder', () => fs.readdirSync('/'));
  await attempt('read beside the store', () => fs.readFileSync(process.argv[2] + '-of-another/secret'));
  await attempt('read its own environment', () => fs.readFileSync('/proc/self/environ'));
  await attempt('write a file', () => fs.writeFileSync(${JSON.stringify(outside)}, 'x'));
  await attempt('read the code of Docket', () => fs.readFileSync(${JSON.stringify(code)}));
  await attempt('write the code of Docket', () => fs.closeSync(fs.openSync(${JSON.stringify(code)}, 'r+')));
  await attempt('link a file in', () => fs.symlinkSync('/etc/passwd', process.argv[2] + '/passwd'));
  await attempt('run a program', async () => (await import('node:child_process')).execFileSync('/bin/true'));
  await attempt('start a worker', async () => new (await import('node:worker_threads')).Worker('1', { eval: true }));
  await attempt('connect', () => connect([${port}, '127.0.0.1']));
  await attempt('listen', async () => {
    const { createServer } = await import('node:net');
    await new Promise((resolve, reject) => {
      process.once('uncaughtException', reject);
      createServer().on('error', reject).listen(0, '127.0.0.1', resolve);
    });
  });
  await attempt('fetch', () => fetch('http://127.0.0.1:${port}/'));
  await attempt('ask for a name', async () => (await import('node:dns/promises')).lookup('localhost'));
  await attempt('load an addon', () => process.dlopen({ exports: {} }, process.argv[2] + '/addon.node'));
  await attempt('open a database', async () => new (await import('node:' + 'sqlite')).DatabaseSync(${JSON.stringify(outside)}));
  await attempt('open the inspector', async () => (await import('node:inspector')).open(0));
  await attempt('use WASI of Node', async () => new (await import('node:wasi')).WASI({ version: 'preview1' }));
  await attempt('evaluate text', () => eval('1'));
  await attempt('read the store', () => fs.readdirSync(process.argv[2]));
  await attempt('write the store', () => fs.writeFileSync(process.argv[2] + '/tmp/x', 'x'));
  found.environment = Object.keys(process.env).filter((name) => !['PWD', 'OLDPWD', 'SHLVL', '_'].includes(name));
  fs.writeFileSync(process.argv[2] + '/found.json', JSON.stringify(found));
`;

test('a program in the cage reaches the store and nothing else', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'docket-cage-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const store = join(folder, 'store');
  await mkdir(join(store, 'tmp'), { recursive: true });
  await mkdir(`${store}-of-another`);
  await writeFile(`${store}-of-another/secret`, 'secret');
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  const entry = join(store, 'probe.mjs');
  await writeFile(entry, probe(address.port, join(folder, 'outside')));

  const { file, args } = slotCommand(store, { entry });
  const child = spawn(file, [...args], { env: {}, stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe', 'pipe'], detached: true });
  const said = (child.stderr as Readable).setEncoding('utf8').toArray();
  const [status] = await once(child, 'exit');
  process.kill(-(child.pid as number), 'SIGKILL');
  assert.equal(status, 0, (await said).join(''));

  const found: Record<string, unknown> = JSON.parse(await readFile(join(store, 'found.json'), 'utf8'));
  const denied = 'ERR_ACCESS_DENIED';
  assert.deepEqual(found, {
    'read a file': denied,
    'list a folder': denied,
    'read beside the store': denied,
    'read its own environment': denied,
    'write a file': denied,
    'read the code of Docket': 'done',
    'write the code of Docket': denied,
    'link a file in': denied,
    'run a program': denied,
    'start a worker': denied,
    connect: denied,
    listen: denied,
    fetch: denied,
    'ask for a name': denied,
    'load an addon': 'ERR_DLOPEN_DISABLED',
    'open a database': 'ERR_UNKNOWN_BUILTIN_MODULE',
    'open the inspector': denied,
    'use WASI of Node': denied,
    'evaluate text': 'Code generation from strings disallowed for this context',
    'read the store': 'done',
    'write the store': 'done',
    environment: [],
  });
});
