import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ofBlob } from '../../../src/ipld/cid.ts';
import { Float, type Ipld } from '../../../src/ipld/value.ts';
import type { PlannedTask } from '../../../src/workflow/model.ts';
import { awaitsOf, cidOfFile, cidOfFolder, compileText, errorOf, labelsOf, MemorySources, taskOf } from '../helpers.ts';

/** The input of the one task `t` written as `body`; `a` and `b` may be awaited. */
async function inputOf(body: string, sources = new MemorySources()): Promise<Ipld> {
  const text = `inputs: { x: { default: X }, n: { default: 7 } }\ntasks:\n  t:\n    module: t.wasm\n    ${body.replaceAll('\n', '\n    ')}\n  a: { module: a.wasm }\n`;
  return taskOf(await compileText(text, { sources }), 't').task.run.input;
}

test('a task is an instruction with nothing but what was written', async () => {
  const plan = await compileText('tasks: { t: { module: t.wasm } }');
  const { task, module, label, group, awaits, external } = plan.tasks[0]!;
  assert.deepEqual(task, {
    run: { rsc: `ipfs://${cidOfFile('t.wasm')}`, op: 'wasi/run', input: {}, nnc: '' },
    cause: null,
    meta: {},
    prf: [],
  });
  assert.equal(module?.toString(), cidOfFile('t.wasm').toString());
  assert.deepEqual({ label, group, awaits, external }, { label: 't', group: 't', awaits: [], external: [] });
  assert.equal(plan.name, plan.workflow.toString());
});

describe('input of wasi/run', () => {
  test('keys left out and keys left empty are the same', async () => {
    assert.deepEqual(await inputOf('args: []\nenv: {}\nstdin: ""\nfiles: {}\noutputs: []\ngrant: []'), {});
  });

  test('texts, with names filled in', async () => {
    assert.deepEqual(
      await inputOf(
        'args: ["-${inputs.x}", "$${inputs.x}", "$5", "${inputs.n}"]\nenv: { A: "${inputs.x}${inputs.x}" }\noutputs: ["${inputs.x}/*"]',
      ),
      {
        args: ['-X', '${inputs.x}', '$5', '7'],
        env: { A: 'XX' },
        outputs: ['X/*'],
      },
    );
  });

  test('grants are sorted and said once', async () => {
    assert.deepEqual(await inputOf('grant: [random, clock, random]'), { grant: ['clock', 'random'] });
  });

  test('of wasm/run they stand in meta, so that its instruction is the same', async () => {
    const calling = async (more: string): Promise<PlannedTask> =>
      (await compileText(`tasks: { t: { module: t.wasm, func: f, limits: { memory: 64MiB }${more} } }`)).tasks[0]!;
    const [plain, granted, none] = [await calling(''), await calling(', grant: [random, clock, random]'), await calling(', grant: []')];
    assert.deepEqual(granted.task.meta, { memory: 64 << 20, grant: ['clock', 'random'] });
    assert.deepEqual(none.task.meta, plain.task.meta);
    assert.ok(granted.instruction.equals(plain.instruction) && !granted.invocation.equals(plain.invocation));
  });

  test('extensions are links to modules, imported as those are', async () => {
    const input = await inputOf(`extensions: { fib: "\${inputs.x}.wasm", other: { cid: ${cidOfFile('o.wasm')} } }`);
    assert.deepEqual(input, { extensions: { fib: cidOfFile('X.wasm'), other: cidOfFile('o.wasm') } });
    assert.deepEqual(await inputOf('extensions: {}'), {});
  });

  test('every VALUE', async () => {
    const sources = new MemorySources();
    const files = `files:
  text: plain
  text2: { text: "\${inputs.x}" }
  file: { file: "in/\${inputs.x}.txt" }
  dir: { dir: d, include: ["*.c"], exclude: [] }
  slash/: { dir: e }
  bytes: { base64: "AAEC\\n/w==" }
  blob: { cid: ${cidOfFile('blob')} }
  tree/: { cid: ${cidOfFolder('tree')} }
  json: { json: { b: [1, 1.0, 1.5, 12345678901234567890, "\${inputs.n}", "n\${inputs.n}", null, true], a: {} } }
  .: { dir: root }`;
    const { files: given } = (await inputOf(files, sources)) as { files: Record<string, Ipld> };
    assert.deepEqual(Object.keys(given), ['text', 'text2', 'file', 'dir', 'slash', 'bytes', 'blob', 'tree', 'json', '.']);
    assert.deepEqual(given['text'], 'plain');
    assert.deepEqual(given['text2'], 'X');
    assert.deepEqual(given['bytes'], Uint8Array.of(0, 1, 2, 255));
    assert.deepEqual(given['json'], '{"b":[1,1.0,1.5,12345678901234567890,7,"n7",null,true],"a":{}}');
    const links = {
      file: cidOfFile('in/X.txt'),
      dir: cidOfFolder('d'),
      slash: cidOfFolder('e'),
      blob: cidOfFile('blob'),
      tree: cidOfFolder('tree'),
      '.': cidOfFolder('root'),
    };
    for (const [name, cid] of Object.entries(links)) assert.equal(String(given[name]), cid.toString(), name);
    assert.deepEqual(sources.folders, [{ path: 'd', include: ['*.c'], exclude: [] }, { path: 'e' }, { path: 'root' }]);
  });

  test('promises', async () => {
    const plan = await compileText(`tasks:
  t: { module: t.wasm, stdin: { from: a, at: /stdout }, files: { log: { from: a, at: /message, on: error }, all/: { from: a, on: any } } }
  a: { module: a.wasm }`);
    const a = taskOf(plan, 'a').instruction;
    assert.deepEqual(taskOf(plan, 't').task.run.input, {
      stdin: { 'await/ok': a, at: '/stdout' },
      files: { log: { 'await/error': a, at: '/message' }, all: { 'await/*': a } },
    });
    assert.deepEqual(labelsOf(plan), ['a', 't']);
    assert.deepEqual(
      taskOf(plan, 't').awaits.map(({ branch }) => branch),
      ['await/ok', 'await/error', 'await/*'],
    );
  });

  test('values above 4 KiB are stored and linked', async () => {
    const sources = new MemorySources();
    const small = 'x'.repeat(4096);
    const large = 'ä'.repeat(2049);
    assert.deepEqual(await inputOf(`stdin: ${small}`, sources), { stdin: small });
    assert.equal(sources.blobs.length, 0);
    const bytes = new TextEncoder().encode(large);
    assert.equal(String(((await inputOf(`stdin: ${large}`, sources)) as { stdin: Ipld }).stdin), ofBlob(bytes).toString());
    assert.deepEqual(sources.blobs, [bytes]);
  });

  test('a key or a path "__proto__" is one like any other', async () => {
    const given = (await inputOf('env: { __proto__: x }\nfiles: { __proto__: y }')) as { env: object; files: object };
    assert.deepEqual(Object.entries(given.env), [['__proto__', 'x']]);
    assert.deepEqual(Object.entries(given.files), [['__proto__', 'y']]);
  });
});

describe('input of wasm/run', () => {
  test('numbers keep their kind and are exact', async () => {
    assert.deepEqual(
      await inputOf('func: f\nargs: [1, 1.0, 1.5, -0.0, 1e3, 0x10, 9007199254740993, -9223372036854775808, 18446744073709551615]'),
      {
        func: 'f',
        args: [1, new Float(1), 1.5, new Float(-0), new Float(1000), 16, 9007199254740993n, -9223372036854775808n, 18446744073709551615n],
      },
    );
  });

  test('data of any shape, with VALUEs at any depth', async () => {
    const { args } = (await inputOf(
      'func: f\nargs: [null, text, { a: [{ file: f }], b: { fil: x } }, [{ from: a, at: /0 }], { json: { from: a } }, { text: t }]',
    )) as { args: Ipld[] };
    const [nothing, text, map, list, json, plain] = args;
    assert.deepEqual([nothing, text, json, plain], [null, 'text', { from: 'a' }, 't']);
    assert.equal(String((map as { a: Ipld[] }).a[0]), cidOfFile('f').toString());
    assert.deepEqual((map as { b: Ipld }).b, { fil: 'x' });
    assert.deepEqual(Object.keys((list as object[])[0]!), ['await/ok', 'at']);
  });

  test('a text that is one name takes the value with its type', async () => {
    const plan = await compileText(
      `inputs: { n: { default: 1 }, f: { default: 1.0 }, b: { default: true } }
tasks:
  t: { module: t.wasm, func: f, each: [5, { k: 2.5 }], args: ["\${item}", "\${inputs.n}", "\${inputs.f}", "\${inputs.b}", "\${index}", " \${index}"] }`,
      { inputs: { f: '2' } },
    );
    assert.deepEqual((plan.tasks[0]!.task.run.input as { args: Ipld }).args, [5, 1, 2, true, 0, ' 0']);
    assert.deepEqual((plan.tasks[1]!.task.run.input as { args: Ipld }).args, [{ k: 2.5 }, 1, 2, true, 1, ' 1']);
  });

  test('args are always there', async () => {
    assert.deepEqual(await inputOf('func: f'), { func: 'f', args: [] });
  });
});

describe('settings', () => {
  test('limits and retry: own over defaults, key by key; only what is written counts', async () => {
    const plan = await compileText(`defaults: { limits: { memory: 64MiB, time: 10s }, retry: { attempts: 5 }, env: { A: a, B: b } }
tasks:
  t: { module: t.wasm, limits: { time: 1m, output: 1kB, open-files: 16, fuel: none }, retry: { backoff: 1s, on-failure: true }, memo: errors, env: { B: c } }
  u: { module: u.wasm, func: f }`);
    const { task } = taskOf(plan, 't');
    assert.deepEqual(task.meta, {
      memory: 67_108_864,
      time: 60_000,
      output: 1000,
      openFiles: 16,
      retry: { attempts: 5, backoff: 1000, onFailure: true },
      memo: 'errors',
    });
    assert.deepEqual(task.run.input, { env: { A: 'a', B: 'c' } });
    assert.deepEqual(taskOf(plan, 'u').task.meta, { memory: 67_108_864, time: 10_000, retry: { attempts: 5 } });
    assert.deepEqual(taskOf(plan, 'u').task.run.input, { func: 'f', args: [] });
  });

  test('fuel: any u64, as a default too, which `none` undoes without a trace', async () => {
    const plan = await compileText(`defaults: { limits: { fuel: 18446744073709551614 } }
tasks:
  t: { module: t.wasm }
  u: { module: u.wasm, limits: { fuel: 1000 } }
  v: { module: v.wasm, limits: { fuel: none } }
  w: { module: v.wasm, nonce: other, limits: { fuel: 18446744073709551615 } }`);
    const metas = ['t', 'u', 'v', 'w'].map((label) => taskOf(plan, label).task.meta);
    assert.deepEqual(metas, [{ fuel: 2n ** 64n - 2n }, { fuel: 1000 }, {}, {}]);
  });

  test('a nonce is one Homestar accepts; its text decides, or is itself one', async () => {
    const nonce = async (text: string) => (await compileText(`tasks: { t: { module: t.wasm, nonce: "${text}" } }`)).tasks[0]!.task.run.nnc;
    const one = await nonce('one');
    assert.ok(one instanceof Uint8Array && one.length === 16);
    assert.deepEqual(await nonce('one'), one);
    assert.notDeepEqual(await nonce('two'), one);
    assert.equal(await nonce('1sod60ml6g26mfhsrsa0'), '1sod60ml6g26mfhsrsa0');
    assert.equal(await nonce(''), '');
  });
});

describe('names', () => {
  test('renaming, reordering and describing tasks changes no instruction', async () => {
    const one = await compileText('tasks:\n  a: { module: a.wasm }\n  b: { module: b.wasm, stdin: { from: a } }');
    const two = await compileText('tasks:\n  y: { description: why, stdin: { from: x }, module: b.wasm }\n  x: { module: a.wasm }');
    assert.equal(one.workflow.toString(), two.workflow.toString());
  });

  test('the same work under two names is one task', async () => {
    const plan = await compileText('tasks:\n  a: { module: a.wasm }\n  b: { module: a.wasm }\n  c: { module: c.wasm, stdin: { from: b } }');
    assert.deepEqual(labelsOf(plan), ['a', 'c']);
    assert.deepEqual(taskOf(plan, 'a').aliases, ['b']);
    assert.deepEqual(awaitsOf(plan, 'c'), ['a']);
    assert.deepEqual(plan.groups, [
      { name: 'a', size: 1 },
      { name: 'b', size: 0 },
      { name: 'c', size: 1 },
    ]);
  });

  test('a nonce keeps them apart', async () => {
    assert.deepEqual(labelsOf(await compileText('tasks:\n  a: { module: a.wasm }\n  b: { module: a.wasm, nonce: again }')), ['a', 'b']);
  });

  test('the same instruction with other settings is refused at the second', async () => {
    const error = await errorOf('tasks:\n  a: { module: a.wasm }\n  b: { module: a.wasm, limits: { time: 1s } }');
    assert.equal(error.code, 'WORKFLOW_DUPLICATE');
    assert.equal(error.place?.line, 3);
    assert.match(error.next, /nonce/);
  });
});

test('outputs are promises', async () => {
  const plan = await compileText(
    'tasks: { a: { module: a.wasm }, e: { module: a.wasm, each: [1, 2], args: ["${item}"] } }\noutputs: { x: { from: a, at: /stdout }, y: { from: e, on: any } }',
  );
  const cid = (label: string) => taskOf(plan, label).instruction;
  assert.deepEqual(plan.outputs, {
    x: { 'await/ok': cid('a'), at: '/stdout' },
    y: [{ 'await/*': cid('e[1]') }, { 'await/*': cid('e[2]') }],
  });
});

describe('inputs', () => {
  const text =
    'inputs: { s: { description: a text }, i: { default: 1 }, f: { default: 1.5 }, b: { default: false }, n: { type: number, default: 1 } }\ntasks: { t: { module: t.wasm, func: f, args: ["${inputs.s}", "${inputs.i}", "${inputs.f}", "${inputs.b}", "${inputs.n}"] } }';
  const args = async (inputs: Record<string, string>) =>
    ((await compileText(text, { inputs })).tasks[0]!.task.run.input as { args: Ipld }).args;

  test('are given or have defaults, and keep their type', async () => {
    assert.deepEqual(await args({ s: '5' }), ['5', 1, 1.5, false, 1]);
    assert.deepEqual(await args({ s: '', i: '-9223372036854775808', f: '2.0', b: 'true', n: '1e3' }), [
      '',
      -9223372036854775808n,
      new Float(2),
      true,
      new Float(1000),
    ]);
    assert.deepEqual(await args({ s: '${index}', n: '1' }), ['${index}', 1, 1.5, false, 1]);
  });

  test('that are missing, unknown or of the wrong kind are refused, listing what there is', async () => {
    for (const [inputs, message] of [
      [{}, /--input s=…/],
      [{ s: 'x', t: 'y' }, /no input "t"/],
      [{ s: 'x', i: '1.5' }, /--input i must be of type integer/],
      [{ s: 'x', i: '' }, /type integer/],
      [{ s: 'x', i: '99999999999999999999' }, /type integer/],
      [{ s: 'x', b: 'yes' }, /type boolean/],
      [{ s: 'x', n: 'NaN' }, /type number/],
      [{ s: 'x', n: '' }, /type number/],
      [{ s: 'x', toString: 'y' }, /no input "toString"/],
    ] as const) {
      const error = await errorOf(text, { inputs });
      assert.equal(error.code, 'WORKFLOW_INPUT');
      assert.match(error.message, message);
      assert.match(error.next, /Inputs: s \(required\): a text; i \(integer\); f \(number\); b \(boolean\); n \(number\)/);
    }
  });
});
