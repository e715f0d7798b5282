import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isDocketError } from '../../src/errors.ts';
import type { Ipld } from '../../src/ipld/value.ts';
import { fromMeta, lacking, meets, type Offer, textOf, toMeta } from '../../src/workflow/needs.ts';
import { compileText } from './helpers.ts';

const OFFER: Offer = { ops: ['wasi/run', 'wasm/run'], tags: { gpu: 'h100', zone: 'eu' }, memory: 2 ** 33, slots: 4 };

const needs = (value: Ipld) => fromMeta({ needs: value });
const tags = (value: Ipld) => needs({ tags: value });

test('an agent meets what it has, and the rest is named', () => {
  const cases: readonly (readonly [Ipld, string | undefined])[] = [
    [{}, undefined],
    [{ tags: { gpu: 'h100' } }, undefined],
    [{ tags: { gpu: 'a100' } }, 'its tag gpu is "h100", not "a100"'],
    [{ tags: { zone: ['us', 'eu'] } }, undefined],
    [{ tags: { zone: ['us', 'ap'] } }, 'its tag zone is "eu", not "ap" or "us"'],
    [{ tags: { gpu: true } }, undefined],
    [{ tags: { ssd: true } }, 'it has no tag ssd'],
    [{ tags: { ssd: 'yes' } }, 'it has no tag ssd'],
    [{ tags: { spot: false } }, undefined],
    [{ tags: { gpu: false } }, 'it has the tag gpu'],
    [{ tags: { spot: { not: 'yes' } } }, undefined],
    [{ tags: { zone: { not: 'us' } } }, undefined],
    [{ tags: { zone: { not: ['us', 'eu'] } } }, 'its tag zone is "eu"'],
    [{ tags: { constructor: true } }, 'it has no tag constructor'],
    [{ op: 'wasm/run' }, undefined],
    [{ op: 'container/run' }, 'it does not run container/run'],
    [{ memory: 2 ** 33 }, undefined],
    [{ memory: 2 ** 34 }, 'it has 8 GiB for tasks, not 16 GiB'],
    [{ slots: 4 }, undefined],
    [{ slots: 5 }, 'it has 4 slots, not 5'],
  ];
  for (const [value, lack] of cases) {
    assert.deepEqual(lacking(needs(value), OFFER), lack === undefined ? [] : [lack]);
    assert.equal(meets(needs(value), OFFER), lack === undefined);
  }
});

test('all that is lacking is named', () => {
  assert.equal(lacking(needs({ tags: { gpu: 'a100', ssd: true }, slots: 9, memory: 2 ** 40, op: 'js/run' }), OFFER).length, 5);
});

test('what is no need is refused by name', () => {
  const wrong: readonly Ipld[] = [
    'gpu',
    [],
    { gpu: 'h100' },
    { tags: 'gpu' },
    { tags: { 'G P U': true } },
    { tags: Object.fromEntries([['__proto__', 'x']]) },
    { tags: { gpu: 8 } },
    { tags: { gpu: [] } },
    { tags: { gpu: [1] } },
    { tags: { gpu: { not: [] } } },
    { tags: { gpu: { not: 'a', is: 'b' } } },
    { tags: { gpu: 'a,b' } },
    { tags: { gpu: 'x'.repeat(257) } },
    { tags: Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`t${i}`, true])) },
    { tags: { gpu: Array.from({ length: 65 }, (_, i) => `v${i}`) } },
    { op: 'wasi' },
    { memory: 0 },
    { memory: 1.5 },
    { slots: '2' },
    { slots: 2_000 },
    { within: -1 },
  ];
  for (const value of wrong)
    assert.throws(
      () => needs(value),
      (error) => isDocketError(error, 'WORKFLOW_INVALID'),
      JSON.stringify(value),
    );
});

const word = fc.stringMatching(/^[a-z]{1,3}$/);
const anyTag = fc.oneof(
  fc.boolean(),
  word,
  fc.array(word, { minLength: 1, maxLength: 4 }),
  fc.record({ not: fc.oneof(word, fc.array(word, { minLength: 1, maxLength: 4 })) }),
);
const anyNeeds = fc.record(
  {
    tags: fc.dictionary(word, anyTag, { maxKeys: 4 }),
    slots: fc.integer({ min: 1, max: 9 }),
    memory: fc.integer({ min: 1, max: 2 ** 40 }),
    within: fc.nat(10_000),
  },
  { requiredKeys: [] },
);

test('what is written is read again as the same, shortest and in one order', () => {
  fc.assert(
    fc.property(anyNeeds, (value) => {
      const read = needs(value);
      const written = toMeta(read);
      assert.deepEqual(fromMeta(written === undefined ? {} : { needs: written }), read);
      assert.deepEqual(toMeta(fromMeta(written === undefined ? {} : { needs: written })), written);
    }),
  );
  assert.deepEqual(toMeta(tags({ zone: ['us', 'eu', 'us'], gpu: ['h100'] })), { tags: { zone: ['eu', 'us'], gpu: 'h100' } });
  assert.equal(toMeta(needs({ tags: {}, slots: 1 })), undefined);
});

test('needs are lacking nothing exactly where they are met', () => {
  const anyOffer = fc.record({
    ops: fc.constant(['wasi/run']),
    tags: fc.dictionary(word, word, { maxKeys: 4 }),
    memory: fc.integer({ min: 0, max: 2 ** 40 }),
    slots: fc.integer({ min: 1, max: 9 }),
  });
  fc.assert(
    fc.property(anyNeeds, anyOffer, (value, offer) => {
      assert.equal(meets(needs(value as Ipld), offer), lacking(needs(value as Ipld), offer).length === 0);
    }),
  );
});

test('needs in one line', () => {
  assert.equal(textOf(needs({})), '');
  assert.equal(
    textOf(
      needs({
        slots: 2,
        memory: 2 ** 33,
        op: 'wasi/run',
        tags: { zone: ['us', 'eu'], gpu: 'h100', ssd: true, spot: false, rack: { not: 'a' } },
      }),
    ),
    'gpu=h100, rack≠a, no spot, ssd, zone=eu|us, op wasi/run, memory 8 GiB, 2 slots',
  );
});

test('needs change the CID of the task, and not of its instruction', async () => {
  const plan = (line: string) => compileText(`tasks: { m: { module: a.wasm${line} } }`);
  const [plain, empty, gpu] = [
    await plan(''),
    await plan(', needs: { slots: 1, tags: {} }'),
    await plan(', needs: { tags: { gpu: [h100] } }'),
  ];
  assert.equal(plain.tasks[0]!.invocation.toString(), empty.tasks[0]!.invocation.toString());
  assert.notEqual(plain.tasks[0]!.invocation.toString(), gpu.tasks[0]!.invocation.toString());
  assert.equal(plain.tasks[0]!.instruction.toString(), gpu.tasks[0]!.instruction.toString());
  assert.deepEqual(gpu.tasks[0]!.task.meta, { needs: { tags: { gpu: 'h100' } } });
});

test('needs of the defaults hold key by key', async () => {
  const { tasks } = await compileText(`
defaults: { needs: { tags: { zone: eu }, slots: 2, memory: 1GiB } }
tasks:
  a: { module: a.wasm }
  b: { module: a.wasm, needs: { slots: 1, tags: {} }, nonce: b }
  c: { module: a.wasm, needs: { tags: { gpu: true } }, nonce: c }`);
  assert.deepEqual(
    tasks.map(({ task }) => task.meta['needs']),
    [{ tags: { zone: 'eu' }, memory: 2 ** 30, slots: 2 }, { memory: 2 ** 30 }, { tags: { gpu: true }, memory: 2 ** 30, slots: 2 }],
  );
});
