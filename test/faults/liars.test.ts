import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { NatsServer, noNatsServer } from '../mesh/nats-server.ts';
import { fibs, Lab, until } from './lab.ts';

/** Real agents of which one signs outputs that its tasks did not give. */

const launch = { node: ['--import', fileURLToPath(new URL('fixtures/liar.ts', import.meta.url))] };
const NUMBERS = [10, 11, 12];
const RIGHT = { all: [55, 89, 144] };

suite('whom to believe, with real agents', { skip: noNatsServer, timeout: 120_000 }, () => {
  test('listed: nothing of who is not listed is used, and no work is given to it; after `trust add` it is', async () => {
    await using server = await NatsServer.start();
    await using lab = new Lab([server]);
    const [lister, honest, liar] = await Promise.all([
      lab.start('lister', { more: ['--trust', 'listed'] }),
      lab.start('honest', { more: ['--tag', 'zone=eu'] }),
      lab.start('liar', { more: ['--tag', 'zone=eu'], launch }),
    ]);
    await lab.hears(lister, [honest, liar]);
    await lab.hears(liar, [honest]);
    // Of each of them: what one finds in the mesh of another is not run again.
    for (const agent of [liar, honest]) await lab.run(agent, fibs(NUMBERS, agent.name, { needs: { tags: { zone: 'eu' } } }));
    await until(
      async () => (await lab.metric(honest, 'docket_results_unfiled')) + (await lab.metric(liar, 'docket_results_unfiled')) === 0,
    );

    const alone = await lab.run(lister, fibs([...NUMBERS, 20, 21, 22, 23], 'liar'));
    assert.deepEqual([alone.tasks.ran, alone.tasks.cached], [7, 0]);
    const events = await lab.events(lister, alone.run);
    assert.deepEqual(
      events.filter(({ kind, member }) => kind === 'started' && member !== undefined),
      [],
    );
    assert.ok(events.some(({ kind, why }) => kind === 'refused' && String(why).startsWith('untrusted')));
    const nobody = await lab.run(lister, fibs([5], 'nobody', { needs: { tags: { zone: 'eu' }, within: '0ms' } }));
    assert.match(nobody.errors[0]!.message, /no other member is there that is believed/);

    assert.equal((await lab.docket(lister, ['trust', 'add', honest.did])).status, 0);
    const there = await lab.run(lister, fibs([6], 'there', { needs: { tags: { zone: 'eu' } } }));
    assert.deepEqual([there.state, there.outputs], ['completed', { all: [8] }]);
    const by = (await lab.events(lister, there.run)).filter(({ kind }) => kind === 'started').map(({ member }) => member);
    assert.deepEqual(by, [honest.did]);
  });

  test('agree: the two that agree win over a liar, who is reported and distrusted; a spot check finds it out as well', async () => {
    await using server = await NatsServer.start();
    await using lab = new Lab([server]);
    const [one, two, liar] = await Promise.all([
      lab.start('one', { more: ['--spot-check', '100%'] }),
      lab.start('two'),
      lab.start('liar', { launch }),
    ]);
    for (const agent of [one, liar]) await lab.hears(agent, [one, two, liar]);
    const voted = await lab.run(one, fibs(NUMBERS, 'voted', { agree: '2/3' }));
    assert.deepEqual([voted.state, voted.outputs], ['completed', RIGHT]);
    const dissents = (await lab.events(one, voted.run)).filter(({ kind }) => kind === 'dissent');
    assert.ok(dissents.length > 0 && dissents.every(({ member, isProof }) => member === liar.did && isProof === true));
    assert.equal(await lab.metric(one, 'docket_dissents_total', '"true"'), dissents.length);
    const found = await lab.docket(one, ['trust', 'ls']);
    assert.match(found.stdout, new RegExp(`^${liar.did} +distrusted .*its receipt .* is contradicted by`, 'm'));
    assert.match(one.log, /"agent distrusted"/);

    await lab.docket(one, ['trust', 'add', liar.did]);
    // All of it is done by the liar: nobody else is there any more.
    await Promise.all([one.stop(), two.stop()]);
    await lab.run(liar, fibs(NUMBERS, 'checked'));
    await until(async () => (await lab.metric(liar, 'docket_results_unfiled')) === 0);
    await one.start();
    const checked = await lab.run(one, fibs(NUMBERS, 'checked'));
    assert.deepEqual(checked.outputs, RIGHT);
    const [label] = (await lab.events(one, checked.run)).flatMap(({ kind, label: name }) => (kind === 'dissent' ? [String(name)] : []));
    const { stdout: why } = await lab.docket(one, ['why', checked.run, label!]);
    assert.match(why, new RegExp(`${liar.did} had a result of it.* checked`));
    assert.match((await lab.docket(one, ['trust', 'ls'])).stdout, new RegExp(`^${liar.did} +distrusted `, 'm'));
  });
});
