import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { suite, test } from 'node:test';
import { connect } from '@nats-io/transport-node';
import { Operator } from '../mesh/nats-jwt.ts';
import { guest, MAIN, type Report } from '../cli/helpers.ts';
import { NatsServer, noNatsServer } from '../mesh/nats-server.ts';
import { type Event, fibs, Lab, until } from './lab.ts';

/** What becomes of runs of real agents when what is between them fails. */

const NUMBERS = Array.from({ length: 16 }, () => 33);
const RIGHT = { all: NUMBERS.map(() => 3_524_578) };
const isShared = ({ kind, member }: Event): boolean => kind === 'started' && member !== undefined;

suite('an engine that fails agents in mid-run', { skip: noNatsServer }, () => {
  test('credentials that expire: others go on, and new ones in the file are taken up', { timeout: 60_000 }, async () => {
    const operator = new Operator();
    await using server = await NatsServer.start({ config: operator.config });
    await using lab = new Lab([server]);
    const giveCredentials = (name: string, lifetime?: number): string => {
      const file = join(lab.folder, `${name}.creds`);
      writeFileSync(file, operator.credentials(lifetime), { mode: 0o600 });
      return file;
    };
    const [lasting, brief] = await lab.startAll(['lasting', 'brief'], (name) => ({
      more: ['--creds', giveCredentials(name, name === 'brief' ? 8 : undefined)],
    }));
    const run = await lab.submit(lasting!, fibs(NUMBERS, 'expiring'));
    await until(() => /link down.*says that the credentials have expired/.test(brief!.log));
    const alone = await lab.run(lasting!, fibs(NUMBERS, 'alone'));
    assert.deepEqual([alone.state, alone.outputs], ['completed', RIGHT]);
    assert.equal((await lab.events(lasting!, run)).at(-1)!['state'], 'completed');
    const { stdout } = await lab.docket(brief!, ['agents']);
    assert.match(stdout, /NOT HEARD: .*(have expired|does not take these credentials)/);
    const ready = await brief!.ask('/readyz', AbortSignal.timeout(5_000));
    assert.deepEqual([ready.status, /not in its mesh lab/.test(await ready.text())], [503, true]);
    giveCredentials('brief');
    await lab.hears(lasting!, [brief!]);
    const again = await lab.run(brief!, fibs(NUMBERS, 'alone'));
    assert.deepEqual([again.state, again.outputs], ['completed', RIGHT]);
  });

  test('a server that stands still: runs go on where they are driven, and are told', { timeout: 40_000 }, async () => {
    await using server = await NatsServer.start();
    await using lab = new Lab([server]);
    const [one, two] = await lab.startAll(['one', 'two']);
    const run = await lab.submit(one!, fibs(NUMBERS, 'paused'));
    await lab.events(one!, run, isShared);
    server.pause();
    assert.equal((await lab.events(one!, run)).at(-1)!['state'], 'completed');
    const during = await lab.run(two!, fibs(NUMBERS, 'during'));
    assert.deepEqual([during.state, during.outputs], ['completed', RIGHT]);
    server.resume();
    await lab.hears(one!, [two!]);
    await lab.hears(two!, [one!]);
    for (const [agent, id] of [
      [one!, during.run],
      [two!, run],
    ] as const)
      await until(async () => (await lab.json<{ state?: string }>(agent, ['show', id])).state === 'completed');
    const known = await lab.run(one!, fibs(NUMBERS, 'during'));
    assert.deepEqual([known.tasks.ran, known.outputs], [0, RIGHT]);
  });

  test('a server that stands still: who has heard of a run and no more tells that, and follows it later', { timeout: 60_000 }, async () => {
    await using server = await NatsServer.start();
    await using lab = new Lab([server]);
    const one = await lab.start('one');
    const run = await lab.submit(one, { tasks: { slow: { module: guest('loop'), limits: { time: '10min' } } } });
    await lab.events(one, run, ({ kind }) => kind === 'secured' || kind === 'started');
    const late = await lab.start('late');
    await until(async () => (await lab.docket(late, ['runs'])).stdout.includes(run));
    server.pause();
    const args = ['watch', run, '--json', '--agent', late.url, '--token-file', late.tokenFile];
    const env = { ...process.env, DOCKET_HOME: join(lab.folder, 'nobody') };
    const watching = spawn(process.execPath, [MAIN, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    const out = text(watching.stdout);
    const waits = once(createInterface({ input: watching.stderr }), 'line');
    const shown = await lab.json<{ state: string; tasks: unknown[]; unlisted?: { code: string } }>(late, ['show', run]);
    assert.deepEqual([shown.state, shown.tasks, shown.unlisted?.code], ['running', [], 'RUN_UNREACHABLE']);
    assert.match(String(await waits), /^the plan of run \S+ cannot be had yet, it is tried again: /);
    server.resume();
    await lab.hears(late, [one]);
    assert.equal((await lab.docket(one, ['cancel', run])).status, 0);
    assert.equal((JSON.parse(await out) as Report).state, 'cancelled');
  });

  test(
    'records that are full: runs end right at home, are told there, and the log says why nobody else hears of them',
    { timeout: 60_000 },
    async () => {
      await using server = await NatsServer.start();
      await using lab = new Lab([server]);
      const [one] = await lab.startAll(['one'], () => ({ size: '1MiB' }));
      const tap = await connect({ servers: server.url });
      for (const size of [16_000, 1_000, 50])
        for (let i = 0, isFull = false; !isFull; i++) {
          const answer = await tap.request(`$KV.docket-lab-records.filling.${size}-${i}`, new Uint8Array(size));
          isFull = 'error' in answer.json<object>();
        }
      await tap.close();
      const run = await lab.run(one!, fibs(NUMBERS, 'full'));
      assert.deepEqual([run.state, run.outputs], ['completed', RIGHT]);
      assert.match(one!.log, /"run untold".*"code":"MESH_FULL"/);
      assert.equal((await lab.docket(one!, ['agents'])).status, 0);
    },
  );

  for (const what of ['results', 'journals', 'objects'] as const)
    test(`${what} that are full of garbage: runs end right, and others tell of them`, { timeout: 60_000 }, async () => {
      await using server = await NatsServer.start();
      await using lab = new Lab([server]);
      const [one, two] = await lab.startAll(['one', 'two'], () => ({ size: '1MiB' }));
      const before = await lab.run(one!, fibs([20], 'before'));
      const run = await lab.submit(one!, fibs(NUMBERS, 'during'));
      await lab.events(one!, run, isShared);
      const tap = await connect({ servers: server.url });
      const subject = { results: 'docket.lab.result', journals: 'docket.lab.journal', objects: 'docket.lab.object.filling' }[what];
      const filled = await Promise.all(
        Array.from({ length: 80 }, async (_, i) => {
          const answer = await tap.request(`${subject}.${i.toString(16).padStart(64, '0')}`, new Uint8Array(32_000).fill(i));
          return 'error' in answer.json<object>();
        }),
      );
      await tap.close();
      assert.equal(filled.includes(true), what === 'objects', 'the others let go of what is oldest');
      assert.equal((await lab.events(one!, run)).at(-1)!['state'], 'completed');
      const after = await lab.run(two!, fibs(NUMBERS, 'after'));
      assert.deepEqual([after.state, after.outputs], ['completed', RIGHT]);
      for (const id of [before.run, run])
        await until(async () => (await lab.json<{ state?: string }>(two!, ['show', id])).state === 'completed');
    });

  for (const keeps of [true, false])
    test(
      `a server that is gone for good, and another at the second address, with ${keeps ? 'its data' : 'none'}`,
      { timeout: 60_000 },
      async () => {
        await using cleanup = new AsyncDisposableStack();
        const stores = await Promise.all([0, 1].map(async () => await mkdtemp(join(tmpdir(), 'docket-store-'))));
        cleanup.defer(async () => void (await Promise.all(stores.map(async (store) => await rm(store, { recursive: true, force: true })))));
        const second = cleanup.use(await NatsServer.start({ store: stores[keeps ? 0 : 1]! }));
        await second.stop();
        const first = cleanup.use(await NatsServer.start({ store: stores[0]! }));
        const lab = cleanup.use(new Lab([first, second]));
        const [one, two] = await lab.startAll(['one', 'two']);
        const run = await lab.submit(one!, fibs(NUMBERS, 'moved'));
        await lab.events(one!, run, isShared);
        await first.stop();
        await second.start();
        assert.equal((await lab.events(one!, run)).at(-1)!['state'], 'completed');
        await lab.hears(one!, [two!]);
        await lab.hears(two!, [one!]);
        await until(async () => (await lab.json<{ state?: string }>(two!, ['show', run])).state === 'completed');
        const after = await lab.run(two!, fibs([...NUMBERS, 20], 'after'));
        assert.deepEqual([after.state, after.outputs], ['completed', { all: [...RIGHT.all, 6765] }]);
      },
    );
});
