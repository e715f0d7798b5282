import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { before, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { buildGuests } from '../../scripts/build-guests.ts';
import { type Death, deathOf, triesOf, withDeath } from '../../src/agent/tries.ts';
import { watchRows } from '../../src/agent/watch-rows.ts';
import { isDocketError } from '../../src/errors.ts';
import type { RunRow } from '../../src/ledger/runs.ts';
import { HandClock } from '../hand-clock.ts';
import { Door } from '../api/helpers.ts';

/** Runs of agents that were killed, as their ledger has them, and what the next agent does with each. */

before(() => buildGuests());

/** What stood in the journals then. */
const ALONE: Death = { inFlight: 1, others: 0 };
const AMONG: Death = { inFlight: 1, others: 2 };
const IDLE: Death = { inFlight: 0, others: 2 };

class Home implements AsyncDisposable {
  readonly door: Door;
  readonly clock: HandClock;
  readonly told: (readonly [string, string, string?])[] = [];
  #changed = Promise.withResolvers<void>();

  private constructor(door: Door, clock: HandClock) {
    this.door = door;
    this.clock = clock;
  }

  static async open(): Promise<Home> {
    const clock = new HandClock();
    // Before, ids of runs would go by the real time.
    clock.advance(1_000);
    const door = await Door.open({ clock });
    await door.push('loop');
    await door.push('count-words');
    return new Home(door, clock);
  }

  row(run: string): RunRow {
    return this.door.agent.engine.ledger.run(run)!;
  }

  /** A run of which an agent was killed: one that never ends, with as many tasks before that as `done`. */
  async left(nonce: string, { done = 0, death = AMONG }: { readonly done?: number; readonly death?: Death } = {}): Promise<string> {
    const quick = Array.from({ length: done }, (_, i) => `  q${i}: { module: org.example.count-words, stdin: "${nonce}${i}" }\n`).join('');
    const body = `tasks:\n${quick}  slow: { module: org.example.loop, args: ["${nonce}"], limits: { time: 10min } }\n`;
    const reply = await this.door.ask('POST', '/v1/runs', { body });
    const { run } = (await reply.json()) as { run: string };
    const count = async (): Promise<number> =>
      ((await (await this.door.ask('GET', `/v1/runs/${run}`)).json()) as { tasks: { ran: number } }).tasks.ran;
    while ((await count()) < done) this.clock.advance(10);
    await this.cutOff(run, death);
    return run;
  }

  /** As if the agent had been killed. */
  async cutOff(run: string, death: Death): Promise<void> {
    const cancelled = this.door.ask('POST', `/v1/runs/${run}/cancel`);
    const isOver = (): Promise<boolean> => Promise.race([cancelled.then(() => true), this.door.ask('GET', '/health').then(() => false)]);
    while (!(await isOver())) this.clock.advance(250);
    await (await cancelled).text();
    const options = withDeath(this.row(run), death);
    await this.door.agent.engine.ledger.commit([{ kind: 'run-update', run, state: 'interrupted', finished: null, options }]);
  }

  async resume(): Promise<void> {
    const told = (kind: string, run: string, error?: unknown): void => {
      this.told.push(error === undefined ? [kind, run] : [kind, run, isDocketError(error) ? error.code : String(error)]);
      this.#changed.resolve();
      this.#changed = Promise.withResolvers();
    };
    await this.door.agent.resume({ resumed: (run) => told('resumed', run), failed: (run, error) => told('failed', run, error) }, 'killed');
  }

  async until(count: number): Promise<void> {
    while (this.told.length < count) await this.#changed.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.door[Symbol.asyncDispose]();
  }
}

test('runs that got on go on at once; others one after the other, each when the one before had its time', async () => {
  await using home = await Home.open();
  const [a, b] = [await home.left('a'), await home.left('b')];
  const done = await home.left('c', { done: 1 });
  await home.resume();
  await home.until(2);
  // The oldest first.
  assert.deepEqual(home.told, [
    ['resumed', done],
    ['resumed', a],
  ]);
  assert.deepEqual(
    [a, b, done].map((run) => [home.row(run).state, triesOf(home.row(run))]),
    [
      ['running', { alone: 0, trials: 1, ok: 0, state: 'on trial' }],
      ['interrupted', undefined],
      ['running', { alone: 0, trials: 0, ok: 1, state: 'among others' }],
    ],
  );
  home.clock.advance(5_000);
  await home.until(3);
  assert.deepEqual(home.told.at(-1), ['resumed', b]);
  assert.deepEqual(triesOf(home.row(a)), { alone: 0, trials: 1, ok: 0, state: 'among others' }, 'it has stood its trial');
});

test('runs that had nothing with a runner go on at once, all of them, before the first trial', async () => {
  await using home = await Home.open();
  const suspects = [await home.left('a'), await home.left('b')];
  const innocent = [await home.left('c', { death: IDLE }), await home.left('d', { death: IDLE }), await home.left('e', { death: IDLE })];
  await home.resume();
  await home.until(4);
  assert.deepEqual(
    home.told.map(([, run]) => run),
    [...innocent, suspects[0]],
  );
  for (const run of innocent)
    assert.deepEqual(triesOf(home.row(run)), { alone: 0, trials: 0, ok: 0, state: 'among others' }, 'its counts do not grow');
});

test('one that was on trial when the agent was killed is tried before anybody else is taken up', async () => {
  await using home = await Home.open();
  const [a, b, idle] = [await home.left('a'), await home.left('b'), await home.left('c', { death: IDLE })];
  const { options } = home.row(b);
  const tries = { alone: 0, trials: 1, ok: 0, state: 'on trial' };
  await home.door.agent.engine.ledger.commit([
    { kind: 'run-update', run: b, state: 'interrupted', options: { ...(options as object), tries } },
  ]);
  await home.resume();
  await home.until(1);
  assert.deepEqual([home.told, [a, idle].map((run) => home.row(run).state)], [[['resumed', b]], ['interrupted', 'interrupted']]);
  home.clock.advance(10_000);
  await home.until(3);
  assert.deepEqual(
    home.told.map(([, run]) => run),
    [b, idle, a],
  );
});

test('a run that alone was with runners at three deaths is given up by name, once; whoever asks for it again has it', async () => {
  await using home = await Home.open();
  const run = await home.left('a', { death: ALONE });
  await home.resume();
  await home.until(1);
  assert.equal(deathOf(home.row(run)), undefined);
  await home.cutOff(run, ALONE);
  // What an agent that is killed does not do.
  await home.door.agent.engine.ledger.commit([
    {
      kind: 'run-update',
      run,
      state: 'interrupted',
      options: { agent: true, tries: { alone: 2, trials: 2, ok: 0, state: 'on trial' }, death: ALONE },
    },
  ]);
  await home.resume();
  await home.until(2);
  assert.deepEqual(home.told, [
    ['resumed', run],
    ['failed', run, 'RUN_GIVEN_UP'],
  ]);
  const view = async () =>
    (await (await home.door.ask('GET', `/v1/runs/${run}`)).json()) as { state: string; failure?: { code: string; next: string } };
  const { state, failure } = await view();
  assert.deepEqual([state, failure?.code], ['failed', 'RUN_GIVEN_UP']);
  assert.match(failure!.next, /docket resume/);
  assert.deepEqual(home.row(run).counts, { total: 1, ran: 0, cached: 0, failed: 0, skipped: 0, cancelled: 1 });
  await home.resume();
  assert.equal(home.told.length, 2);

  const headers = { 'content-type': 'application/json' };
  assert.equal((await home.door.ask('POST', `/v1/runs/${run}/resume`, { body: '{}', headers })).status, 202);
  const again = await view();
  assert.deepEqual([again.state, again.failure, triesOf(home.row(run))], ['running', undefined, undefined]);
});

test('one that cannot be taken up holds up nobody, and is not blamed', async () => {
  await using home = await Home.open();
  const [a, b] = [await home.left('a'), await home.left('b')];
  {
    using db = new DatabaseSync(home.door.agent.engine.paths.ledger, { timeout: 5_000 });
    db.prepare('UPDATE runs SET plan = NULL WHERE run = ?').run(a);
  }
  await home.resume();
  await home.until(2);
  assert.deepEqual(
    [home.told[0]!.slice(0, 2), home.told[1]],
    [
      ['failed', a],
      ['resumed', b],
    ],
  );
  assert.equal(triesOf(home.row(a))!.state, 'among others');
});

test('an agent that is stopped while runs wait for their turn begins none of them, and blames nobody', async () => {
  await using home = await Home.open();
  const [a, b] = [await home.left('a'), await home.left('b')];
  await home.resume();
  await home.until(1);
  await home.door.agent[Symbol.asyncDispose]();
  using db = new DatabaseSync(home.door.agent.engine.paths.ledger, { readOnly: true });
  const rows = db.prepare('SELECT run, state, options FROM runs ORDER BY run').all() as { run: string; state: string; options: string }[];
  const { tries } = JSON.parse(rows[0]!.options) as { tries: { state: string } };
  assert.deepEqual(
    [rows.map(({ run, state }) => [run, state]), tries.state],
    [
      [
        [a, 'cancelled'],
        [b, 'interrupted'],
      ],
      'among others',
    ],
  );
});

test('who asks for a run before it is taken up is told of it until it ends, however long it waits', async () => {
  await using home = await Home.open();
  const run = await home.left('a');
  // As another agent tells it, that has no log of it.
  const told = Array.fromAsync(watchRows(home.door.agent.engine, run, { after: 0, signal: new AbortController().signal }));
  // As long as that may take to be answered wrongly.
  await Promise.race([told, setTimeout(600)]);
  home.clock.advance(60_000);
  await Promise.race([told, setTimeout(600)]);
  await home.resume();
  await home.until(1);
  await home.door.agent.engine.ledger.commit([{ kind: 'run-update', run, state: 'cancelled', finished: 0 }]);
  home.clock.advance(250);
  assert.match((await told).at(-1)!.data, /^\{"state":"cancelled"/);
});
