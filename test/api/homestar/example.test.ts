import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { buildGuests } from '../../../scripts/build-guests.ts';
import { ROOT } from '../../../scripts/run-command.ts';
import { HomestarPort } from './helpers.ts';

/** examples/06-homestar-port/watch.mjs, as a stranger would run it. */

const WATCH = join(ROOT, 'examples', '06-homestar-port', 'watch.mjs');

async function watch(...args: readonly string[]): Promise<{ readonly status: number; readonly stdout: string; readonly stderr: string }> {
  return await watchOn([], ...args);
}

async function watchOn(
  options: readonly string[],
  ...args: readonly string[]
): Promise<{ readonly status: number; readonly stdout: string; readonly stderr: string }> {
  const child = spawn(process.execPath, [...options, WATCH, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const [stdout, stderr, [status]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close') as Promise<[number]>]);
  return { status, stdout, stderr };
}

test('a script prints receipts as they come', async () => {
  await buildGuests();
  await using port = await HomestarPort.open();
  const folder = mkdtempSync(join(tmpdir(), 'docket-watch-'));
  const file = join(folder, 'workflow.json');
  const url = port.url.replace('http', 'ws');
  const write = (...tasks: unknown[]): void => writeFileSync(file, JSON.stringify({ tasks }));
  write(port.task('add', [1, 2]));
  for (const how of ['ran  ', 'found'])
    assert.deepEqual(await watch(url, file), { status: 0, stdout: `${how} add ["ok",3]\ncompleted\n`, stderr: '' });
  // As Node 20 is, with which a stranger may come.
  assert.equal((await watchOn(['--no-experimental-websocket'], url, file)).stdout, 'found add ["ok",3]\ncompleted\n');
  write(port.task('unreachable', []));
  const failed = await watch(url, file, 'named');
  assert.equal(failed.status, 1);
  assert.match(failed.stdout, /^ran {3}unreachable \["error",\{"code":"trap",.*\}\]\nfailed\n$/);
  write();
  const refused = await watch(url, file);
  assert.deepEqual([refused.status, refused.stdout], [1, '']);
  assert.match(refused.stderr, /^not able to run workflow bafyrmi\w+: "tasks" is empty\n$/);
  assert.equal((await watch('ws://127.0.0.1:1', file)).status, 1);
  assert.equal((await watch(url)).status, 2);
  rmSync(folder, { recursive: true });
});
