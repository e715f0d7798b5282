import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { isDocketError } from '../../../src/errors.ts';
import { at, compileText, errorOf, labelsOf } from '../helpers.ts';

describe('text that is not well-formed', () => {
  const cases: readonly (readonly [name: string, text: string, place: string, message: RegExp])[] = [
    ['nothing', '', '1:1', /empty/],
    ['only a comment', '# hello\n', '1:1', /empty/],
    ['a tab as indent', 'tasks:\n\tt: {}\n', '2:1', /tab/i],
    ['an open bracket', 'tasks: { t: { module: m', '1:24', /./],
    ['an open quote', 'tasks: { t: { module: "m } }', '1:29', /quote/],
    ['bad indent', 'tasks:\n  t:\n    module: m\n   args: []\n', '4:1', /./],
    ['two documents', 'tasks: {}\n---\ntasks: {}\n', '2:1', /multiple documents/],
    ['a duplicate key', 'tasks: {}\nname: a\ntasks: {}\n', '3:1', /"tasks" stands twice in one map, first at line 1/],
    ['a key written twice in another way', 'tasks: {}\n"tasks": {}\n', '2:1', /twice/],
    ['a list as a key', 'tasks: { ? [a] : b }', '1:12', /plain text/],
    ['an unknown tag', 'tasks: !python/object {}', '1:8', /tag/],
    ['binary', 'name: !!binary aGk=\ntasks: {}', '1:16', /not allowed/],
    ['an unknown anchor', 'tasks: *t', '1:8', /anchor|alias/],
    ['an anchor around its alias', 'tasks: &t { a: *t }', '1:16', /inside of its own anchor/],
    ['a merge key', 'x: &x { module: m }\ntasks: { t: { <<: *x } }', '1:1', /no key "x"/],
    ['JSON that breaks off', '{ "tasks": { "t": { "module": ', '1:31', /./],
  ];
  for (const [name, text, place, message] of cases) {
    test(name, async () => {
      const error = await errorOf(text);
      assert.match(error.message, message);
      assert.equal(at(error.place!), place);
      assert.equal(error.place?.file, 'flow.yaml');
    });
  }
});

test('anchors and aliases work', async () => {
  const plan = await compileText(
    'tasks:\n  a: &a\n    module: m\n    args: &args [x, y]\n  b: { module: n, args: *args }\n  c: { module: n, files: { f: &f text, g: *f } }\n',
  );
  assert.deepEqual(labelsOf(plan), ['a', 'b', 'c']);
  assert.deepEqual(plan.tasks[1]!.task.run.input, { args: ['x', 'y'] });
});

test('an anchor used again means its last value before', async () => {
  const plan = await compileText(
    'tasks: { a: { module: &m one }, b: { module: *m, nonce: x }, c: { module: &m two }, d: { module: *m, nonce: x } }',
  );
  assert.equal(plan.tasks[0]!.task.run.rsc, plan.tasks[1]!.task.run.rsc);
  assert.equal(plan.tasks[2]!.task.run.rsc, plan.tasks[3]!.task.run.rsc);
});

test('a bomb of aliases is refused before anything walks it', async () => {
  const levels = Array.from(
    { length: 30 },
    (_, i) => `  l${i + 1}: &l${i + 1} [${Array.from({ length: 10 }, () => `*l${i}`).join(', ')}]\n`,
  ).join('');
  const error = await errorOf(`tasks:\n  l0: &l0 [x]\n${levels}`);
  assert.equal(error.code, 'WORKFLOW_SYNTAX');
  assert.match(error.message, /aliases .* more than 100000 values/);
});

test('deep nesting is refused, whatever the depth', async () => {
  for (const depth of [300, 10_000]) {
    for (const text of [
      `tasks: ${'['.repeat(depth)}${']'.repeat(depth)}`,
      `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`,
      `tasks: ${'['.repeat(depth)}`,
    ]) {
      const error = await errorOf(text);
      assert.match(error.code, /^WORKFLOW_/);
    }
  }
});

test('more than 20,000 tasks written out are refused', async () => {
  const tasks = (count: number) => `tasks:\n${Array.from({ length: count }, (_, i) => `  t${i}: {module: m, nonce: n${i}}\n`).join('')}`;
  const error = await errorOf(tasks(20_001));
  assert.equal(error.code, 'WORKFLOW_TOO_LARGE');
  assert.match(error.message, /20001 tasks/);
  assert.match(error.next, /each/);
});

test('a text of more than 64 Mi characters is refused unread', async () => {
  assert.equal((await errorOf('#'.repeat(64 * 2 ** 20 + 1))).code, 'WORKFLOW_TOO_LARGE');
});

test('many problems in one line, many aliases, many inputs: time stays in proportion', async () => {
  const many = 10_000;
  assert.equal((await errorOf(`tasks: { t: { module: m, args: [${'1,'.repeat(many)}] } }`)).code, 'WORKFLOW_INVALID');
  assert.equal((await compileText(`tasks: { t: { module: m, args: [&a x${', *a'.repeat(many)}] } }`)).tasks.length, 1);
  assert.equal(
    (await compileText(`tasks: { t: { module: m, env: { ${Array.from({ length: many }, (_, i) => `E${i}: x`).join(', ')} } } }`)).tasks
      .length,
    1,
  );
});

test('a long chain of items, and many unknown names, take no time of their own', async () => {
  const chain = Array.from({ length: 3000 }, (_, i) => `  t${i + 1}: { module: m, each: { task: t${i} }, stdin: { from: t${i} } }\n`).join(
    '',
  );
  assert.equal((await compileText(`tasks:\n  t0: { module: m, each: [x] }\n${chain}`)).tasks.length, 3001);
  const unknown = Array.from({ length: 3000 }, (_, i) => `  t${i}: { module: m, stdin: { from: u${i} } }\n`).join('');
  assert.match((await errorOf(`tasks:\n${unknown}`)).message, /there is no task "u0"/);
});

test('everybody awaiting everybody is refused before anything is made', async () => {
  const list = `[${Array.from({ length: 6000 }, (_, i) => i).join(',')}]`;
  const task = (name: string, more: string) => `  ${name}: { module: m, each: ${list}, args: ["\${item}"], ${more} }\n`;
  const error = await errorOf(`tasks:\n${task('a', 'nonce: a')}${task('b', 'files: { all/: { from: a } }')}`);
  assert.equal(error.code, 'WORKFLOW_TOO_LARGE');
});

test('a version directive does not bring YAML 1.1 back', async () => {
  const plan = await compileText('%YAML 1.1\n---\ntasks: { t: { module: m, func: f, args: [yes, 010, 1_000, 2001-01-01] } }');
  assert.deepEqual((plan.tasks[0]!.task.run.input as { args: unknown }).args, ['yes', 10, '1_000', '2001-01-01']);
});

test('whatever the text, the outcome is a plan or an error with a place', async () => {
  const words = [
    'tasks:',
    't:',
    'module:',
    'm',
    '{',
    '}',
    '[',
    ']',
    ',',
    '\n',
    '  ',
    'from:',
    'each:',
    'reduce:',
    '&a',
    '*a',
    '"',
    "'",
    '${item}',
    '- ',
    '? ',
    ': ',
    '!!',
    '|',
    '>',
    '#',
    '\t',
    '\0',
    '---',
    '%',
    '{"tasks":[',
    '1',
    'null',
    '@',
    '`',
  ];
  const text = fc.oneof(
    fc.string(),
    fc.array(fc.constantFrom(...words), { maxLength: 40 }).map((parts) => parts.join(' ')),
    fc.jsonValue().map((value) => JSON.stringify({ tasks: value })),
  );
  await fc.assert(
    fc.asyncProperty(text, fc.constantFrom('a.yaml', 'a.json'), async (written, file) => {
      try {
        await compileText(written, { file });
      } catch (error) {
        if (!isDocketError(error)) throw error;
        assert.equal(error.place?.file, file);
        assert.ok((error.place?.line ?? 0) >= 1 && (error.place?.column ?? 0) >= 1, JSON.stringify(error.place));
      }
    }),
    { numRuns: 400 },
  );
});
