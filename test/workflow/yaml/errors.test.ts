import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { DocketError } from '../../../src/errors.ts';
import { at, errorOf, MemorySources, problemsOf } from '../helpers.ts';

/** What is wrong, in a file whose line 3 begins with four spaces in a task `t`. */
const IN_TASK: readonly (readonly [line: string, expected: string, next: RegExp])[] = [
  ['modul: a.wasm', '4:5 task "t" (wasi/run) has no key "modul" (did you mean "module"?)', /Known keys: .*module/],
  ['stdin: { from: tt }', '4:20 there is no task "tt" (did you mean "t"?)', /Tasks: t, a, e/],
  ['stdin: { from: completely }', '4:20 there is no task "completely"', /Tasks:/],
  [
    'stdin: { fro: a }',
    '4:12 "stdin" of task "t" must be text or a map with one of file, dir, text, base64, cid, json, from, parts (did you mean "from"?)',
    /./,
  ],
  ['stdin: { from: e }', '4:12 "stdin" of "t" would be a list of outputs', /files: \{ parts\//],
  ['stdin: { parts: /x }', '4:12 "parts" stands in "t", which has no `reduce`', /from/],
  ['stdin: 20', '4:12 "stdin" of task "t" must be text, not 20', /Write "20" in quotes/],
  ['stdin:', '4:11 "stdin" of task "t" must be text, not nothing (null)', /./],
  ['args: [--top, 20]', '4:19 "args" of task "t", item 2, must be text, not 20', /Write "20" in quotes/],
  ['args: ["${item}"]', '4:12 ${item} is not known here', /needs a task with `each`/],
  ['args: ["${input.x}"]', '4:12 ${input.x} is not known here (did you mean "inputs.x"?)', /Known names here: inputs\.x/],
  ['args: ["${inputs.y}"]', '4:12 ${inputs.y} is not known here (did you mean "inputs.x"?)', /./],
  ['args: ["${"]', '4:12 "${" has a ${ without a }', /\$\$\{/],
  ['args: ["${}"]', '4:12 ${} is not known here', /./],
  ['args: ["a\\0b"]', '4:12 arguments and environment variables cannot hold a NUL character', /./],
  ['env: { A=B: c }', '4:12 "A=B" cannot be the name of an environment variable', /./],
  ['files: { /etc/passwd: x }', '4:14 the path "/etc/passwd" is absolute', /relative/],
  ['files: { ../x: x }', '4:14 the path "../x" has a ".." part', /relative/],
  ['files: { "${inputs.x}/..": x }', '4:14 the path "X/.." has a ".." part', /relative/],
  ['files: { .: x }', '4:14 the path "." has a "." part', /relative/],
  ['files: { d/: { file: f } }', '4:14 "d/" of "t" ends with a slash but is one file', /Drop the slash/],
  ['files: { all: { from: e } }', '4:14 "all" of "t" would be a list of outputs', /all\/0000/],
  ['files: { "${inputs.x}": { from: e } }', '4:14 "X" would be a list of outputs', /X\/0000/],
  ['files: { a: x, a/b: y }', '4:20 "a/b" is mounted below the file "a"', /path of its own/],
  ['files: { a: x, "${inputs.a}": y }', '4:20 two files are mounted at "a"', /path of its own/],
  ['files: { all/: { from: e }, all/0001: y }', '4:33 two files are mounted at "all/0001"', /path of its own/],
  ['files: { a: x, a: y }', '4:20 the key "a" stands twice in one map, first at line 4', /./],
  ['outputs: [../*]', '4:15 the path "../*" has a ".." part', /relative/],
  ['outputs: ["${inputs.x}/"]', '4:15 the path "X/" has an empty part', /relative/],
  ['op: wasi/rum', '4:9 task "t" has an unknown op "wasi/rum"', /Known ops: wasi\/run, wasm\/run/],
  ['op: wasm/run', '4:9 task "t" is wasm/run but has no "func"', /exported function/],
  ['grant: [clok]', '4:13 "grant" of task "t" must be one of clock, random (did you mean "clock"?), not "clok"', /./],
  ['limits: { memory: 1 }', '4:23 "memory" must be a whole number from 65536 to 4294967296 (64 KiB to 4 GiB), not 1', /64 KiB to 4 GiB/],
  ['limits: { time: 10 }', '4:21 "time" must be a duration', /10s/],
  ['limits: { fuel: 1.5 }', '4:21 "fuel" must be a whole number from 0 to 18446744073709551614, not 1.5', /units/],
  ['limits: { memroy: 1 }', '4:15 "limits" has no key "memroy" (did you mean "memory"?)', /./],
  ['retry: { attempts: 0 }', '4:24 "retry.attempts" must be a whole number from 1 to 100, not 0', /./],
  [
    'agree: 1/3',
    '4:12 "agree" of task "t" must be two numbers such as 2/3: how many must agree, more than half, of how many at most, up to 16',
    /./,
  ],
  [
    'agree: 2',
    '4:12 "agree" of task "t" must be two numbers such as 2/3: how many must agree, more than half, of how many at most, up to 16',
    /./,
  ],
  [
    'agree: [2, 3]',
    '4:12 "agree" of task "t" must be two numbers such as 2/3: how many must agree, more than half, of how many at most, up to 16',
    /./,
  ],
  ['durable: 0', '4:14 "durable" of task "t" must be true, false, or a duration from 1 min to 3650 d such as 30d', /./],
  ['memo: sometimes', '4:11 "memo" of task "t" must be one of always, never, errors, not "sometimes"', /./],
  ['reduce: a', '4:13 "a" has no `each`, so "t" cannot go over its items', /Tasks with `each`: e/],
  ['each: { task: a }', '4:19 "a" has no `each`, so "t" cannot go over its items', /Tasks with `each`: t, e/],
  ['each: { glob: "none/*" }', '4:19 no file matches "none/*", so "t" has no items', /relative/],
  ['each: [{ k: v }]\n    args: ["${item.kk}"]', '5:12 item 0 has no key "kk" (did you mean "k"?)', /Its keys: k/],
  ['each: [{ k: v }]\n    args: ["${item}"]', '5:12 the item is a map and cannot stand in text', /item\.key/],
  ['each: [1]\n    args: ["${item.name}"]', '5:12 item 0 has no key "name"', /./],
  ['stdin: { file: missing.txt }', '4:20 there is no file "missing.txt"', /./],
  ['stdin: { cid: bafkre }', '4:19 "bafkre" is not a CID', /./],
  ['nonce: [a]', '4:12 "nonce" of task "t" must be text, not a list', /./],
];

describe('in a task', () => {
  for (const [line, expected, next] of IN_TASK) {
    test(`${line.replaceAll('\n', ' ')}: ${expected}`, async () => {
      const text = `tasks:\n  t:\n    module: t.wasm\n    ${line}\n  a: { module: a.wasm }\n  e: { module: e.wasm, each: [1, 2], args: ["\${item}"] }\ninputs: { x: { default: X }, a: { default: a } }\n`;
      const error = await errorOf(text);
      assert.equal(`${at(error.place!)} ${error.message}`, expected);
      assert.equal(error.place?.file, 'flow.yaml');
      assert.match(error.next, next);
    });
  }
});

describe('circles are spelled out', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['tasks:\n  a: { module: m, stdin: { from: a } }', '2:34 tasks wait for each other in a circle: a → a'],
    [
      'tasks:\n  a: { module: m, stdin: { from: b } }\n  b: { module: n, stdin: { from: a } }',
      '3:34 tasks wait for each other in a circle: a → b → a',
    ],
    [
      'tasks:\n  x: { module: m, stdin: { from: a } }\n  a: { module: m, files: { f: { from: b } } }\n  b: { module: n, stdin: { from: c } }\n  c: { module: o, files: { f: { from: a } } }',
      '5:39 tasks wait for each other in a circle: a → b → c → a',
    ],
    [
      'tasks:\n  e: { module: m, each: [1], stdin: { from: r } }\n  r: { module: n, reduce: e }',
      '3:27 tasks wait for each other in a circle: e → r → e',
    ],
    [
      'tasks:\n  a: { module: m, each: { task: b } }\n  b: { module: n, each: { task: a } }',
      '3:33 tasks wait for each other in a circle: a → b → a',
    ],
    ['tasks:\n  a: { module: m, func: f, args: [{ x: [{ from: a }] }] }', '2:49 tasks wait for each other in a circle: a → a'],
  ];
  for (const [text, expected] of cases) {
    test(expected, async () => {
      const error = await errorOf(text);
      assert.equal(error.code, 'WORKFLOW_CYCLE');
      assert.equal(`${at(error.place!)} ${error.message}`, expected);
    });
  }

  test('a chain of 12,000 is none, its end made its beginning is', async () => {
    const chain = (first: string) =>
      `tasks:\n  t0: { module: m${first} }\n${Array.from({ length: 11_999 }, (_, i) => `  t${i + 1}: { module: m, stdin: { from: t${i} } }\n`).join('')}`;
    assert.equal((await errorOf(chain(', stdin: { from: t11999 }'))).code, 'WORKFLOW_CYCLE');
  });
});

test('everything wrong is reported at once, in the order of the file', async () => {
  const text = `docket: 2
nam: x
inputs: { 1x: {} }
tasks:
  t: { modul: a.wasm, args: [1, 2] }
  u: { module: a.wasm, limits: { memory: 1, time: soon } }
outputs: { a/b: { form: t } }
`;
  assert.deepEqual(
    (await problemsOf(text)).map((problem) => problem.split(' ')[0]),
    ['1:9', '2:1', '3:11', '5:6', '5:8', '5:30', '5:33', '6:42', '6:51', '7:12', '7:17', '7:19'],
  );
  assert.equal((await errorOf(text)).code, 'WORKFLOW_INVALID');
});

test('names that do not exist are reported at once too', async () => {
  const text = 'tasks:\n  a: { module: m, stdin: { from: x } }\n  b: { module: n, reduce: y }\noutputs: { o: { from: z } }';
  assert.deepEqual(await problemsOf(text), ['2:34 there is no task "x"', '3:27 there is no task "y"', '4:23 there is no task "z"']);
});

test('no more than 50 problems are kept', async () => {
  const text = `tasks:\n${Array.from({ length: 200 }, (_, i) => `  t${i}: {}\n`).join('')}`;
  assert.equal((await problemsOf(text)).length, 50);
});

test('a missing module is reported where it is named', async () => {
  const error = await errorOf('tasks:\n  t:\n    module: missing.wasm\n');
  assert.equal(error.code, 'INPUT_UNREADABLE');
  assert.equal(at(error.place!), '3:13');
});

test('a failing glob is reported where it stands', async () => {
  const sources = Object.assign(new MemorySources(), {
    glob: () => Promise.reject(new DocketError('INPUT_UNREADABLE', 'no permission')),
  });
  const error = await errorOf('tasks:\n  t: { module: m, each: { glob: "**" } }', { sources });
  assert.equal(at(error.place!), '2:33');
});
