import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, suite, test } from 'node:test';
import { text } from 'node:stream/consumers';
import { isDocketError } from '../../src/errors.ts';
import { verify } from '../../src/ipld/identity.ts';
import { loadOrCreateIdentity } from '../../src/ledger/identity-file.ts';

async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'docket-identity-'));
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}

const invalid = (error: unknown): boolean => isDocketError(error, 'IDENTITY_INVALID');

suite('the identity file', () => {
  test('is made at first use, mode 0600, and gives the same key ever after', async (t) => {
    const path = join(await folder(t), 'home', 'identity');
    const key = await loadOrCreateIdentity(path);
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    const bytes = Uint8Array.of(1);
    const again = await loadOrCreateIdentity(path);
    assert.equal(again.did, key.did);
    assert(verify(key.did, bytes, await again.sign(bytes)));
    assert.deepEqual(await readdir(join(path, '..')), ['identity']);
  });

  test('differs from home to home', async (t) => {
    const home = await folder(t);
    const [a, b] = [await loadOrCreateIdentity(join(home, 'a')), await loadOrCreateIdentity(join(home, 'b'))];
    assert.notEqual(a.did, b.did);
  });

  test('is one for all who race for it, in one process and in several', async (t) => {
    const home = await folder(t);
    const path = join(home, 'identity');
    const module = new URL('../../src/ledger/identity-file.ts', import.meta.url).href;
    const script = `const { loadOrCreateIdentity } = await import(${JSON.stringify(module)});
      process.stdout.write('ready'); process.stdin.once('data', async () => { process.stdout.write((await loadOrCreateIdentity(${JSON.stringify(path)})).did); process.stdin.destroy(); });`;
    const children = Array.from({ length: 3 }, () =>
      spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['pipe', 'pipe', 'inherit'] }),
    );
    await Promise.all(children.map(({ stdout }) => once(stdout, 'readable')));
    const outputs = children.map(({ stdout }) => text(stdout));
    for (const { stdin } of children) stdin.write('go');
    const own = await Promise.all(Array.from({ length: 8 }, async () => (await loadOrCreateIdentity(path)).did));
    const theirs = (await Promise.all(outputs)).map((output) => output.replace('ready', ''));
    assert.equal(new Set([...own, ...theirs]).size, 1, [...own, ...theirs].join(' '));
    assert.deepEqual(await readdir(home), ['identity']);
  });

  test('leftovers of a creator that was killed are removed', async (t) => {
    const home = await folder(t);
    await writeFile(join(home, '.identity.new-1234'), 'half');
    await writeFile(join(home, '.other.new-1234'), 'not ours');
    await loadOrCreateIdentity(join(home, 'identity'));
    assert.deepEqual((await readdir(home)).toSorted(), ['.other.new-1234', 'identity']);
  });

  test('is refused when others may read or write it', async (t) => {
    const path = join(await folder(t), 'identity');
    await loadOrCreateIdentity(path);
    for (const mode of [0o640, 0o604, 0o620, 0o601, 0o666]) {
      await chmod(path, mode);
      await assert.rejects(loadOrCreateIdentity(path), (error: Error) => invalid(error) && error.message.includes(`0${mode.toString(8)}`));
    }
    await chmod(path, 0o400);
    await loadOrCreateIdentity(path);
  });

  test('is refused when damaged, at any byte, and left as it is', async (t) => {
    const path = join(await folder(t), 'identity');
    await loadOrCreateIdentity(path);
    const whole = await readFile(path);
    const cuts = [
      whole.subarray(0, 0),
      whole.subarray(0, 40),
      whole.subarray(0, -3),
      Buffer.from('{}'),
      Buffer.from('[]'),
      Buffer.alloc(300),
      Buffer.alloc(100_000, ' '),
    ];
    const flips = Array.from(whole, (_, at) => Buffer.from(whole.map((byte, i) => (i === at ? byte ^ 1 : byte))));
    for (const damaged of [...cuts, ...flips]) {
      await writeFile(path, damaged);
      await assert.rejects(loadOrCreateIdentity(path), invalid);
      assert.deepEqual(await readFile(path), damaged);
    }
  });

  test('of a format to come is refused', async (t) => {
    const path = join(await folder(t), 'identity');
    await loadOrCreateIdentity(path);
    await writeFile(path, (await readFile(path, 'utf8')).replace('"version": 1', '"version": 2'));
    await assert.rejects(loadOrCreateIdentity(path), (error: Error) => invalid(error) && error.message.includes('format'));
  });

  test('is a regular file', async (t) => {
    const home = await folder(t);
    await loadOrCreateIdentity(join(home, 'real'));
    await symlink('real', join(home, 'link'));
    await symlink('nowhere', join(home, 'dangling'));
    await mkdir(join(home, 'folder'), { mode: 0o700 });
    for (const name of ['link', 'dangling', 'folder']) await assert.rejects(loadOrCreateIdentity(join(home, name)), invalid, name);
  });

  test('where it cannot be, the home is unusable', async (t) => {
    const home = await folder(t);
    await writeFile(join(home, 'file'), '');
    await assert.rejects(loadOrCreateIdentity(join(home, 'file', 'identity')), (error: unknown) => isDocketError(error, 'HOME_UNUSABLE'));
  });
});
