import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
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
const workflow = join(home, 'workflow.yaml');
writeFileSync(
  workflow,
  `
docket: 1
tasks:
  words: { module: ${join(ROOT, 'build', 'guests', 'count-words.wasm')}, args: [text.md], files: { text.md: text.md } }
  letters: { module: ${join(ROOT, 'build', 'guests', 'split-counts.wasm')}, stdin: { from: words, at: /stdout }, outputs: ["by-letter/*.tsv"] }
outputs:
  letters: { from: letters, at: /files }
`,
);
writeFileSync(join(home, 'text.md'), 'A small text with a few words, some of them more than a few times.\n');
const json = [docket, 'run', join(ROOT, 'examples', '02-numbers', 'workflow.json')];
const yaml = [docket, 'run', workflow];

function timeOf(node: string, args: readonly string[]): number {
  const times = Array.from({ length: ROUNDS }, () => {
    const start = performance.now();
    const { status, stderr } = spawnSync(node, args, { env: { ...process.env, DOCKET_HOME: join(home, 'home') }, encoding: 'utf8' });
    if (status !== 0) throw new Error(stderr);
    return performance.now() - start;
  });
  return median(times);
}

function isOld(node: string): boolean {
  return existsSync(node) && Number(spawnSync(node, ['-p', 'parseInt(process.versions.node)'], { encoding: 'utf8' }).stdout) < 24;
}

try {
  for (const command of [json, yaml]) timeOf(process.execPath, command);
  const bare = timeOf(process.execPath, ['-e', '0']);
  const measure = (what: string, args: readonly string[], target?: number): void => {
    printRow({ what, value: timeOf(process.execPath, args), unit: 'ms', floor: bare, ...(target === undefined ? {} : { target }) });
  };
  measure('docket --version', [docket, '--version']);
  measure('docket runs', [docket, 'runs']);
  measure('docket run, all cached, JSON', json, 150);
  measure('docket run, all cached, YAML', yaml, 150);
  const old = (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((path) => join(path, 'node'))
    .find(isOld);
  if (old !== undefined) {
    const both = bare + timeOf(old, ['-e', '0']);
    printRow({ what: 'the JSON one, changing Node', value: timeOf(old, json), unit: 'ms', floor: both, target: 220 });
  }
} finally {
  rmSync(home, { recursive: true, force: true });
}
