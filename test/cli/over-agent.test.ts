import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { before, test } from 'node:test';
import { buildGuests } from '../../scripts/build-guests.ts';
import { ROOT } from '../../scripts/run-command.ts';
import { AT_AGENT } from './helpers.ts';

/** Commands do at an agent what they do on a home: their own tests, run once more with every command sent there. */

before(() => buildGuests());

/** What is about the home itself, which a command at an agent never sees. */
const ABOUT_HOMES = ['an unknown home is made', 'Docket’s own failure or a wrong call is 125', 'of its home stands with the run'];

for (const name of ['exec', 'inspect', 'manifest', 'receipt', 'resources', 'run', 'runs', 'store', 'why']) {
  test(`docket ${name}, at an agent`, async () => {
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    const skipped = ABOUT_HOMES.map((pattern) => `--test-skip-pattern=${pattern}`);
    const args = ['--test', '--test-reporter=tap', ...skipped, join(ROOT, 'test', 'cli', `${name}.test.ts`)];
    const child = spawn(process.execPath, args, { env: { ...env, [AT_AGENT]: '1' }, stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
    const said = await text(child.stdout);
    assert.equal(await ended, 0, said);
    assert.match(said, /^# pass [1-9]/m);
  });
}
