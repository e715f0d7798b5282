import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { before, test } from 'node:test';
import { buildGuests } from '../../scripts/build-guests.ts';
import { ROOT } from '../../scripts/run-command.ts';
import { noNatsServer } from '../mesh/nats-server.ts';

/** A quarter of a minute of what `npm run chaos` does for as long as one likes. */

before(() => buildGuests());

test('a mesh under kills and freezes gives right answers, and loses none', { skip: noNatsServer }, async () => {
  const options = ['--minutes', '0.25', '--agents', '3', '--servers', '1', '--at-once', '3', '--seed', '5'];
  const child = spawn(process.execPath, [join(ROOT, 'test', 'chaos', 'chaos.ts'), ...options], { stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  const [log, errors] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const status = await ended;
  const end = JSON.parse(log.trimEnd().split('\n').at(-1) ?? '{}') as Readonly<Record<string, unknown>>;
  assert.deepEqual([status, end['event'], end['violations']], [0, 'end', []], `${log.slice(-4_000)}\n${errors.slice(-2_000)}`);
  assert.ok(Number(end['accepted']) > 0 && end['right'] === end['accepted'], 'there was work, and all of it was right');
  assert.ok(Object.keys(end['faults'] as object).length > 0, 'something was hurt');
});
