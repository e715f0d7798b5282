import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { isAlive, temporaryStore, until } from './helpers.ts';

for (const what of ['looping', 'idle', 'starting']) {
  test(`kill -9 of the owner of a ${what} slot process leaves no process behind`, async (t) => {
    const store = await temporaryStore(t);
    const parent = spawn(process.execPath, [fileURLToPath(import.meta.resolve('./owner-process.ts')), store.root, what], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    t.after(() => parent.kill('SIGKILL'));
    const [line] = await once(parent.stdout, 'data');
    const pid = Number(line);
    assert.ok(pid > 1 && isAlive(pid));
    parent.kill('SIGKILL');
    await once(parent, 'exit');
    await until(() => !isAlive(pid));
  });
}
