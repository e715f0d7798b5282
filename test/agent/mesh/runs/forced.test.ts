import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { buildGuests } from '../../../../scripts/build-guests.ts';
import { chain, Lab, type Member } from './member.ts';

/** Runs whose results are not to be found but made. */

before(() => buildGuests());

test('what was forced and was run elsewhere is not run again where the run began', async () => {
  await using lab = new Lab();
  const [a, b] = [await lab.member('a'), await lab.member('b')];
  const slow = '  slow: { module: org.example.loop, limits: { time: 10min } }\n';
  const run = await a.submit(chain(12).replace('tasks:\n', `tasks:\n${slow}`), { options: { force: 'all' } });
  const ran = ({ engine }: Member): string[] =>
    [...engine.ledger.runTasks(run)].flatMap(({ label, state, via }) => (state === 'ok' && via === 'ran' ? [label] : []));
  const isAtEnd = ({ engine }: Member): boolean =>
    [...engine.ledger.runTasks(run)].some(({ label, state }) => label === 't11' && state === 'ok');
  await lab.until(async () => (await a.record(run))!.isSecured);
  await lab.until(() => ran(a).length >= 4, 'some of it is run');
  await lab.after(a[Symbol.asyncDispose]());
  a.isGone = true;
  await lab.until(() => isAtEnd(b), 'the rest is run elsewhere');
  const there = ran(b);
  const back = await lab.member('a', { incarnation: 'I2' });
  const reader = back.follow(run);
  await lab.until(() => reader.events.some(({ kind, data }) => kind === 'settled' && data.includes('"t11"')), 'all of it is told');
  await b.kill();
  await lab.until(() => back.active.size === 1 && isAtEnd(back), 'it goes on where it began');
  assert.ok(there.length > 0);
  assert.deepEqual(
    ran(back).filter((label) => there.includes(label)),
    [],
  );
  await lab.after(back.runs.cancel(run, new AbortController().signal));
});
