import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { ADDRESS_FILE, findAgent, TOKEN_FILE } from '../../src/agent/find-agent.ts';
import { Lock } from '../../src/ledger/locks.ts';

test('an address counts only while an agent lives, and only if that one left it', () => {
  const home = mkdtempSync(join(tmpdir(), 'docket-find-'));
  try {
    mkdirSync(join(home, 'locks'));
    writeFileSync(join(home, TOKEN_FILE), 'secret\n');
    const url = 'http://127.0.0.1:8100';
    const leave = (pid: number | undefined): void => writeFileSync(join(home, ADDRESS_FILE), JSON.stringify({ url, pid }));
    leave(process.pid);
    assert.equal(findAgent(home), undefined, 'nobody holds the lock');
    using _ = Lock.tryAcquire(join(home, 'locks', 'agent'))!;
    assert.deepEqual(findAgent(home), { url, local: url, mesh: undefined, token: 'secret' });
    leave(spawnSync(process.execPath, ['--version']).pid);
    assert.equal(findAgent(home), undefined, 'who wrote it is gone: the next agent has not removed it yet');
    leave(undefined);
    assert.equal(findAgent(home), undefined);
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
});
