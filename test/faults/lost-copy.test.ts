import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { test } from 'node:test';
import { guest } from '../cli/helpers.ts';
import { countWords, sortedLines } from '../guests/words.ts';
import { NatsServer, noNatsServer } from '../mesh/nats-server.ts';
import { Lab } from './lab.ts';

/** Larger than what travels inline, so that only who made it holds it. */
const TEXT = Array.from({ length: 3_000 }, (_, i) => `word${i}`).join(' ');

test(
  'a task whose only copy went with its agent is run again, and its run ends right',
  { skip: noNatsServer, timeout: 60_000 },
  async () => {
    await using server = await NatsServer.start();
    await using lab = new Lab([server]);
    const is = (what: string) => ({ more: ['--tag', `is=${what}`] });
    const [here, ...others] = await lab.startAll(['here', 'there', 'elsewhere'], (name) => is(name === 'here' ? 'here' : 'other'));
    const run = await lab.submit(here!, {
      name: 'lost',
      tasks: {
        count: { module: guest('count-words'), stdin: { text: TEXT }, needs: { tags: { is: 'other' } } },
        merge: { module: guest('merge-counts'), files: { 'parts/a': { from: 'count', at: '/stdout' } }, needs: { tags: { is: 'late' } } },
      },
      outputs: { words: { from: 'merge', at: '/stdout' } },
    });
    const first = await lab.events(here!, run, ({ kind, label }) => kind === 'settled' && label === 'count');
    const by = first.findLast(({ kind }) => kind === 'started')!['member'];
    const holder = others.find(({ did }) => did === by)!;
    await holder.kill();
    rmSync(holder.home, { recursive: true, force: true, maxRetries: 5 });
    // Nobody could run what needs the copy until now, so nobody has fetched it.
    const late = await lab.start('late', is('late'));

    const events = await lab.events(here!, run);
    assert.equal(events.at(-1)!['state'], 'completed');
    const started = events.filter(({ kind }) => kind === 'started').map(({ label, member }) => `${String(label)} ${String(member)}`);
    const [second] = others.filter((agent) => agent !== holder);
    // It may be given away once before it is known that nobody has the copy.
    assert.deepEqual(started.toSpliced(1, started.length - 3), [`count ${String(by)}`, `count ${second!.did}`, `merge ${late.did}`]);
    const { outputs } = await lab.json<{ outputs: { words: { '/': string } } }>(here!, ['show', run]);
    const words = await late.ask(`/v1/blobs/${outputs.words['/']}`, AbortSignal.timeout(5_000));
    assert.equal(await words.text(), sortedLines(countWords(TEXT)));
  },
);
