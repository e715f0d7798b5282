import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Ipld } from '../../../src/ipld/value.ts';
import type { Plan } from '../../../src/workflow/model.ts';
import { awaitsOf, compileText, errorOf, labelsOf, MemorySources, taskOf } from '../helpers.ts';

const each = (items: string) => `e: { module: e.wasm, each: ${items}, args: ["\${item}"] }`;

function argsOf(plan: Plan, label: string): Ipld {
  return (taskOf(plan, label).task.run.input as { args: Ipld }).args;
}

describe('each', () => {
  test('over a list', async () => {
    const plan = await compileText(`tasks: { ${each('[a, 1, 1.5, true, "${inputs.x}"]')} }\ninputs: { x: { default: y } }`);
    assert.deepEqual(labelsOf(plan), ['e[a]', 'e[1]', 'e[1.5]', 'e[3]', 'e[y]']);
    assert.deepEqual(
      plan.tasks.map(({ label }) => argsOf(plan, label)),
      [['a'], ['1'], ['1.5'], ['true'], ['y']],
    );
    assert.deepEqual(plan.groups, [{ name: 'e', size: 5 }]);
  });

  test('over maps', async () => {
    const plan = await compileText(
      'tasks: { e: { module: e.wasm, each: [{ name: a, n: 1 }, { id: b, n: 2 }, { n: 3 }], args: ["${item.n}", "${index}"] } }',
    );
    assert.deepEqual(labelsOf(plan), ['e[a]', 'e[b]', 'e[2]']);
    assert.deepEqual(argsOf(plan, 'e[b]'), ['2', '1']);
  });

  test('over files', async () => {
    const sources = new MemorySources({ 'd/*': ['d/a.tar.gz', 'd/.b', 'd/c'] });
    const plan = await compileText(
      'tasks: { e: { module: "${item.stem}.wasm", each: { glob: "${inputs.where}/*" }, args: ["${item}", "${item.name}", "${item.stem}"] } }\ninputs: { where: { default: d } }',
      { sources },
    );
    assert.deepEqual(
      plan.tasks.map(({ label }) => argsOf(plan, label)),
      [
        ['d/a.tar.gz', 'a.tar.gz', 'a.tar'],
        ['d/.b', '.b', '.b'],
        ['d/c', 'c', 'c'],
      ],
    );
    assert.deepEqual(sources.files, ['a.tar.wasm', '.b.wasm', 'c.wasm']);
  });

  test('no items from a list are none; no files are an error', async () => {
    assert.deepEqual(labelsOf(await compileText(`tasks: { ${each('[]')}, t: { module: t.wasm } }`)), ['t']);
    const error = await errorOf(`tasks: { ${each('{ glob: "*.md" }')} }`);
    assert.match(error.message, /no file matches "\*\.md"/);
  });

  test('the same item twice is one task with two names', async () => {
    const plan = await compileText(`tasks: { ${each('[a, a, b]')} }`);
    assert.deepEqual(labelsOf(plan), ['e[a]', 'e[b]']);
    assert.deepEqual(taskOf(plan, 'e[a]').aliases, ['e[a]#1']);
  });

  test('labels are short and unique', async () => {
    const long = 'x'.repeat(500);
    const plan = await compileText(`tasks: { ${each(`[${long}1, ${long}2]`)} }`);
    assert.equal(new Set(labelsOf(plan)).size, 2);
    assert.ok(labelsOf(plan).every((label) => label.length < 200));
  });

  test('values that depend on no item are shared', async () => {
    const plan = await compileText(
      'tasks: { e: { module: e.wasm, each: [a, b], args: [x], stdin: "${item}", files: { f: { file: f } } } }',
    );
    const [one, two] = plan.tasks.map(({ task }) => task.run.input as { args: object; files: object });
    assert.equal(one!.args, two!.args);
    assert.equal(one!.files, two!.files);
    assert.equal(plan.tasks[0]!.task.meta, plan.tasks[1]!.task.meta);
  });

  test('{from} an each is the list, in the order of the items', async () => {
    const plan = await compileText(
      `tasks: { ${each('[b, a]')}, t: { module: t.wasm, files: { all/: { from: e, at: /stdout } } }, u: { module: u.wasm, func: f, args: [{ from: e }] } }`,
    );
    const [b, a] = ['e[b]', 'e[a]'].map((label) => taskOf(plan, label).instruction);
    assert.deepEqual(taskOf(plan, 't').task.run.input, {
      files: {
        'all/': [
          { 'await/ok': b, at: '/stdout' },
          { 'await/ok': a, at: '/stdout' },
        ],
      },
    });
    assert.deepEqual(argsOf(plan, 'u'), [[{ 'await/ok': b }, { 'await/ok': a }]]);
  });

  test('over another each: the same items, and {from} is the task of the same item, through a chain too', async () => {
    const plan = await compileText(`tasks:
  ${each('[a, b]')}
  f: { module: f.wasm, each: { task: e }, args: ["\${item}"], stdin: { from: e } }
  g: { module: g.wasm, each: { task: f }, stdin: { from: f }, files: { e: { from: e } } }
  h: { module: h.wasm, each: [x], files: { all/: { from: g } } }`);
    assert.deepEqual(awaitsOf(plan, 'f[b]'), ['e[b]']);
    assert.deepEqual(awaitsOf(plan, 'g[b]'), ['f[b]', 'e[b]']);
    assert.deepEqual(awaitsOf(plan, 'h[x]'), ['g[a]', 'g[b]']);
  });

  test('tasks over the same items are paired, whichever way they came to them', async () => {
    const plan = await compileText(`tasks:
  ${each('[a, b]')}
  one: { module: one.wasm, each: { task: e }, stdin: { from: e } }
  two: { module: two.wasm, each: { task: e }, stdin: { from: e } }
  both: { module: both.wasm, each: { task: one }, files: { one: { from: one }, two: { from: two } } }
  f: { module: f.wasm, each: [a, b], stdin: "\${item}" }
  other: { module: other.wasm, each: { task: f }, args: ["\${item}"], files: { all/: { from: e } } }`);
    assert.deepEqual(awaitsOf(plan, 'both[b]'), ['one[b]', 'two[b]']);
    assert.deepEqual(awaitsOf(plan, 'other[b]'), ['e[a]', 'e[b]']);
  });
});

describe('reduce', () => {
  const reduce = (n: number, arity: string) =>
    `tasks:\n  ${each(`[${Array.from({ length: n }, (_, i) => `i${i}`).join(', ')}]`)}\n  r: { module: r.wasm, reduce: ${arity}, files: { parts/: { parts: /stdout } } }`;
  const shape = async (n: number, arity = 'e') => labelsOf(await compileText(reduce(n, arity))).slice(n);

  test('one item still makes one task', async () => {
    assert.deepEqual(await shape(1), ['r']);
  });

  test('up to the arity, one task', async () => {
    assert.deepEqual(await shape(8), ['r']);
  });

  test('above it, levels until one is left', async () => {
    assert.deepEqual(await shape(9), ['r[1.0]', 'r[1.1]', 'r']);
    assert.deepEqual(await shape(4, '{ task: e, arity: 2 }'), ['r[1.0]', 'r[1.1]', 'r']);
  });

  test('a part alone in its group goes up as it is, except an item', async () => {
    const plan = await compileText(reduce(5, '{ task: e, arity: 2 }'));
    assert.deepEqual(labelsOf(plan).slice(5), ['r[1.0]', 'r[1.1]', 'r[1.2]', 'r[2.0]', 'r']);
    assert.deepEqual(awaitsOf(plan, 'r[1.2]'), ['e[i4]']);
    assert.deepEqual(awaitsOf(plan, 'r[2.0]'), ['r[1.0]', 'r[1.1]']);
    assert.deepEqual(awaitsOf(plan, 'r'), ['r[2.0]', 'r[1.2]']);
  });

  test('every item is in the tree exactly once', async () => {
    for (const [n, arity] of [
      [1, 2],
      [2, 2],
      [7, 3],
      [65, 64],
      [100, 7],
    ] as const) {
      const plan = await compileText(reduce(n, `{ task: e, arity: ${arity} }`));
      const counts = new Map<number, number>();
      const walk = (task: number): void => {
        counts.set(task, (counts.get(task) ?? 0) + 1);
        for (const awaited of plan.tasks[task]!.awaits) walk(awaited.task);
      };
      walk(plan.tasks.length - 1);
      assert.equal(counts.size, plan.tasks.length);
      assert.ok([...counts.values()].every((count) => count === 1));
      assert.ok(plan.tasks.every(({ awaits }) => awaits.length <= arity));
    }
  });

  test('the parts are mounted as a list', async () => {
    const plan = await compileText(reduce(2, 'e'));
    assert.deepEqual(taskOf(plan, 'r').task.run.input, {
      files: { 'parts/': ['e[i0]', 'e[i1]'].map((label) => ({ 'await/ok': taskOf(plan, label).instruction, at: '/stdout' })) },
    });
  });

  test('in args of wasm/run they are spliced in', async () => {
    const plan = await compileText(
      'tasks:\n  e: { module: m.wasm, func: f, each: [1, 2, 3], args: ["${item}"] }\n  r: { module: m.wasm, func: add, reduce: { task: e, arity: 2 }, args: [0, { parts: "" }, [{ parts: /x }]] }',
    );
    const [one, two] = ['e[1]', 'e[2]'].map((label) => taskOf(plan, label).instruction);
    assert.deepEqual(argsOf(plan, 'r[1.0]'), [
      0,
      { 'await/ok': one },
      { 'await/ok': two },
      [
        { 'await/ok': one, at: '/x' },
        { 'await/ok': two, at: '/x' },
      ],
    ]);
  });

  test('{from} it is its root', async () => {
    const plan = await compileText(`${reduce(20, 'e')}\n  t: { module: t.wasm, stdin: { from: r, at: /stdout } }`);
    assert.deepEqual(awaitsOf(plan, 't'), ['r']);
  });

  test('of nothing is an error', async () => {
    assert.match((await errorOf(reduce(0, 'e'))).message, /"r" has nothing to reduce: "e" has no items/);
  });

  test('adding an item at the end keeps the tasks before it', async () => {
    const before = new Set((await compileText(reduce(16, 'e'))).tasks.map(({ instruction }) => instruction.toString()));
    const after = await compileText(reduce(17, 'e'));
    assert.deepEqual(
      after.tasks.filter(({ instruction }) => !before.has(instruction.toString())).map(({ label }) => label),
      ['e[i16]', 'r[1.2]', 'r'],
    );
  });
});
