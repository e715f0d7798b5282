import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { ROOT } from '../../scripts/run-command.ts';
import { Door } from './helpers.ts';

/** examples/05-serval-api/walk.sh, as a stranger would run it. */

const WALK = join(ROOT, 'examples', '05-serval-api', 'walk.sh');
const lacking = ['bash', 'curl'].find((tool) => spawnSync(tool, ['--version']).error !== undefined);

interface Ended {
  readonly status: number;
  readonly stdout: string;
}

async function walk(...args: readonly string[]): Promise<Ended> {
  try {
    const { stdout } = await promisify(execFile)('bash', [WALK, ...args], { env: { PATH: process.env['PATH'] } });
    return { status: 0, stdout };
  } catch (error) {
    const { code, stdout } = error as { readonly code: number; readonly stdout: string };
    return { status: code, stdout };
  }
}

test('the walk over Serval’s API', { skip: lacking !== undefined && `there is no ${lacking}` }, async (t) => {
  await using door = await Door.open();
  await t.test('every call does what it should, also the second time', async () => {
    for (let time = 0; time < 2; time++) {
      const { status, stdout } = await walk(door.agent.url, door.agent.token);
      assert.equal(status, 0, stdout);
      assert.match(stdout, /\n\d{2} calls, 0 failures\n$/);
    }
  });

  await t.test('it tells what is not as it should be', async () => {
    const { status, stdout } = await walk(door.agent.url, 'a-wrong-token');
    assert.equal(status, 1);
    assert.match(stdout, /^FAILED {2}401 GET {3}\/monitor\/status \(wanted 200\)$/m);
    assert.equal((await walk(door.agent.url)).status, 2);
  });
});
