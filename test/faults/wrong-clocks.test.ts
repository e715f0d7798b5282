import assert from 'node:assert/strict';
import { globSync } from 'node:fs';
import { test } from 'node:test';
import { NatsServer, noNatsServer } from '../mesh/nats-server.ts';
import { fibs, Lab, until } from './lab.ts';

const [faker] = globSync('/usr/lib/{*/,}faketime/libfaketimeMT.so.1');
const whyNot = noNatsServer || (faker === undefined && 'libfaketime is not here. On Debian: apt-get install libfaketime');

const NUMBERS = Array.from({ length: 40 }, () => 33);
const RIGHT = { all: NUMBERS.map(() => 3_524_578) };
const MINUTE = 60_000;

/** What an agent believes: the wall clock only, as where nobody set it. */
const clock = (minutes: number) => ({
  launch: {
    env: {
      LD_PRELOAD: faker!,
      FAKETIME: `${minutes < 0 ? '' : '+'}${minutes}m`,
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    },
  },
});

test('clocks that are minutes off change nothing but the times that are shown', { skip: whyNot, timeout: 60_000 }, async () => {
  await using server = await NatsServer.start();
  await using lab = new Lab([server]);
  const [ahead, behind, right] = await lab.startAll(['ahead', 'behind', 'right'], (name) =>
    name === 'right' ? {} : clock(name === 'ahead' ? 7 : -9),
  );
  const run = await lab.submit(ahead!, fibs(NUMBERS, 'skewed'));
  await lab.events(ahead!, run, ({ kind, member }) => kind === 'started' && member === behind!.did);
  await ahead!.kill();
  await until(async () => (await lab.json<{ state?: string }>(right!, ['show', run])).state === 'completed');
  for (const agent of [behind!, right!]) {
    const { outputs, created } = await lab.json<{ outputs: unknown; created: string }>(agent, ['show', run]);
    assert.deepEqual(outputs, RIGHT);
    const off = Date.parse(created) - Date.now();
    assert.ok(off > 5 * MINUTE && off < 9 * MINUTE, `it began in ${off / MINUTE} minutes`);
    // What another filed later, or before, than this clock says is found all the same.
    const again = await lab.run(agent, fibs(NUMBERS, 'skewed'));
    assert.deepEqual([again.tasks.ran, again.outputs], [0, RIGHT]);
  }
  await ahead!.start();
  await lab.hears(right!, [ahead!, behind!]);
  await lab.hears(ahead!, [right!, behind!]);
  const told = (await lab.run(ahead!, fibs(NUMBERS, 'once more'))).outputs;
  assert.deepEqual(told, RIGHT);
});
