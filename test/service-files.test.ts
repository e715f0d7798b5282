import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ROOT } from '../scripts/run-command.ts';
import { SETTING_NAMES, variableOf } from '../src/agent/config/settings.ts';

/** What is given to those who run an agent for others. */

const read = (...path: string[]): string => readFileSync(join(ROOT, 'docs', ...path), 'utf8');

const noSystemd = spawnSync('systemd-analyze', ['--version']).error === undefined ? false : 'systemd-analyze is not installed';

test('systemd takes the unit', { skip: noSystemd }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'docket-unit-'));
  try {
    const unit = join(folder, 'docket.service');
    writeFileSync(unit, read('service', 'docket.service').replaceAll('/usr/local/bin/docket', process.execPath));
    const { status, stdout, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', unit], { encoding: 'utf8' });
    assert.deepEqual([status, stdout + stderr], [0, '']);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('unit and Containerfile name variables that there are', () => {
  const known = new Set([...SETTING_NAMES.map(variableOf), 'DOCKET_CONFIG']);
  for (const file of ['docket.service', 'Containerfile'])
    for (const [name] of read('service', file).matchAll(/\bDOCKET_[A-Z_]+/g)) assert.ok(known.has(name), `${file}: ${name}`);
});

test('the docs tell every setting, and no other', () => {
  const rows = [...read('agent.md').matchAll(/^\| `--([a-z-]+)/gm)].map(([, name]) => name!);
  assert.deepEqual(rows.toSorted(), ['config', 'print-config', ...SETTING_NAMES].toSorted());
});

test('the docs tell every metric, and no other', () => {
  const sources = globSync('**/*.ts', { cwd: join(ROOT, 'src') }).map((file) => readFileSync(join(ROOT, 'src', file), 'utf8'));
  const counted = sources.flatMap((text) => [...text.matchAll(/name: '(docket_[a-z_]+)'/g)].map(([, name]) => name!));
  const table = read('agent.md').split('\n| metric |')[1]!.split('\n\n')[0]!;
  const told = [...table.matchAll(/`(docket_[a-z_]+)`/g)].map(([, name]) => name!);
  assert.deepEqual(told.toSorted(), counted.toSorted());
});
