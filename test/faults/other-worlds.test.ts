import assert from 'node:assert/strict';
import { cpSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { connect, type Msg } from '@nats-io/transport-node';
import { ROOT } from '../../scripts/run-command.ts';
import { NatsServer, noNatsServer } from '../mesh/nats-server.ts';
import { fibs, Lab, until } from './lab.ts';

/** Agents beside each other that are not of one mesh, or not of one version. */

const NUMBERS = Array.from({ length: 12 }, () => 30);
const RIGHT = { all: NUMBERS.map(() => 832_040) };

/** A copy of the program, with lines of it changed. */
function edition(lab: Lab, name: string, changes: Readonly<Record<string, readonly [from: string, to: string]>>): string {
  // Beside the home of the agent of that name.
  const folder = join(lab.folder, `edition-${name}`);
  cpSync(join(ROOT, 'src'), join(folder, 'src'), { recursive: true });
  cpSync(join(ROOT, 'package.json'), join(folder, 'package.json'));
  for (const link of ['node_modules', 'build']) symlinkSync(join(ROOT, link), join(folder, link));
  for (const [file, [from, to]] of Object.entries(changes)) {
    const text = readFileSync(join(folder, file), 'utf8');
    assert.ok(text.includes(from), `${file} says ${from}`);
    writeFileSync(join(folder, file), text.replace(from, to));
  }
  return join(folder, 'src', 'cli', 'main.ts');
}

suite('agents of other meshes and versions', { skip: noNatsServer, timeout: 120_000 }, () => {
  test('two meshes on one server: neither hears the other, and what is replayed from one into the other changes nothing', async () => {
    await using server = await NatsServer.start();
    await using lab = new Lab([server]);
    const [one, other] = await Promise.all([lab.start('one', { mesh: 'one' }), lab.start('other', { mesh: 'other' })]);
    const tap = await connect({ servers: server.url });
    const heard: Msg[] = [];
    tap.subscribe('docket.one.>', { callback: (_, message) => void heard.push(message) });
    tap.subscribe('$KV.docket-one-records.>', { callback: (_, message) => void heard.push(message) });
    await tap.flush();
    const member = await lab.start('member', { mesh: 'one' });
    await lab.hears(one, [member]);
    const run = await lab.run(one, fibs(NUMBERS, 'there'));
    assert.deepEqual(run.outputs, RIGHT);
    await until(async () => (await lab.metric(one, 'docket_results_unfiled')) === 0);
    assert.deepEqual(
      (await lab.members(other)).map(({ did }) => did),
      [other.did],
    );
    assert.match((await lab.docket(other, ['runs'])).stderr, /no runs yet/);

    for (const { subject, data } of heard)
      tap.publish(subject.replace('docket.one.', 'docket.other.').replace('docket-one-', 'docket-other-'), data);
    await tap.flush();
    // Beats are beats wherever they are said: what makes somebody a member is what it signed for this mesh.
    const same = await lab.run(other, fibs(NUMBERS, 'there'));
    assert.deepEqual([same.tasks.ran, same.tasks.cached, same.outputs], [12, 0, RIGHT]);
    assert.ok((await lab.metric(other, 'docket_receipts_refused_total', '"untrusted"')) > 0);
    // Who watches the records may come upon one twice.
    const refused = [...other.log.matchAll(/"member refused","record":"([^"]+)".*it is of another mesh/g)].map(([, record]) => record);
    assert.deepEqual(new Set(refused), new Set([one, member].map(({ did }) => `member.${did}`)));
    const started = (await lab.events(other, same.run)).filter(({ kind }) => kind === 'started');
    assert.deepEqual([...new Set(started.map(({ member: at }) => at))], [undefined], 'who was never a member is given nothing');
    await tap.close();
  });

  test('a later version of the program, which says more than this one knows: they share work', async () => {
    await using server = await NatsServer.start();
    await using lab = new Lab([server]);
    const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { readonly version: string };
    const main = edition(lab, 'later', {
      'package.json': [`"version": "${version}"`, '"version": "99.1.0"'],
      'src/protocol/mesh/beat-codec.ts': ['    did,\n    incarnation,', "    did,\n    color: 'red',\n    incarnation,"],
      'src/protocol/mesh/shared-result.ts': ['    receipt,\n', "    receipt,\n    color: 'red',\n"],
    });
    const [now, later] = await lab.startAll(['now', 'later'], (name) =>
      name === 'later' ? { more: ['--tag', 'is=later'], launch: { main } } : {},
    );
    assert.deepEqual((await lab.members(now!)).map((member) => member.version).toSorted(), [version, '99.1.0'].toSorted());
    const there = await lab.run(now!, fibs(NUMBERS, 'there', { needs: { tags: { is: 'later' } } }));
    assert.deepEqual([there.state, there.outputs], ['completed', RIGHT]);
    const back = await lab.run(later!, fibs(NUMBERS, 'back'));
    assert.deepEqual([back.state, back.outputs], ['completed', RIGHT]);
    await until(async () => (await lab.metric(later!, 'docket_results_unfiled')) === 0);
    assert.equal((await lab.run(now!, fibs(NUMBERS, 'back'))).tasks.ran, 0);
  });

  test('another version of the protocol: each works alone, and says so', async () => {
    await using server = await NatsServer.start();
    await using lab = new Lab([server]);
    const main = edition(lab, 'next', { 'src/protocol/mesh/member.ts': ['MESH_VERSION = 1', 'MESH_VERSION = 2'] });
    const [now, next] = await Promise.all([lab.start('now'), lab.start('next', { launch: { main } })]);
    await until(() => /"mesh refused","reason":"beat newer".*it is of version 2/.test(now.log));
    await until(() => /"mesh refused","reason":"beat /.test(next.log));
    for (const agent of [now, next]) {
      const { state, tasks, outputs } = await lab.run(agent, fibs(NUMBERS, 'same'));
      assert.deepEqual([state, tasks.ran, outputs], ['completed', 12, RIGHT]);
      assert.ok((await lab.metric(agent, 'docket_mesh_refused_total')) > 0);
    }
  });
});
