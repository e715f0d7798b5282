import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, suite, test } from 'node:test';
import { keptFolder, temporaryFolder } from '../../src/cli/dev/folder.ts';
import { isDocketError } from '../../src/errors.ts';
import { Lock } from '../../src/ledger/locks.ts';

let place: string;
beforeEach(() => void (place = mkdtempSync(join(tmpdir(), 'docket-folder-'))));
afterEach(() => rmSync(place, { recursive: true, force: true }));

/** As a trial leaves its folder that is killed. */
function leave(name: string): string {
  const folder = join(place, name);
  mkdirSync(join(folder, 'nats'), { recursive: true });
  writeFileSync(join(folder, 'dev.lock'), '');
  return folder;
}

suite('the folder of docket dev', () => {
  test('one that cannot be made is refused at once', { skip: existsSync('/proc/self') ? false : 'there is no /proc' }, () => {
    for (const dir of ['/proc/x', '/proc/x/y'])
      assert.throws(
        () => keptFolder(dir),
        (error) => isDocketError(error, 'HOME_UNUSABLE') && error.message.includes(dir) && /--dir/.test(error.next),
      );
  });

  test('one that stays is made, is one trial’s at a time, and is left as it is', async () => {
    const dir = join(place, 'a', 'b');
    {
      await using held = keptFolder(dir);
      assert.equal(held.folder, dir);
      assert.throws(
        () => keptFolder(dir),
        (error) => isDocketError(error, 'AGENT_BUSY'),
      );
    }
    await using again = keptFolder(dir);
    assert.ok(existsSync(again.folder));
  });

  test('one that is temporary goes at the end', async () => {
    let folder: string;
    {
      await using held = await temporaryFolder(place);
      ({ folder } = held);
      assert.ok(Lock.isHeld(join(folder, 'dev.lock')));
    }
    assert.equal(existsSync(folder), false);
  });

  test('what a trial left that was killed is removed by the next, and nothing else', async () => {
    const left = leave('docket-dev-left');
    const stays = [leave('other-1'), leave('docket-dev-held')];
    using _held = Lock.tryAcquire(join(place, 'docket-dev-held', 'dev.lock'));
    // About to be locked.
    mkdirSync(join(place, 'docket-dev-new'));
    writeFileSync(join(place, 'docket-dev-new', 'dev.lock'), '');
    writeFileSync(join(place, 'docket-dev-file'), '');
    symlinkSync(join(place, 'other-1'), join(place, 'docket-dev-link'));
    await using _folder = await temporaryFolder(place);
    assert.equal(existsSync(left), false);
    for (const path of [...stays, ...['new', 'file', 'link'].map((name) => join(place, `docket-dev-${name}`))])
      assert.ok(existsSync(path), path);
  });
});
