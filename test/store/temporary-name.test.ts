import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { uptime } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { hexOfBytes } from '../../src/store/digest.ts';
import { DiskStore } from '../../src/store/disk-store.ts';
import * as Cid from '../../src/ipld/cid.ts';
import { contentPath } from '../../src/store/paths.ts';
import { isAbandoned, temporaryName } from '../../src/store/temporary-name.ts';
import { temporaryFolder } from './helpers.ts';

const NOW = 1_700_000_000_000;
const DAY = 86_400_000;
const deadPid = (): number => spawnSync(process.execPath, ['-e', '']).pid;

/** A name as another process would have made it. */
function nameOf(changed: { host?: string; pid?: number; moment?: number }): string {
  const [host, pid, moment, rest] = temporaryName().split('-');
  return [changed.host ?? host, changed.pid ?? pid, (changed.moment ?? Number(moment)).toFixed(2), rest].join('-');
}

test('a file of a living process is kept, however old', () => {
  assert.equal(isAbandoned(temporaryName(), NOW - 30 * DAY, NOW), false);
  assert.equal(isAbandoned(nameOf({ pid: 1 }), NOW - 30 * DAY, NOW), false);
});

test('a file of a dead process is abandoned at once', () => {
  assert.equal(isAbandoned(nameOf({ pid: deadPid() }), NOW, NOW), true);
});

test('a pid in use again does not keep a file of the process that had it before', (t) => {
  if (!existsSync('/proc/self/stat')) return t.skip('start times are read from /proc');
  assert.equal(isAbandoned(nameOf({ moment: uptime() - process.uptime() - 60 }), NOW, NOW), true);
});

test('a moment in the future is one before the last boot', () => {
  assert.equal(isAbandoned(nameOf({ moment: uptime() + 3600 }), NOW, NOW), true);
});

test('pids of other hosts prove nothing: their files go after a day', () => {
  const elsewhere = nameOf({ host: '00000000', pid: deadPid() });
  assert.equal(isAbandoned(elsewhere, NOW - DAY + 1, NOW), false);
  assert.equal(isAbandoned(elsewhere, NOW - DAY - 1, NOW), true);
  assert.equal(isAbandoned('a name of nobody', NOW - 1000, NOW), false);
  assert.equal(isAbandoned('a name of nobody', NOW - DAY - 1, NOW), true);
});

test('a good blob that was set aside by a process killed in the middle comes back', async () => {
  using folder = temporaryFolder();
  await DiskStore.open(folder.path);
  const [good, bad] = [Buffer.from('good'.repeat(2000)), Buffer.from('bad'.repeat(2000))];
  const aside = (bytes: Uint8Array, hex: string): void => {
    mkdirSync(dirname(contentPath(folder.path, hex)), { recursive: true });
    writeFileSync(join(folder.path, 'tmp', `${nameOf({ pid: deadPid() })}.aside-${hex}`), bytes);
  };
  aside(good, hexOfBytes(good));
  aside(Buffer.from('damaged'), hexOfBytes(bad));
  const store = await DiskStore.open(folder.path);
  assert.ok(good.equals(await store.read(Cid.ofBlob(good))));
  assert.equal(await store.stat(Cid.ofBlob(bad)), undefined);
});
