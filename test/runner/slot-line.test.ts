import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Clock, systemClock } from '../../src/base/clock.ts';
import { Encoder } from '../../src/runner/protocol.ts';
import { SlotLine } from '../../src/runner/slot-line.ts';
import { call, never, summary, wat } from './helpers.ts';

/** A slot process that is none: a shell script that talks on descriptor 4 as it likes. Tests end when it is gone. */
async function withScript(
  script: string,
  check: (line: SlotLine, log: string[]) => Promise<void>,
  clock: Clock = systemClock,
): Promise<void> {
  const log: string[] = [];
  const line = new SlotLine(
    { file: '/bin/sh', args: ['-c', script] },
    { storeRoot: '/nowhere', clock, encoder: new Encoder(), onLog: (text) => log.push(text), onGone: () => log.push('gone') },
  );
  try {
    await check(line, log);
  } finally {
    await line.close();
  }
  assert.deepEqual(
    log.filter((text) => text === 'gone'),
    ['gone'],
  );
}

const job = call(wat('(module (func (export "f")))'), 'f');

/** `bytes` as `printf` writes them to the results. */
const send = (bytes: Uint8Array): string => `printf '${[...bytes].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('')}' >&4`;

const encoder = new Encoder();
const ready = send(encoder.ready());
const endOf = (id: number): string =>
  send(
    encoder.end({ id, outcome: { tag: 'ok', value: id }, usage: { wall: 0, cpu: 0, memory: 0, output: 0 }, small: new Map(), written: [] }),
  );

const lostWith = async (script: string, message: RegExp): Promise<void> =>
  withScript(script, async (line) => {
    const [first, second] = await Promise.all([line.submit(job, never), line.submit(job, never)]);
    assert.ok(first.kind === 'lost' && first.code === 'lost');
    assert.match(first.message, message);
    assert.deepEqual(second, { kind: 'unstarted' });
    assert.equal(line.isOpen, false);
  });

describe('SlotLine', () => {
  test('what a process says before it dies is told', () =>
    withScript('echo boom >&2; exit 3', async (line, log) => {
      assert.deepEqual(summary(await line.submit(job, never)), [
        'lost',
        'lost',
        'the slot process ended before it had started: exit status 3; it said: boom',
      ]);
      assert.ok(log.includes('boom\n'));
    }));

  test('a process that cannot be started', async () => {
    const line = new SlotLine(
      { file: '/nowhere/sh', args: [] },
      { storeRoot: '/nowhere', clock: systemClock, encoder, onLog: () => undefined, onGone: () => undefined },
    );
    const end = await line.submit(job, never);
    assert.ok(end.kind === 'lost' && end.message.includes('ENOENT'));
  });

  test('an end that was in the pipe when the process died counts', () =>
    withScript(`${ready}; ${endOf(1)}; kill -9 $$`, async (line) => {
      const ends = await Promise.all([line.submit(job, never), line.submit(job, never)]);
      assert.deepEqual(ends.map(summary), [
        ['ok', 1],
        ['lost', 'lost', 'the slot process ended while it ran the task: signal SIGKILL'],
      ]);
    }));

  test('a process that sends nonsense is killed', () =>
    lostWith(`${ready}; ${send(Uint8Array.of(3, 0, 0, 0, 9, 9, 9))}; exec sleep 1000`, /sent what is no message/));

  test('a process that announces a message without end is killed', () =>
    lostWith(`${ready}; ${send(Uint8Array.of(255, 255, 255, 255))}; exec sleep 1000`, /4294967295 bytes/));

  test('a process that ends a job out of turn is killed', () =>
    lostWith(`${ready}; ${endOf(2)}; exec sleep 1000`, /ended job 2 out of turn/));

  test('a process that does not start in time is killed', async () => {
    const timers = new Set<() => void>();
    const clock: Clock = {
      ...systemClock,
      after: (_ms, callback) => {
        timers.add(callback);
        return () => timers.delete(callback);
      },
    };
    await withScript(
      'exec sleep 1000',
      async (line) => {
        const end = line.submit(job, never);
        for (const fire of timers) fire();
        assert.deepEqual(summary(await end), ['lost', 'lost', 'the slot process did not start within 30000 ms']);
      },
      clock,
    );
    assert.equal(timers.size, 0);
  });
});
