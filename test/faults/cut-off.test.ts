import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { suite, test } from 'node:test';
import type { FleetAgent } from '../chaos/fleet.ts';
import { guest, MAIN } from '../cli/helpers.ts';
import { CutLine } from '../mesh/cut-line.ts';
import { NatsServer, noNatsServer } from '../mesh/nats-server.ts';
import { fibs, Lab, until } from './lab.ts';

/** Agents in a network of their own, whose cable is pulled: nothing is refused and no connection breaks, nothing comes any more. */

const ip = (...args: string[]) => spawnSync('ip', args, { encoding: 'utf8' });

function whyNot(): string | false {
  const name = `docket-probe-${process.pid}`;
  if (ip('netns', 'add', name).status !== 0) return 'network namespaces need root and iproute2';
  ip('netns', 'del', name);
  return false;
}

/** A network namespace with one cable to this machine. */
class Island implements Disposable {
  /** Of test processes that run at once each has its own. */
  readonly #id = process.pid % 16_384;
  readonly name = `docket-${this.#id}`;
  readonly #cable = `dk${this.#id}`;
  /** Of this machine, as seen from there. */
  readonly address: string;
  /** The same, another. */
  readonly second: string;

  constructor() {
    const net = `10.${213 + (this.#id >> 12)}.${(this.#id >> 4) & 255}.${(this.#id & 15) * 16}`.split('.').map(Number);
    const at = (last: number): string => [...net.slice(0, 3), net[3]! + last].join('.');
    this.address = at(1);
    this.second = at(3);
    for (const args of [
      ['netns', 'add', this.name],
      ['link', 'add', this.#cable, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', this.name],
      ['addr', 'add', `${at(1)}/28`, 'dev', this.#cable],
      ['addr', 'add', `${at(3)}/28`, 'dev', this.#cable],
      ['link', 'set', this.#cable, 'up'],
      ['-n', this.name, 'addr', 'add', `${at(2)}/28`, 'dev', 'eth0'],
      ['-n', this.name, 'link', 'set', 'eth0', 'up'],
      ['-n', this.name, 'link', 'set', 'lo', 'up'],
    ])
      assert.equal(ip(...args).status, 0, args.join(' '));
  }

  /** What is run there, behind this. */
  get through(): readonly string[] {
    return ['ip', 'netns', 'exec', this.name];
  }

  cut(): void {
    ip('-n', this.name, 'link', 'set', 'eth0', 'down');
  }

  heal(): void {
    ip('-n', this.name, 'link', 'set', 'eth0', 'up');
  }

  /** Nothing goes from there to the first address any more. */
  closeAddress(): void {
    assert.equal(ip('-n', this.name, 'route', 'add', 'blackhole', `${this.address}/32`).status, 0);
  }

  [Symbol.dispose](): void {
    // Not with the namespace alone, which lives as long as connections in it that cannot end.
    ip('link', 'del', this.#cable);
    ip('netns', 'del', this.name);
  }
}

const NUMBERS = Array.from({ length: 40 }, () => 34);
const RIGHT = { all: NUMBERS.map(() => 5_702_887) };

suite('agents that are cut off, and come back', { skip: noNatsServer || whyNot() }, () => {
  async function withIsland(
    act: (parts: { lab: Lab; island: Island; here: FleetAgent; there: FleetAgent; at: At }) => Promise<void>,
  ): Promise<void> {
    await using cleanup = new AsyncDisposableStack();
    const server = cleanup.use(await NatsServer.start());
    const island = cleanup.use(new Island());
    const line = cleanup.use(await CutLine.to(server.port, island.address));
    const lab = cleanup.use(new Lab([server]));
    const here = await lab.start('here');
    const there = await lab.start('there', { by: line.url, launch: { through: island.through } });
    await lab.hears(here, [there]);
    // Not in one go: the line to the server goes through this process.
    const at: At = async (...args) => {
      const who = ['--agent', there.url, '--token-file', there.tokenFile, '--json'];
      const [program, ...rest] = [...island.through, process.execPath, MAIN, ...args, ...who];
      const child = spawn(program!, rest, { env: { ...process.env, DOCKET_HOME: there.home }, stdio: ['ignore', 'pipe', 'inherit'] });
      return JSON.parse(await text(child.stdout)) as Shown;
    };
    await act({ lab, island, here, there, at });
  }

  test(
    'one that runs tasks of others: its tasks are done elsewhere, and nothing is disturbed when it is back',
    { timeout: 60_000 },
    async () => {
      await withIsland(async ({ lab, island, here, there }) => {
        const run = await lab.submit(here, fibs(NUMBERS, 'cut'));
        await lab.events(here, run, ({ kind, member }) => kind === 'started' && member === there.did);
        island.cut();
        const events = await lab.events(here, run);
        assert.equal(events.at(-1)!['state'], 'completed');
        island.heal();
        await lab.hears(here, [there]);
        const settled = events.filter(({ kind }) => kind === 'settled');
        assert.equal(new Set(settled.map(({ task }) => task)).size, settled.length, 'each task ended once');
        const shown = await lab.json<{ state: string; outputs: unknown }>(here, ['show', run]);
        assert.deepEqual([shown.state, shown.outputs], ['completed', RIGHT]);
        const again = await lab.run(here, fibs(NUMBERS, 'cut'));
        assert.deepEqual([again.tasks.ran, again.outputs], [0, RIGHT]);
      });
    },
  );

  test('doors that close in mid-run: bytes come over NATS from then on', { timeout: 60_000 }, async () => {
    await using cleanup = new AsyncDisposableStack();
    const server = cleanup.use(await NatsServer.start());
    const island = cleanup.use(new Island());
    const line = cleanup.use(await CutLine.to(server.port, island.second));
    const lab = cleanup.use(new Lab([server]));
    const here = await lab.start('here', {
      by: `nats://${island.second}:${new URL(line.url).port}`,
      more: ['--mesh-listen', `${island.address}:0`],
    });
    const there = await lab.start('there', { by: line.url, launch: { through: island.through }, more: ['--tag', 'zone=far'] });
    await lab.hears(here, [there]);
    mkdirSync(join(lab.folder, 'work'));
    const texts = Array.from({ length: 24 }, (_, i) => `${i} ${'docket '.repeat(20_000)}`);
    const files = texts.map((content, i) => {
      const name = `${island.name}-${i}.txt`;
      writeFileSync(join(lab.folder, 'work', name), content);
      return name;
    });
    const count = { each: files, module: guest('count-words'), stdin: { file: '${item}' }, needs: { tags: { zone: 'far' } } };
    const run = await lab.submit(here, { name: 'far', tasks: { count }, outputs: { all: { from: 'count', at: '/stdout' } } });
    await lab.events(here, run, ({ kind, state }) => kind === 'settled' && state === 'ok');
    island.closeAddress();
    const events = await lab.events(here, run);
    assert.equal(events.at(-1)!['state'], 'completed');
    const ran = events.filter(({ kind, member }) => kind === 'started' && member === there.did);
    assert.equal(new Set(ran.map(({ task }) => task)).size, files.length);
    const fetched = (way: string): number =>
      Number(new RegExp(`^docket_mesh_fetched_bytes_total\\{.*"${way}".*\\} (\\d+)$`, 'm').exec(metrics)?.[1]);
    const ask = `fetch('${there.url}/metrics', {headers: {authorization: 'Bearer ${there.token}'}}).then(async (reply) => console.log(await reply.text()))`;
    const [program, ...rest] = island.through;
    const metrics = spawnSync(program!, [...rest, process.execPath, '--eval', ask], { encoding: 'utf8' }).stdout;
    assert.ok(fetched('door') > 0 && fetched('pieces') > 0, metrics);
  });

  test('one that drives a run: another takes it over, and it finds that out when it is back', { timeout: 60_000 }, async () => {
    await withIsland(async ({ lab, island, here, there, at }) => {
      const file = lab.write(fibs(NUMBERS, 'driven'));
      const { run } = await at('run', file, '--detach');
      await lab.events(here, run, ({ kind, member }) => kind === 'started' && member === here.did);
      island.cut();
      const events = await lab.events(here, run);
      assert.equal(events.at(-1)!['state'], 'completed');
      assert.equal(events.filter(({ kind }) => kind === 'ended').length, 1);
      island.heal();
      await lab.hears(here, [there]);
      await until(async () => (await at('show', run)).coordinator === here.did);
      const shown = await at('show', run);
      assert.deepEqual([shown.state, shown.outputs], ['completed', RIGHT]);
      const after = await lab.events(here, run);
      assert.deepEqual(after, events.slice(-after.length), 'of the last drive, and nothing more was told');
    });
  });
});

interface Shown {
  readonly run: string;
  readonly state: string;
  readonly outputs: unknown;
  readonly coordinator: string;
}

type At = (...args: string[]) => Promise<Shown>;
