import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { ROOT } from '../../scripts/run-command.ts';
import { noNatsServer } from '../mesh/nats-server.ts';

/** A small one of what `npm run word-count` does with a gigabyte. */

test('two word counts at once, on agents that are killed, count as one process does', { skip: noNatsServer }, async () => {
  const options = ['--bytes', '12000000', '--pieces', '24', '--agents', '3', '--servers', '1', '--jobs', '2', '--pause', '1'];
  const child = spawn(process.execPath, [join(ROOT, 'test', 'chaos', 'word-count.ts'), ...options], { stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  const [log, errors] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const status = await ended;
  const events = log
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);
  const end = events.at(-1) ?? {};
  assert.deepEqual([status, end['event'], end['violations']], [0, 'end', []], `${log.slice(-4_000)}\n${errors.slice(-2_000)}`);
  assert.deepEqual(
    events.filter(({ event }) => event === 'ended').map(({ isRight }) => isRight),
    [true, true],
  );
  assert.ok(
    events.some(({ event }) => event === 'kill'),
    'somebody was killed',
  );
});
