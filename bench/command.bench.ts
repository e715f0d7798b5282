import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { ROOT } from '../scripts/run-command.ts';
import { median } from './median.ts';
import { printRow } from './print-row.ts';

/**
 * Whole commands as a shell sees them, from the start of the process to its end, beside the bare start of the same Node.
 * Medians: a start is disturbed by whatever else the machine does, and the mean would measure that.
 */

const ROUNDS = 11;
const home = mkdtempSync(join(tmpdir(), 'docket-bench-'));
const docket = join(ROOT, 'bin', 'docket');
const cached = [docket, 'run', join(ROOT, 'examples', '02-numbers', 'workflow.json')];

function timeOf(node: string, args: readonly string[]): number {
  const times = Array.from({ length: ROUNDS }, () => {
    const start = performance.now();
    const { status, stderr } = spawnSync(node, args, { env: { ...process.env, DOCKET_HOME: home }, encoding: 'utf8' });
    if (status !== 0) throw new Error(stderr);
    return performance.now() - start;
  });
  return median(times);
}

function isOld(node: string): boolean {
  return existsSync(node) && Number(spawnSync(node, ['-p', 'parseInt(process.versions.node)'], { encoding: 'utf8' }).stdout) < 24;
}

try {
  timeOf(process.execPath, cached);
  const bare = timeOf(process.execPath, ['-e', '0']);
  printRow({ what: 'docket --version', value: timeOf(process.execPath, [docket, '--version']), unit: 'ms', floor: bare });
  printRow({ what: 'docket run, all cached', value: timeOf(process.execPath, cached), unit: 'ms', floor: bare, target: 150 });
  const old = (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((path) => join(path, 'node'))
    .find(isOld);
  if (old !== undefined) {
    const both = bare + timeOf(old, ['-e', '0']);
    printRow({ what: 'the same, changing Node', value: timeOf(old, cached), unit: 'ms', floor: both, target: 220 });
  }
} finally {
  rmSync(home, { recursive: true, force: true });
}
