import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { before, describe, test } from 'node:test';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { parse } from 'yaml';
import { isDocketError } from '../../../src/errors.ts';
import { compileText, MemorySources } from '../helpers.ts';

const DOCS = new URL('../../../docs/', import.meta.url);

let validate: ValidateFunction;
before(async () => {
  const schema: unknown = JSON.parse(await readFile(new URL('workflow.schema.json', DOCS), 'utf8'));
  validate = new Ajv2020({ strict: false, allErrors: true }).compile(schema as object);
});

async function accepted(text: string): Promise<boolean> {
  const globs = { '*': ['a', 'b'], 'docs/**/*.md': ['docs/a.md', 'docs/b.md'] };
  try {
    await compileText(text, { sources: new MemorySources(globs) });
    return true;
  } catch (error) {
    if (!isDocketError(error)) throw error;
    return false;
  }
}

/** Of a task, what is good and what is bad. `m` is there to be referred to, `e` has an `each`. */
const SRI = 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=';

const GOOD = [
  'module: a.wasm',
  'module: https://example.com/a.wasm',
  `module: https://example.com/a.wasm#${SRI}`,
  'module: ipfs://bafybeibk42jwhq7w2zcpe6q3wgtleugp3ymfs3pa5gerjmnakqihhqx4zq',
  'module: { url: "https://example.com/a.wasm" }',
  `module: { url: "https://example.com/a.wasm", integrity: "${SRI}" }`,
  'module: { url: "https://example.com/${item}.wasm" }\neach: [a, b]',
  'module: { url: "ipfs://bafybeibk42jwhq7w2zcpe6q3wgtleugp3ymfs3pa5gerjmnakqihhqx4zq" }',
  'module: { cid: bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy }',
  'module: a.wasm\nop: wasi/run',
  'module: a.wasm\nop: wasm/run\nfunc: f',
  'module: a.wasm\nfunc: f\nargs: [1, 1.5, null, true, text, { a: [1] }, { from: m, at: /x }]',
  'module: a.wasm\nargs: [a, "1"]\nenv: { A: b }\nstdin: text',
  'module: a.wasm\nstdin: { text: hello }',
  'module: a.wasm\nstdin: { base64: aGk= }',
  'module: a.wasm\nstdin: { json: { a: [1, null] } }',
  'module: a.wasm\nstdin: { from: m }',
  'module: a.wasm\nstdin: { from: m, at: /files/a~1b, on: any }',
  'module: a.wasm\nfiles: { a: x, b/c: { file: c }, d: { dir: d, include: ["*"], exclude: [] }, e/: { dir: e }, .: { dir: root } }',
  'module: a.wasm\nfiles: { all/: { from: e } }',
  'module: a.wasm\noutputs: ["*.json", out/**]',
  'module: a.wasm\ngrant: [random, clock]',
  'module: a.wasm\ngrant: []',
  'module: a.wasm\nfunc: f\ngrant: [random, clock]',
  'module: a.wasm\nextensions: { fib: f.wasm, org.example.fib: { cid: bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy } }',
  'module: a.wasm\nlimits: { memory: 64MiB, time: 1h30m, output: 0, open-files: 16, fuel: none }',
  'module: a.wasm\nlimits: { memory: 65536, fuel: 18446744073709551615 }',
  'module: a.wasm\nlimits: { fuel: 0 }',
  'module: a.wasm\nneeds: { tags: { gpu: h100, zone: [eu, us], ssd: true, spot: false, rack: { not: a1 }, floor: { not: [a, b] } } }',
  'module: a.wasm\nneeds: { op: wasm/run, memory: 8GiB, slots: 2, within: 10min }',
  'module: a.wasm\nneeds: { tags: {}, memory: 65536, within: 0ms }',
  'module: a.wasm\nneeds: {}',
  'module: a.wasm\nlimits: { fuel: 1000000 }',
  'module: a.wasm\nretry: { attempts: 1, backoff: 0ms, on-failure: true }',
  'module: a.wasm\nmemo: always\nnonce: one\ndescription: text',
  'module: a.wasm\nagree: 2/3',
  'module: a.wasm\ndurable: true',
  'module: a.wasm\ndurable: false',
  'module: a.wasm\ndurable: 30d',
  'module: a.wasm\neach: [a, 1, 1.5, true, { name: x, n: 1 }]',
  'module: a.wasm\neach: []',
  'module: a.wasm\neach: { glob: "*" }\nargs: ["${item}"]',
  'module: a.wasm\neach: { task: e }\nstdin: { from: e }',
  'module: a.wasm\nreduce: e\nfiles: { parts/: { parts: /stdout } }',
  'module: a.wasm\nreduce: { task: e, arity: 64 }',
];

const BAD = [
  'module: { url: a.wasm }',
  'module: { url: "https://example.com/a.wasm", cid: bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy }',
  'module: { integrity: "sha256-" }',
  'module: { url: "https://example.com/a.wasm", integrity: 1.5 }',
  'module: a.wasm\nextensions: [f.wasm]',
  'module: a.wasm\nextensions: { docket: f.wasm }',
  'module: a.wasm\nextensions: { "": f.wasm }',
  'module: a.wasm\nextensions: { fib: 1 }',
  'module: a.wasm\nextensions: { fib: { path: f.wasm } }',
  'module: a.wasm\nfunc: f\nextensions: { fib: f.wasm }',
  '[]',
  'text',
  '{}',
  'args: [a]',
  'module: ""',
  'module: 1',
  'module: { path: a.wasm }',
  'module: { cid: 1 }',
  'module: a.wasm\nmodul: b.wasm',
  'module: a.wasm\nop: wasi/walk',
  'module: a.wasm\nop: wasm/run',
  'module: a.wasm\nop: wasi/run\nfunc: f',
  'module: a.wasm\nfunc: 1',
  'module: a.wasm\nfunc: f\nenv: { A: b }',
  'module: a.wasm\nfunc: f\nstdin: text',
  'module: a.wasm\nfunc: f\nfiles: {}',
  'module: a.wasm\nfunc: f\ngrant: [network]',
  'module: a.wasm\nfunc: f\noutputs: []',
  'module: a.wasm\nargs: text',
  'module: a.wasm\nargs: [1]',
  'module: a.wasm\nargs: [[a]]',
  'module: a.wasm\nenv: { A: 1 }',
  'module: a.wasm\nenv: { "A=B": c }',
  'module: a.wasm\nenv: { "": c }',
  'module: a.wasm\nenv: []',
  'module: a.wasm\nstdin: 1',
  'module: a.wasm\nstdin: [a]',
  'module: a.wasm\nstdin: {}',
  'module: a.wasm\nstdin: { fil: a }',
  'module: a.wasm\nstdin: { file: a, include: [] }',
  'module: a.wasm\nstdin: { file: a, text: b }',
  'module: a.wasm\nstdin: { dir: a, include: "*" }',
  'module: a.wasm\nstdin: { base64: "?" }',
  'module: a.wasm\nstdin: { from: m, at: stdout }',
  'module: a.wasm\nstdin: { from: m, at: /a~2 }',
  'module: a.wasm\nstdin: { from: m, on: fail }',
  'module: a.wasm\nstdin: { from: m, att: /a }',
  'module: a.wasm\nfiles: [a]',
  'module: a.wasm\nfiles: { /etc/passwd: x }',
  'module: a.wasm\nfiles: { ../a: x }',
  'module: a.wasm\nfiles: { a/../b: x }',
  'module: a.wasm\nfiles: { a//b: x }',
  'module: a.wasm\nfiles: { a/./b: x }',
  'module: a.wasm\nfiles: { "": x }',
  'module: a.wasm\noutputs: "*"',
  'module: a.wasm\noutputs: [/out]',
  'module: a.wasm\noutputs: [../out]',
  'module: a.wasm\noutputs: [out/]',
  'module: a.wasm\noutputs: [""]',
  'module: a.wasm\ngrant: [network]',
  'module: a.wasm\ngrant: clock',
  'module: a.wasm\nlimits: { memory: 1 }',
  'module: a.wasm\nlimits: { memory: lots }',
  'module: a.wasm\nlimits: { memory: -64MiB }',
  'module: a.wasm\nlimits: { memory: 4294967297 }',
  'module: a.wasm\nlimits: { time: 10 }',
  'module: a.wasm\nlimits: { time: "10" }',
  'module: a.wasm\nlimits: { time: 10 s }',
  'module: a.wasm\nlimits: { output: -1 }',
  'module: a.wasm\nlimits: { open-files: 3 }',
  'module: a.wasm\nlimits: { openFiles: 16 }',
  'module: a.wasm\nlimits: { fuel: -1 }',
  'module: a.wasm\nlimits: { fuel: 1.5 }',
  'module: a.wasm\nlimits: { fuel: lots }',
  'module: a.wasm\nlimits: { cpu: 1 }',
  'module: a.wasm\nneeds: gpu',
  'module: a.wasm\nneeds: { gpu: h100 }',
  'module: a.wasm\nneeds: { op: wasi }',
  'module: a.wasm\nneeds: { op: [wasi/run] }',
  'module: a.wasm\nneeds: { tags: [gpu] }',
  'module: a.wasm\nneeds: { tags: { GPU: h100 } }',
  'module: a.wasm\nneeds: { tags: { gpu: 8 } }',
  'module: a.wasm\nneeds: { tags: { gpu: null } }',
  'module: a.wasm\nneeds: { tags: { gpu: [] } }',
  'module: a.wasm\nneeds: { tags: { gpu: [a, 8] } }',
  'module: a.wasm\nneeds: { tags: { gpu: "a,b" } }',
  'module: a.wasm\nneeds: { tags: { gpu: { not: [] } } }',
  'module: a.wasm\nneeds: { tags: { gpu: { is: a } } }',
  'module: a.wasm\nneeds: { tags: { gpu: { not: a, in: b } } }',
  'module: a.wasm\nneeds: { memory: lots }',
  'module: a.wasm\nneeds: { memory: 0 }',
  'module: a.wasm\nneeds: { slots: 0 }',
  'module: a.wasm\nneeds: { slots: 1.5 }',
  'module: a.wasm\nneeds: { slots: 1025 }',
  'module: a.wasm\nneeds: { within: 10 }',
  'module: a.wasm\nlimits: []',
  'module: a.wasm\nretry: { attempts: 0 }',
  'module: a.wasm\nretry: { attempts: 101 }',
  'module: a.wasm\nretry: { attempts: many }',
  'module: a.wasm\nretry: { backoff: 10 }',
  'module: a.wasm\nretry: { on-failure: 1 }',
  'module: a.wasm\nretry: { on-failure: "true" }',
  'module: a.wasm\nretry: 3',
  'module: a.wasm\nmemo: sometimes',
  'module: a.wasm\nagree: two',
  'module: a.wasm\ndurable: yes please',
  'module: a.wasm\nagree: 2',
  'module: a.wasm\ndurable: 30',
  'module: a.wasm\nagree: 2/',
  'module: a.wasm\nnonce: 1',
  'module: a.wasm\ndescription: 1',
  'module: a.wasm\neach: text',
  'module: a.wasm\neach: {}',
  'module: a.wasm\neach: { glob: "*", task: e }',
  'module: a.wasm\neach: { glob: 1 }',
  'module: a.wasm\neach: [null]',
  'module: a.wasm\neach: [[a]]',
  'module: a.wasm\neach: [{ a: [b] }]',
  'module: a.wasm\neach: [a]\nreduce: e',
  'module: a.wasm\nreduce: 1',
  'module: a.wasm\nreduce: {}',
  'module: a.wasm\nreduce: { task: e, arity: 1 }',
  'module: a.wasm\nreduce: { task: e, arity: 65 }',
  'module: a.wasm\nreduce: { task: e, width: 8 }',
];

const TASKS = 'm: { module: m.wasm }\n  e: { module: a.wasm, each: [a, b], args: ["${item}"] }';

function withTask(body: string): string {
  return `tasks:\n  ${TASKS}\n  t:\n    ${body.replaceAll('\n', '\n    ')}\n`;
}

const ROOTS: readonly (readonly [good: boolean, text: string])[] = [
  [true, 'tasks: { m: { module: a.wasm } }'],
  [true, '{"docket": 1, "tasks": {"m": {"module": "a.wasm"}}}'],
  [true, 'docket: 1\nname: n\ndescription: d\ntasks: { m: { module: a.wasm } }\noutputs: { out.txt: { from: m, at: /stdout, on: ok } }'],
  [
    true,
    'inputs: { a: { default: 1, type: number }, b: { default: x, description: d }, c: { default: 1.5 } }\ntasks: { m: { module: a.wasm } }',
  ],
  [
    true,
    'defaults: { limits: { time: 1s }, retry: { attempts: 1 }, needs: { tags: { zone: eu } }, env: { A: b } }\ntasks: { m: { module: a.wasm } }',
  ],
  [false, 'tasks: {}'],
  [false, 'tasks: text'],
  [false, 'name: n'],
  [false, '[]'],
  [false, 'docket: 2\ntasks: { m: { module: a.wasm } }'],
  [false, 'docket: "1"\ntasks: { m: { module: a.wasm } }'],
  [false, 'name: 1\ntasks: { m: { module: a.wasm } }'],
  [false, 'name: ""\ntasks: { m: { module: a.wasm } }'],
  [false, 'nam: n\ntasks: { m: { module: a.wasm } }'],
  [false, 'tasks: { "a b": { module: a.wasm } }'],
  [false, 'tasks: { -a: { module: a.wasm } }'],
  [false, 'inputs: { a: 1 }\ntasks: { m: { module: a.wasm } }'],
  [false, 'inputs: { 1a: { default: x } }\ntasks: { m: { module: a.wasm } }'],
  [false, 'inputs: { a: { default: [x] } }\ntasks: { m: { module: a.wasm } }'],
  [false, 'inputs: { a: { default: x, type: integer } }\ntasks: { m: { module: a.wasm } }'],
  [false, 'inputs: { a: { default: 1.5, type: integer } }\ntasks: { m: { module: a.wasm } }'],
  [false, 'inputs: { a: { default: 1, type: string } }\ntasks: { m: { module: a.wasm } }'],
  [false, 'inputs: { a: { default: 1, type: float } }\ntasks: { m: { module: a.wasm } }'],
  [false, 'inputs: { a: { fallback: 1 } }\ntasks: { m: { module: a.wasm } }'],
  [false, 'defaults: { grant: [clock] }\ntasks: { m: { module: a.wasm } }'],
  [false, 'defaults: []\ntasks: { m: { module: a.wasm } }'],
  [false, 'tasks: { m: { module: a.wasm } }\noutputs: { out: m }'],
  [false, 'tasks: { m: { module: a.wasm } }\noutputs: { ../out: { from: m } }'],
  [false, 'tasks: { m: { module: a.wasm } }\noutputs: { out: { file: a } }'],
  [false, 'tasks: { m: { module: a.wasm } }\noutputs: { out: { from: m, at: x } }'],
];

describe('the schema and the compiler agree', () => {
  const documents = [
    ...ROOTS,
    ...GOOD.map((body) => [true, withTask(body)] as const),
    ...BAD.map((body) => [false, withTask(body)] as const),
  ];
  for (const [good, text] of documents) {
    test(`${good ? 'accept' : 'refuse'}: ${text.replace(/^tasks:\n.*\n.*\n  t:\n/, '').replace(/\s+/g, ' ')}`, async () => {
      const isValid = validate(parse(text));
      assert.equal(isValid, good, `schema: ${JSON.stringify(validate.errors?.slice(0, 3))}`);
      assert.equal(await accepted(text), good, 'compiler');
    });
  }
});

test('every example of the documentation is accepted by both', async () => {
  const text = await readFile(new URL('workflow.md', DOCS), 'utf8');
  const examples = [...text.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].map(([, example]) => example!);
  assert.ok(examples.length >= 4);
  for (const example of examples) {
    assert.ok(validate(parse(example)), `${JSON.stringify(validate.errors)}\n${example}`);
    await compileText(example, { sources: new MemorySources({ 'docs/**/*.md': ['docs/a.md'] }) });
  }
  const [homestar] = [...text.matchAll(/^```json\n([\s\S]*?)^```$/gm)].map(([, example]) => example!);
  const plan = await compileText(homestar!, { file: 'flow.json' });
  assert.equal(plan.tasks.length, 1);
});

test('every example workflow is accepted by the schema', async () => {
  const folder = new URL('../../../examples/', import.meta.url);
  const files = (await readdir(folder, { recursive: true })).filter((path) => path.endsWith('.yaml'));
  assert.ok(files.length > 0);
  for (const file of files)
    assert.ok(validate(parse(await readFile(new URL(file, folder), 'utf8'))), `${file}: ${JSON.stringify(validate.errors)}`);
});

test('everything an author can write has a description in the schema', async () => {
  const schema = JSON.parse(await readFile(new URL('workflow.schema.json', DOCS), 'utf8')) as Record<string, unknown>;
  const definitions = schema['$defs'] as Record<string, { description?: string }>;
  const check = (value: unknown, path: string): void => {
    if (typeof value !== 'object' || value === null) return;
    for (const [key, child] of Object.entries(value)) {
      if (key === 'properties' && !/\/(then|else|if|allOf)\b/.test(path)) {
        for (const [name, property] of Object.entries(child as Record<string, { description?: string; $ref?: string }>)) {
          const target = definitions[property.$ref?.split('/').at(-1) ?? ''];
          assert.ok(property.description ?? target?.description, `${path}/${name} has no description`);
        }
      }
      check(child, `${path}/${key}`);
    }
  };
  check(schema, '');
});
