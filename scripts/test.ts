/**
 * `npm test`: everything that must hold before a change is taken. Type check, lint, format and unused code count as one test
 * each; then the tests themselves, each file in a process of its own. The last line is `N passed, N failed[, N skipped]`.
 * `npm test -- FILE…` runs those test files only.
 */

import { globSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { pathToFileURL } from 'node:url';
import { buildGuests } from './build-guests.ts';
import { ensureGuestCompilers } from './guest-compilers.ts';
import { ensureNatsServer } from './nats-server.ts';
import { ROOT, runNode } from './run-command.ts';

const CHECKS: readonly (readonly [name: string, program: string, ...args: string[]])[] = [
  ['types', 'node_modules/typescript/bin/tsc', '-p', '.'],
  ['lint', 'node_modules/oxlint/bin/oxlint', '--deny-warnings'],
  ['format', 'node_modules/oxfmt/bin/oxfmt', '--check'],
  ['unused code', 'node_modules/knip/bin/knip.js'],
];

/** No test file may take longer than this. Two run at a time. */
const FILE_TIMEOUT = 10 * 60_000;
const CONCURRENCY = 2;

const PROPERTY_SEED = pathToFileURL(join(ROOT, 'test/property-seed.ts')).href;

interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** The names of the checks that failed. */
function runChecks(): string[] {
  const failed = CHECKS.filter(([name, program, ...args]) => {
    console.log(`Checking ${name}`);
    return runNode(program, ...args) !== 0;
  });
  return failed.map(([name]) => name);
}

async function runTests(files: string[]): Promise<Counts> {
  let counts: Counts | undefined;
  const events = run({ files, cwd: ROOT, concurrency: CONCURRENCY, timeout: FILE_TIMEOUT, execArgv: ['--import', PROPERTY_SEED] });
  events.on('test:summary', ({ file, counts: found }) => {
    if (file === undefined)
      counts = {
        passed: found.passed,
        failed: found.tests - found.passed - found.skipped - found.todo,
        skipped: found.skipped + found.todo,
      };
  });
  for await (const line of events.compose(new spec())) process.stdout.write(line as Buffer);
  if (counts === undefined) throw new Error('the test runner gave no summary');
  return counts;
}

const named = process.argv.slice(2);
const files = globSync(named.length > 0 ? named : 'test/**/*.test.ts', { cwd: ROOT }).toSorted();
if (files.length === 0) throw new Error(`no test file matches ${named.join(' ')}`);

// No test may see or change what the user's own runs left.
const home = mkdtempSync(join(tmpdir(), 'docket-test-'));
process.env['DOCKET_HOME'] = join(home, 'home');
try {
  ensureGuestCompilers();
  ensureNatsServer();
  await buildGuests();
  const checks = named.length > 0 ? 0 : CHECKS.length;
  const failedChecks = checks > 0 ? runChecks() : [];
  const tests = await runTests(files);
  const passed = checks - failedChecks.length + tests.passed;
  const failed = failedChecks.length + tests.failed;
  // What they said stands thousands of lines above.
  for (const name of failedChecks) console.log(`FAILED: the check of ${name}, at the top of this report`);
  console.log(`${passed} passed, ${failed} failed${tests.skipped > 0 ? `, ${tests.skipped} skipped` : ''}`);
  process.exitCode = failed > 0 ? 1 : 0;
} finally {
  rmSync(home, { recursive: true, force: true });
}
