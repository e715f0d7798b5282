import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { encode } from '../../src/ipld/dag-cbor.ts';
import { decode } from '../../src/ipld/dag-json.ts';
import { compile } from '../../src/workflow/compile.ts';
import { homestarCid } from '../../src/workflow/homestar-cid.ts';
import { identify } from '../../src/workflow/identify.ts';
import { at, awaitsOf, cidOfFile, compileText, errorOf, labelsOf, MemorySources } from './helpers.ts';

const WASM = 'bafybeibk42jwhq7w2zcpe6q3wgtleugp3ymfs3pa5gerjmnakqihhqx4zq';
const IMAGE = 'bafybeiejevluvtoevgk66plh5t6xiy3ikyuuxg3vgofuvpeckb6eadresm';
const FUEL = '"fuel": 18446744073709552000, ';

/** A task as Homestar's own fixtures write it. */
function task(func: string, args: string, { fuel = '', nnc = '""' } = {}): string {
  return `{ "cause": null, "meta": { ${fuel}"memory": 4294967296, "time": 100000 }, "prf": [], "run": { "input": { "args": [${args}], "func": "${func}" }, "nnc": ${nnc}, "op": "wasm/run", "rsc": "ipfs://${WASM}" } }`;
}

function awaits(cid: string): string {
  return `{ "await/ok": { "/": "${cid}" } }`;
}

/** The CIDs are those Homestar's tests assert (ipvm-wg/homestar at 0f0a4f5, homestar-runtime/tests/fixtures). */
const GOLDEN = [
  {
    name: 'add-one',
    tasks: [
      task('add_one', '1', { fuel: FUEL }),
      task('add_one', awaits('bafyrmihmxmsbt4n3g6dzmj7rho34mzfbaoqqbsfcq7etsogslqftbyj7du'), { fuel: FUEL }),
    ],
    workflow: 'bafyrmialnbzgwscjrq7sa3kdnw2roqdrdzp7xh2tvmo37qmgvarwrhcgre',
    instructions: ['bafyrmihmxmsbt4n3g6dzmj7rho34mzfbaoqqbsfcq7etsogslqftbyj7du'],
  },
  {
    name: 'add-one with nonces',
    tasks: [
      task('add_one', '1', { fuel: FUEL, nnc: '"1sod60ml6g26mfhsrsa0"' }),
      task('add_one', awaits('bafyrmigh2n5i4iyl6mcfssv7lzx6yalwyslszngacuo3iw3mr3fgl3sopa'), {
        fuel: FUEL,
        nnc: '{ "/": { "bytes": "oVI8XiFiec+c2XHS" } }',
      }),
      task('add_one', awaits('bafyrmiasmpmbcnvm2mgmk772wy2mmioxmlhu7zndmphy5rw2xssuh2fwle'), { fuel: FUEL }),
    ],
    workflow: 'bafyrmibajjtwrcqrntnvp5fgkim6mbbsh6ykkdy3eijq2ycdjhlisxxx3i',
    instructions: [
      'bafyrmigh2n5i4iyl6mcfssv7lzx6yalwyslszngacuo3iw3mr3fgl3sopa',
      'bafyrmiasmpmbcnvm2mgmk772wy2mmioxmlhu7zndmphy5rw2xssuh2fwle',
    ],
  },
  {
    name: 'image pipeline',
    tasks: [
      task('crop', `{ "/": "${IMAGE}" }, 150, 350, 500, 500`),
      task('rotate90', awaits('bafyrmib46dl7oaksq4fo4oyvcqewe7ojybgchufmrpjovqto3wovsq5jjq')),
      task('grayscale', awaits('bafyrmiekrfvz5lglddmnkm2l2tia43tagziokpamjipleen7spxizchxbu')),
    ],
    workflow: 'bafyrmiatb7idqtty56hy3hrfa6ur6qkspyrhaf6n6ynmqsntjvym47mbrq',
    instructions: [
      'bafyrmib46dl7oaksq4fo4oyvcqewe7ojybgchufmrpjovqto3wovsq5jjq',
      'bafyrmiekrfvz5lglddmnkm2l2tia43tagziokpamjipleen7spxizchxbu',
    ],
  },
];

describe('Homestar’s own workflows', () => {
  for (const { name, tasks, workflow, instructions } of GOLDEN) {
    test(name, async () => {
      const plan = await compileText(`{ "tasks": [ ${tasks.join(', ')} ] }`, { file: 'flow.json' });
      assert.equal(plan.workflow.toString(), workflow);
      assert.equal(plan.name, workflow);
      assert.deepEqual(
        plan.tasks.slice(0, instructions.length).map(({ instruction }) => instruction.toString()),
        instructions,
      );
      assert.deepEqual(
        labelsOf(plan),
        tasks.map((_, i) => String(i)),
      );
      assert.ok(plan.tasks.every(({ module }) => module?.toString() === WASM));
      const value = decode(`{ "tasks": [ ${tasks.join(', ')} ] }`);
      assert.equal(homestarCid(value).toString(), workflow, 'also without compiling it');
      const bytes = encode({ name: 'test', workflow: value });
      const fromCbor = await compile(bytes, { file: 'flow.cbor', inputs: {}, sources: new MemorySources() });
      assert.deepEqual([fromCbor.workflow.toString(), fromCbor.name], [workflow, 'test'], 'in DAG-CBOR as well');
      for (let i = 1; i < tasks.length; i++) assert.deepEqual(awaitsOf(plan, String(i)), [String(i - 1)]);
    });
  }

  test('the order of the tasks in the file counts in the workflow’s CID, and is otherwise irrelevant', async () => {
    const { tasks, workflow } = GOLDEN[2]!;
    const plan = await compileText(`{ "tasks": [ ${tasks.toReversed().join(', ')} ] }`, { file: 'flow.json' });
    assert.notEqual(plan.workflow.toString(), workflow);
    assert.deepEqual(labelsOf(plan), ['2', '1', '0']);
    assert.deepEqual(
      plan.groups.map(({ name }) => name),
      ['crop', 'rotate90', 'grayscale'],
    );
  });
});

const RUN = '"rsc": "a.wasm", "op": "wasm/run", "input": { "func": "f", "args": [] }';

function one(run = RUN, rest = '"meta": {}, "prf": []'): string {
  return `{ "tasks": [ { "run": { ${run} }, ${rest} } ] }`;
}

test('cause and nnc may be left out and then count as null and ""; unknown keys do not count', async () => {
  const full = await compileText(one(`${RUN}, "nnc": ""`, '"meta": {}, "prf": [], "cause": null'), { file: 'a.json' });
  const short = await compileText(one(), { file: 'a.json' });
  const more = await compileText(one(`${RUN}, "x": 1`, '"meta": {}, "prf": [], "y": 2').replace('{ "tasks"', '{ "z": 3, "tasks"'), {
    file: 'a.json',
  });
  assert.equal(short.workflow.toString(), full.workflow.toString());
  assert.equal(more.workflow.toString(), full.workflow.toString());
});

test('1.0 stays a float', async () => {
  const withArgs = async (args: string) => (await compileText(one(RUN.replace('[]', args)), { file: 'a.json' })).workflow.toString();
  assert.notEqual(await withArgs('[1.0]'), await withArgs('[1]'));
});

test('a local module is imported, but its path is what is hashed', async () => {
  const sources = new MemorySources();
  const plan = await compileText(one(RUN.replace('a.wasm', 'file:mods/a.wasm')), { file: 'a.json', sources });
  assert.deepEqual(sources.files, ['mods/a.wasm']);
  assert.equal(plan.tasks[0]!.module?.toString(), cidOfFile('mods/a.wasm').toString());
  assert.equal(plan.tasks[0]!.task.run.rsc, 'file:mods/a.wasm');
  assert.equal(plan.tasks[0]!.instruction.toString(), identify(plan.tasks[0]!.task).instruction.toString());
});

test('rsc as a link is hashed as its URL; a URL without a CID has no module', async () => {
  const link = await compileText(one(RUN.replace('"a.wasm"', `{ "/": "${WASM}" }`)), { file: 'a.json' });
  const url = await compileText(one(RUN.replace('a.wasm', `ipfs://${WASM}`)), { file: 'a.json' });
  assert.equal(link.workflow.toString(), url.workflow.toString());
  const web = await compileText(one(RUN.replace('a.wasm', 'https://example.com/a.wasm')), { file: 'a.json' });
  assert.equal(web.tasks[0]!.module, undefined);
});

test('the format is told by the content', async () => {
  for (const file of ['a.json', 'a.yaml', 'a', '-']) assert.equal((await compileText(one(), { file })).tasks.length, 1, file);
  for (const file of ['a.json', 'a.yaml'])
    assert.deepEqual(labelsOf(await compileText('{"tasks": {"t": {"module": "a.wasm"}}}', { file })), ['t']);
  assert.equal((await compileText(`\uFEFF${one()}`, { file: 'a.json' })).tasks.length, 1);
});

test('a promise inside of the data is one, with a pointer too', async () => {
  const first = await compileText(one(), { file: 'a.json' });
  const cid = first.tasks[0]!.instruction.toString();
  const second = `{ "run": { ${RUN.replace('"args": []', `"args": [ { "deep": { "await/*": { "/": "${cid}" }, "at": "/1" } } ]`)} }, "meta": {}, "prf": [] }`;
  const plan = await compileText(one().replace('] } ] }', `] }, ${second} ] }`), { file: 'a.json' });
  assert.deepEqual(plan.tasks[1]!.awaits, [{ task: 0, branch: 'await/*' }]);
});

describe('refused, with its place', () => {
  const cases: readonly (readonly [string, string, RegExp, string])[] = [
    ['{', 'WORKFLOW_SYNTAX', /expected a key/, '1:2'],
    ['{ "tasks": [ { "run": ', 'WORKFLOW_SYNTAX', /found the end of the text/, '1:23'],
    ['{ "tasks": [\r\n {"run": 1, "run": 2} ] }', 'WORKFLOW_SYNTAX', /the key "run" stands twice/, '2:13'],
    ['{ "tasks": [ 1e999 ] }', 'WORKFLOW_SYNTAX', /too large/, '1:14'],
    ['{ "tasks": [ { "/": "x" } ] }', 'WORKFLOW_SYNTAX', /"x" is not a CID/, '1:14'],
    [`{ "tasks": ${'['.repeat(100_000)}`, 'WORKFLOW_SYNTAX', /nest more than 512 deep/, '1:525'],
    ['[]', 'WORKFLOW_INVALID', /must be a map/, '1:1'],
    ['{}', 'WORKFLOW_INVALID', /^no tasks field set$/, '1:1'],
    ['{ "tasks": [] }', 'WORKFLOW_INVALID', /empty/, '1:3'],
    ['{ "tasks": [ 1 ] }', 'WORKFLOW_INVALID', /task must be a map/, '1:14'],
    ['{ "tasks": [ {} ] }', 'WORKFLOW_INVALID', /"run"/, '1:14'],
    [
      `{ "tasks": [ { "run": { "/": "${WASM}" } } ] }`,
      'WORKFLOW_INVALID',
      /^workflow tasks\/instructions must be expanded \/ inlined$/,
      '1:16',
    ],
    [one('"op": "wasm/run"'), 'WORKFLOW_INVALID', /"rsc"/, '1:16'],
    [one(RUN.replace('a.wasm', '')), 'WORKFLOW_INVALID', /"rsc" is empty/, '1:25'],
    [one(RUN.replace('wasm/run', 'wasm/walk')), 'OP_UNKNOWN', /wasm\/walk/, '1:42'],
    [one(RUN.replace(/, "input".*/, '')), 'WORKFLOW_INVALID', /"input"/, '1:16'],
    [one(RUN.replace('"func": "f", ', '')), 'WORKFLOW_INVALID', /"func" .*missing/, '1:60'],
    [one(RUN.replace('"args"', '"arg"')), 'WORKFLOW_INVALID', /no key "arg" \(did you mean "args"\?\)/, '1:60'],
    [one(`${RUN}, "nnc": "abc"`), 'WORKFLOW_INVALID', /"nnc"/, '1:98'],
    [one(RUN, '"prf": []'), 'WORKFLOW_INVALID', /"meta"/, '1:14'],
    [one(RUN, '"meta": {}'), 'WORKFLOW_INVALID', /"prf"/, '1:14'],
    [one(RUN, '"meta": { "memory": 1 }, "prf": []'), 'LIMIT_REFUSED', /memory/, '1:100'],
    [one(RUN, '"meta": { "fuel": 1000.0 }, "prf": []'), 'LIMIT_REFUSED', /fuel/, '1:100'],
    [one(RUN, '"meta": { "gas": 1 }, "prf": []'), 'LIMIT_REFUSED', /gas/, '1:100'],
    [one(RUN, '"meta": { "retry": 1 }, "prf": []'), 'WORKFLOW_INVALID', /retry/, '1:100'],
    [one(RUN, '"meta": { "memo": 1 }, "prf": []'), 'WORKFLOW_INVALID', /memo/, '1:100'],
    [one(RUN.replace('a.wasm', 'missing.wasm')), 'INPUT_UNREADABLE', /missing/, '1:25'],
  ];
  for (const [text, code, message, place] of cases) {
    test(`${code} ${message.source} in ${text.slice(0, 60)}`, async () => {
      const error = await errorOf(text, { file: 'a.json' });
      assert.equal(error.code, code, error.message);
      assert.match(error.message, message);
      assert.equal(at(error.place!), place);
      assert.equal(error.place?.file, 'a.json');
      assert.notEqual(error.next, '');
    });
  }

  test('which of many tasks it is, and what stood there', async () => {
    const taskOf = (meta: string): string => `{ "run": { ${RUN}, "nnc": "" }, "meta": ${meta}, "prf": [] }`;
    const refused: readonly (readonly [string, string])[] = [
      ['"64MB"', '"64MB"'],
      ['1', '1'],
      ['65536.0', 'the float 65536'],
      ['[]', 'a list'],
      ['{}', 'a map'],
      [`"${'x'.repeat(1000)}"`, `"${'x'.repeat(40)}…"`],
    ];
    for (const [value, shown] of refused) {
      const tasks = `"tasks": [ ${taskOf('{}')}, ${taskOf(`{ "memory": ${value} }`)} ]`;
      const error = await errorOf(`{ ${tasks} }`, { file: 'a.json' });
      assert.ok(error.message.endsWith(`, not ${shown}`), error.message);
      assert.equal(error.place!.pointer, '/tasks/1/meta');
      const wrapped = await errorOf(`{ "name": "w", "workflow": { ${tasks} } }`, { file: 'a.json' });
      assert.equal(wrapped.place!.pointer, '/workflow/tasks/1/meta');
    }
    const fuel = await errorOf(one(RUN, '"meta": { "fuel": -1 }, "prf": []'), { file: 'a.json' });
    assert.match(fuel.message, /, not -1$/);
  });

  test('the same instruction twice', async () => {
    const text = `{ "tasks": [ ${task('f', '1')},\n ${task('f', '1')} ] }`;
    const error = await errorOf(text, { file: 'a.json' });
    assert.equal(error.code, 'WORKFLOW_DUPLICATE');
    assert.equal(error.message, 'workflow cannot contain duplicate tasks: use a nonce (nnc field) to ensure uniqueness');
    assert.equal(at(error.place!), '2:2');
    assert.equal((await compileText(text.replace('"nnc": ""', '"nnc": "1sod60ml6g26mfhsrsa0"'), { file: 'a.json' })).tasks.length, 2);
  });

  test('inputs, of which there are none', async () => {
    assert.equal((await errorOf(one(), { file: 'a.json', inputs: { a: '1' } })).code, 'WORKFLOW_INPUT');
  });
});
