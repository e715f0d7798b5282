import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { loadOrCreateToken } from '../../src/agent/token-file.ts';

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'docket-token-'));
  t.after(() => rmSync(path, { recursive: true }));
  return path;
}

test('the token of a home is made once, for all who race for it, and closed to others', async (t) => {
  const home = folder(t);
  const path = join(home, 'token');
  const tokens = await Promise.all(Array.from({ length: 8 }, () => loadOrCreateToken(path)));
  assert.equal(new Set(tokens).size, 1);
  assert.match(tokens[0]!, /^[\w-]{43}$/);
  assert.deepEqual([statSync(path).mode & 0o777, readFileSync(path, 'utf8'), readdirSync(home)], [0o600, `${tokens[0]}\n`, ['token']]);
});

test('a token file that others may read, or that holds none, is refused and left as it is', async (t) => {
  const home = folder(t);
  const path = join(home, 'token');
  await loadOrCreateToken(path);
  chmodSync(path, 0o640);
  await assert.rejects(loadOrCreateToken(path), { code: 'HOME_UNUSABLE', message: /is open to others \(mode 0640\)/ });
  chmodSync(path, 0o600);
  for (const text of ['', 'short\n', `${'a'.repeat(43)}\n${'b'.repeat(43)}`, 'a'.repeat(10_000)]) {
    writeFileSync(path, text);
    await assert.rejects(loadOrCreateToken(path), { code: 'HOME_UNUSABLE', next: /^Remove it to get a new token/ });
    assert.equal(readFileSync(path, 'utf8'), text);
  }
  symlinkSync('token', join(home, 'link'));
  await assert.rejects(loadOrCreateToken(join(home, 'link')), { code: 'HOME_UNUSABLE', message: /is a symlink/ });
});
