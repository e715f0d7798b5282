import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { test } from 'node:test';
import { readable } from '../../src/cli/dev/log-line.ts';
import { findNatsServer } from '../../src/cli/dev/nats.ts';
import { isDocketError } from '../../src/errors.ts';

test('nats-server is found on the path and in the usual folders, and what to install is said where it is not', () => {
  const folder = mkdtempSync(join(tmpdir(), 'docket-dev-nats-'));
  try {
    assert.throws(
      () => findNatsServer(folder, []),
      (error) => isDocketError(error, 'NATS_SERVER_MISSING') && /apt-get install/.test(error.next),
    );
    writeFileSync(join(folder, 'nats-server'), '');
    assert.throws(
      () => findNatsServer(folder, []),
      (error) => isDocketError(error, 'NATS_SERVER_MISSING'),
      'it cannot be run',
    );
    chmodSync(join(folder, 'nats-server'), 0o755);
    assert.equal(findNatsServer(['relative', folder].join(delimiter), []), join(folder, 'nats-server'));
    assert.equal(findNatsServer(undefined, [folder]), join(folder, 'nats-server'));
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('lines of an agent are shown as people read them, and what is none as it is, without control characters', () => {
  assert.equal(
    readable('{"time":"2026-11-22T21:29:31.000Z","event":"member joined","host":"vm","n":1}'),
    '21:29:31 member joined host=vm n=1',
  );
  assert.equal(readable('{"event":"\\u001b[2J"}'), ' \\u001b[2J');
  assert.equal(readable('{broken'), '{broken');
  assert.equal(readable('\u001b[31mred'), '\\u001b[31mred');
});
