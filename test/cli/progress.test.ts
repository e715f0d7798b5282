import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Size, pictureRows, rowsTaken } from '../../src/cli/progress/picture.ts';
import { progressFor } from '../../src/cli/progress/progress.ts';
import { Rate } from '../../src/cli/progress/rate.ts';
import { done, Tally } from '../../src/cli/progress/tally.ts';
import { cellsOf } from '../../src/cli/text-width.ts';
import type { Ipld } from '../../src/ipld/value.ts';
import { identify } from '../../src/workflow/identify.ts';
import type { Plan } from '../../src/workflow/model.ts';
import { build } from '../../src/workflow/plan.ts';

/** A plan of tasks in groups that await others before them; outputs await tasks too. */
function planOf(tasks: readonly { readonly group: string; readonly awaits?: readonly number[] }[], outputs: readonly number[] = []): Plan {
  const promises: Ipld[] = [];
  const promise = (index: number): Ipld => promises[index]!;
  const drafts = tasks.map(({ group, awaits = [] }, i) => {
    const run = { rsc: 'file:x.wasm', op: 'wasm/run', input: { func: 'f', args: [i, ...awaits.map(promise)] }, nnc: '' };
    const task = { run, cause: null, meta: {}, prf: [] };
    promises.push({ 'await/ok': identify(task).instruction });
    return { task, module: undefined, label: String(i), group };
  });
  return build(drafts, { outputs: Object.fromEntries(outputs.map((index) => [`o${index}`, promise(index)])) });
}

const settled = (task: number, via: 'ran' | 'declared' | null = 'ran', state: 'ok' | 'failed' | 'skipped' = 'ok') =>
  ({ kind: 'settled', task, state, via }) as const;

test('a group counts what runs and how its tasks ended', () => {
  const tally = new Tally(planOf([{ group: 'a' }, { group: 'a' }, { group: 'a' }, { group: 'b', awaits: [0] }]));
  tally.add({ kind: 'slots', held: 2 });
  for (const task of [0, 1, 2]) tally.add({ kind: 'started', task, attempt: 1 });
  assert.equal(tally.running, 2, 'no more than there are slots: the third is in line');
  assert.deepEqual([...tally.runningByGroup().values()], [2]);
  tally.add({ kind: 'retrying', task: 2, after: 5, message: '' });
  tally.add(settled(0, 'ran', 'failed'));
  tally.add(settled(1));
  tally.add(settled(3, null, 'skipped'));
  assert.equal(tally.running, 0);
  const [a, b] = tally.groups;
  assert.deepEqual(a, { name: 'a', size: 3, ran: 1, cached: 0, failed: 1, skipped: 0 });
  assert.deepEqual(b, { name: 'b', size: 1, ran: 0, cached: 0, failed: 0, skipped: 1 });
  assert.deepEqual([tally.settled, tally.total, tally.held], [3, 4, 2]);
});

test('tasks at other agents are told apart from those that run here, and wait for nobody’s slots', () => {
  const tally = new Tally(planOf(Array.from({ length: 5 }, () => ({ group: 'a' }))));
  tally.add({ kind: 'slots', held: 1 });
  for (const [task, member] of [
    [0, undefined],
    [1, 'did:b'],
    [2, 'did:b'],
    [3, 'did:c'],
  ] as const)
    tally.add({ kind: 'started', task, attempt: 1, ...(member === undefined ? {} : { member }) });
  assert.deepEqual([tally.running, tally.away], [1, { tasks: 3, agents: 2 }]);
  assert.equal(pictureRows(tally, 0, { width: 100, height: 24 })[0]!.replaceAll(/[█░]/g, ''), 'a  0/5  1 running, 3 at other agents');
  tally.add({ kind: 'moved', task: 1, member: 'did:b', message: 'it is gone' });
  tally.add({ kind: 'started', task: 1, attempt: 1 });
  tally.add({ kind: 'refused', task: 2, member: 'did:b', why: 'its signature is not its own' });
  tally.add(settled(0));
  assert.deepEqual([tally.running, tally.away], [1, { tasks: 1, agents: 1 }]);
  tally.add({ kind: 'unplaceable', task: 4, why: 'none has a gpu', most: 1_000 });
  assert.equal(tally.awaiting, 1);
  tally.add({ kind: 'retrying', task: 1, after: 6_000, message: 'it trapped' });
  assert.deepEqual([tally.running, tally.awaiting], [0, 2], 'it said when it goes on');
  tally.add({ kind: 'started', task: 1, attempt: 2 });
  assert.deepEqual([tally.running, tally.awaiting], [1, 1]);
  tally.add({ kind: 'held', task: 3 });
  assert.deepEqual([tally.away, tally.resting], [{ tasks: 0, agents: 0 }, 1]);
  assert.match(pictureRows(tally, 0, { width: 100, height: 24 })[0]!, / 1 running, 1 held, 1 ran$/);
  tally.add({ kind: 'planned', total: 5 });
  assert.deepEqual(
    [tally.running, tally.away, tally.awaiting, tally.settled],
    [0, { tasks: 0, agents: 0 }, 0, 1],
    'a new coordinator begins anew',
  );
});

test('tasks nobody looks at any more count as cached, unless an output wants them', () => {
  const chain = [{ group: 'a' }, { group: 'b', awaits: [0] }, { group: 'c', awaits: [1] }];
  const tally = new Tally(planOf(chain));
  tally.add(settled(2, 'declared'));
  assert.deepEqual([tally.settled, tally.groups.map((group) => group.cached)], [3, [1, 1, 1]]);

  const wanted = new Tally(planOf(chain, [2, 1]));
  wanted.add(settled(2, 'declared'));
  assert.deepEqual([wanted.settled, wanted.groups.map(done)], [1, [0, 0, 1]]);
});

test('a task that is made again counts once', () => {
  const tally = new Tally(planOf([{ group: 'a' }, { group: 'b', awaits: [0] }]));
  tally.add(settled(0, 'declared'));
  tally.add({ kind: 'started', task: 0, attempt: 1 });
  assert.equal(tally.settled, 0);
  tally.add(settled(0));
  assert.deepEqual([tally.settled, tally.groups[0]!.ran, tally.groups[0]!.cached], [1, 1, 0]);
});

test('when all that is wanted has ended all tasks are counted, each once', () => {
  const graph = fc.array(fc.record({ cut: fc.boolean(), awaits: fc.array(fc.nat(100), { maxLength: 3 }) }), {
    minLength: 1,
    maxLength: 12,
  });
  fc.assert(
    fc.property(graph, (nodes) => {
      const tasks = nodes.map(({ awaits }, i) => ({
        group: `g${i % 3}`,
        awaits: i === 0 ? [] : [...new Set(awaits.map((input) => input % i))],
      }));
      const tally = new Tally(planOf(tasks));
      // As a run does it: from the sinks up, and not beyond what was found.
      const demanded = new Set(tasks.flatMap((_, i) => (tasks.some(({ awaits }) => awaits.includes(i)) ? [] : [i])));
      for (let i = tasks.length - 1; i >= 0; i--) {
        if (demanded.has(i) && !nodes[i]!.cut) for (const input of tasks[i]!.awaits) demanded.add(input);
      }
      const found = [...demanded].filter((i) => nodes[i]!.cut);
      for (const task of found) tally.add(settled(task, 'declared'));
      for (const task of [...demanded].filter((i) => !nodes[i]!.cut).toSorted((a, b) => a - b)) {
        tally.add({ kind: 'started', task, attempt: 1 });
        tally.add(settled(task));
      }
      assert.equal(tally.settled, tasks.length);
      assert.equal(
        tally.groups.reduce((sum, group) => sum + done(group), 0),
        tasks.length,
      );
      assert.equal(
        tally.groups.reduce((sum, group) => sum + group.ran, 0),
        demanded.size - found.length,
      );
    }),
    { numRuns: 60 },
  );
});

test('the rate is that of late', () => {
  const rate = new Rate();
  assert.equal(rate.perSecond, 0);
  rate.note(0, 0);
  assert.equal(rate.perSecond, 0);
  rate.note(1_000, 5_000);
  assert.equal(rate.perSecond, 5_000);
  for (let at = 2_000; at <= 20_000; at += 1_000) rate.note(at, 5_000 + at / 1_000);
  assert.equal(rate.perSecond, 1, 'the burst is forgotten');
});

const SIZE: Size = { width: 80, height: 24 };

test('the picture has a bar for each group, and a line for all', () => {
  const tally = new Tally(planOf([{ group: 'count' }, { group: 'count' }, { group: 'top', awaits: [0, 1] }]));
  tally.add({ kind: 'slots', held: 1 });
  tally.add({ kind: 'started', task: 0, attempt: 1 });
  tally.add(settled(1));
  assert.deepEqual(pictureRows(tally, 0.05, SIZE), [
    `count ${'█'.repeat(12)}${'░'.repeat(12)} 1/2  1 running, 1 ran`,
    `top   ${'░'.repeat(24)} 0/1`,
    '1/3 tasks, 0.1/s, 0:40 left, 1 slot',
  ]);
  tally.add({ kind: 'slots', held: 0 });
  assert.equal(pictureRows(tally, 0, SIZE).at(-1), '1/3 tasks, 0.0/s');
  assert.match(pictureRows(tally, 2 / 7_200, SIZE).at(-1)!, /, 2:00:00 left/);
});

test('the picture fits whatever terminal there is, and shows the groups that are at work', () => {
  const names = fc.array(fc.oneof(fc.string(), fc.constantFrom('日本語', 'x'.repeat(200), 'a\u001B[2Jb')), { minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(names, fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: 40 }), fc.nat(12), (groups, width, height, ended) => {
      const tally = new Tally(planOf([...new Set(groups)].map((group) => ({ group }))));
      for (let task = 0; task < Math.min(ended, tally.total); task++) tally.add(settled(task));
      const rows = pictureRows(tally, 1, { width, height });
      assert.ok(rows.length <= Math.max(2, height - 2), 'the lines before and after it stay');
      for (const row of rows) assert.ok(cellsOf(row) < Math.max(2, width) && !row.includes('\u001B'), row);
      if (ended < tally.total && width > 40) assert.match(rows.slice(0, -1).join('\n'), / 0\/1$/m, 'one that is not done');
    }),
    { numRuns: 60 },
  );
});

test('rows are counted as the terminal wraps them', () => {
  assert.deepEqual([rowsTaken([], 10), rowsTaken(['', 'x'.repeat(10)], 10), rowsTaken(['x'.repeat(11), '日本語'], 5)], [0, 2, 5]);
});

/** A terminal that keeps what is on its screen: knows what the live picture sends, and no more. */
class Screen {
  readonly isTTY = true;
  readonly columns: number;
  readonly rows = 20;
  #lines: string[] = [''];
  #row = 0;
  #column = 0;

  constructor(columns = 60) {
    this.columns = columns;
  }

  write(text: string): boolean {
    for (const [piece, up] of text.replaceAll('\u001B', '\u241B').matchAll(/\u241B\[(\d+)A|\u241B\[[KJ]|[^]/g)) {
      if (up !== undefined) this.#row = Math.max(0, this.#row - Number(up));
      else if (piece === '\u241B[K') this.#set(this.#line.slice(0, this.#column));
      else if (piece === '\u241B[J') {
        this.#set(this.#line.slice(0, this.#column));
        this.#lines.length = this.#row + 1;
      } else if (piece === '\r') this.#column = 0;
      else if (piece === '\n') {
        this.#row++;
        this.#column = 0;
        if (this.#row === this.#lines.length) this.#lines.push('');
      } else {
        this.#set(this.#line.slice(0, this.#column) + piece + this.#line.slice(this.#column + 1));
        this.#column++;
      }
    }
    return true;
  }

  get shown(): string[] {
    return this.#lines.map((line) => line.trimEnd());
  }

  get #line(): string {
    return this.#lines[this.#row]!;
  }

  #set(line: string): void {
    this.#lines[this.#row] = line;
  }
}

test('lines that are told stand above the picture, whole, also when the run is told to end', () => {
  const screen = new Screen();
  let now = 0;
  const streams = { stderr: screen } as unknown as Parameters<typeof progressFor>[1]['streams'];
  const progress = progressFor(
    planOf([{ group: 'count' }, { group: 'count' }, { group: 'top', awaits: [0, 1] }]),
    { streams, env: {} },
    () => now,
  );
  progress.tell('run 01X: three tasks');
  assert.deepEqual(screen.shown, ['run 01X: three tasks', ''], 'no picture yet');
  progress.event({ kind: 'slots', held: 2 });
  for (const task of [0, 1]) progress.event({ kind: 'started', task, attempt: 1 });
  now = 1_000;
  progress.event({ ...settled(0, 'ran', 'failed') });
  assert.match(screen.shown.join('\n'), /^run 01X: three tasks\nfailed 0\ncount .*1 running, 1 failed\ntop .*\n1\/3 tasks.*\n$/);
  // The terminal itself echoes this where the cursor stands.
  screen.write('^C');
  progress.stopping();
  assert.match(
    screen.shown.join('\n'),
    /^run 01X: three tasks\nfailed 0\nstopping: 1 task is being ended; once more kills\ncount .*\ntop .*\n1\/3 tasks.*\n$/,
  );
  progress.event({ ...settled(1, null, 'skipped') });
  progress.stop();
  assert.deepEqual(screen.shown, ['run 01X: three tasks', 'failed 0', 'stopping: 1 task is being ended; once more kills', '']);
});

test('that a run is not secured is told, and that it is only after that', () => {
  const screen = new Screen();
  const streams = { stderr: screen } as unknown as Parameters<typeof progressFor>[1]['streams'];
  const progress = progressFor(planOf([{ group: 'count' }]), { streams, env: { TERM: 'dumb' } }, () => 0);
  progress.event({ kind: 'secured', plan: 'x' });
  progress.event({ kind: 'unsecured', code: 'MESH_FULL', message: 'no\nroom' });
  for (let i = 0; i < 2; i++) progress.event({ kind: 'secured', plan: 'x' });
  progress.stop();
  const [first, ...rest] = screen.shown;
  assert.match(first!, /^not secured yet, .*no.*room \[MESH_FULL\]$/);
  assert.deepEqual(rest, ['secured: other agents can go on with it', '']);
});

test('a terminal that does not say how wide it is gets a picture all the same', () => {
  const screen = new Screen(0);
  const streams = { stderr: screen } as unknown as Parameters<typeof progressFor>[1]['streams'];
  const progress = progressFor(planOf([{ group: 'count' }]), { streams, env: {} }, () => 0);
  progress.event({ kind: 'slots', held: 1 });
  progress.event({ kind: 'started', task: 0, attempt: 1 });
  progress.event(settled(0, 'ran', 'failed'));
  assert.match(screen.shown.join('\n'), /^failed 0\ncount █+ 1\/1 {2}1 failed\n1\/1 tasks/);
  progress.stop();
});

test('a run that gets no slot for a while says so once', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  let now = 0;
  const lines: string[] = [];
  const stderr = { isTTY: false, write: (text: string) => lines.push(text) };
  const streams = { stderr } as unknown as Parameters<typeof progressFor>[1]['streams'];
  const progress = progressFor(planOf([{ group: 'count' }, { group: 'count' }]), { streams, env: {} }, () => now);
  const pass = (): void => {
    now += 2_000;
    t.mock.timers.tick(2_000);
  };
  const waits = (): number => lines.filter((line) => line.startsWith('waiting: ')).length;
  for (let i = 0; i < 5; i++) pass();
  assert.equal(waits(), 1);
  progress.event({ kind: 'slots', held: 1 });
  progress.event({ kind: 'started', task: 0, attempt: 1 });
  for (let i = 0; i < 5; i++) pass();
  assert.equal(waits(), 1);
  progress.event(settled(0, 'ran', 'ok'));
  progress.event({ kind: 'slots', held: 0 });
  for (let i = 0; i < 5; i++) pass();
  assert.equal(waits(), 2);
  progress.stop();
});

test('of a run at an agent it is not said that commands of this home have the slots', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  for (const [atAgent, told] of [
    [true, /^waiting: nothing of the run is under way, as far as its agent tells/m],
    [false, /^waiting: other commands of this home have the slots/m],
  ] as const) {
    let [now, text] = [0, ''];
    const stderr = { write: (piece: string) => ((text += piece), true) };
    const progress = progressFor(planOf([{ group: 'a' }]), { streams: { stderr } as never, env: {} }, () => now, { atAgent });
    for (; now < 8_000; now += 2_000) t.mock.timers.tick(2_000);
    progress.stop();
    assert.match(text, told);
    assert.equal(text.match(/^waiting/gm)?.length, 1);
  }
});

test('a run that waits for what is fetched says how far that is, and not that others have the slots', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const lines: string[] = [];
  let now = 0;
  const stderr = { isTTY: false, write: (text: string) => lines.push(text) } as unknown as NodeJS.WriteStream;
  const progress = progressFor(planOf([{ group: 'a' }]), { streams: { stderr } as never, env: {} }, () => now);
  const pass = (ms: number): void => {
    for (let passed = 0; passed < ms; passed += 1_000) {
      now += 1_000;
      t.mock.timers.tick(1_000);
    }
  };
  const resource = 'https://a.example/\u001B[2J.wasm';
  progress.event({ kind: 'fetching', resource, from: 'https://b.example', bytes: 2048, size: 4096 });
  pass(20_000);
  const told = lines.filter((line) => line.startsWith('fetching '));
  assert.ok(told.length > 1 && told.length < 8, String(told));
  assert.match(told[0]!, /2 KiB of 4 KiB from https:\/\/b\.example\n$/);
  assert.equal(told[0]!.includes('\u001B'), false);
  assert.deepEqual(
    lines.filter((line) => line.startsWith('waiting')),
    [],
  );
  progress.event({ kind: 'planned', total: 1 });
  pass(20_000);
  assert.equal(lines.filter((line) => line.startsWith('waiting')).length, 1);
  progress.stop();
});
