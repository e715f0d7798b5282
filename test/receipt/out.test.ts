import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import type { Ipld } from '../../src/ipld/value.ts';
import { outOf, outcomeOf } from '../../src/receipt/out.ts';
import { FAILURE_CODES, type Outcome } from '../../src/receipt/outcome.ts';
import { ipld } from '../ipld/helpers.ts';

const data = fc.dictionary(fc.string(), ipld, { maxKeys: 3, noNullPrototype: true });
const outcome: fc.Arbitrary<Outcome> = fc.oneof(
  ipld.map((value): Outcome => ({ tag: 'ok', value })),
  fc
    .tuple(fc.constantFrom(...FAILURE_CODES), fc.string())
    .map(([code, message]): Outcome => ({ tag: 'error', failure: { code, message } })),
  fc
    .tuple(fc.constantFrom(...FAILURE_CODES), fc.string(), data)
    .map(([code, message, facts]): Outcome => ({ tag: 'error', failure: { code, message, data: facts } })),
);

suite('the out of a receipt', () => {
  test('gives the outcome it was made of', () => {
    fc.assert(fc.property(outcome, (value) => assert.deepEqual(outcomeOf(outOf(value)), value)));
  });

  test('is a pair of tag and value', () => {
    assert.deepEqual(outOf({ tag: 'ok', value: [1] }), ['ok', [1]]);
    assert.deepEqual(outOf({ tag: 'error', failure: { code: 'trap', message: 'unreachable' } }), [
      'error',
      { code: 'trap', message: 'unreachable' },
    ]);
  });

  test('just is ok', () => {
    assert.deepEqual(outcomeOf(['just', 2]), { tag: 'ok', value: 2 });
  });

  test('of any other shape is refused', () => {
    const error = { code: 'trap', message: '' };
    const refused: (Ipld | undefined)[] = [
      undefined,
      null,
      'ok',
      {},
      [],
      ['ok'],
      ['ok', 1, 2],
      [1, 2],
      ['OK', 1],
      ['error', null],
      ['error', []],
      ['error', {}],
      ['error', { code: 'trap' }],
      ['error', { message: '' }],
      ['error', { ...error, code: 'constructor' }],
      ['error', { ...error, code: 1 }],
      ['error', { ...error, message: 1 }],
      ['error', { ...error, data: [] }],
      ['error', { ...error, more: 1 }],
    ];
    for (const out of refused) assert.throws(() => outcomeOf(out), { name: 'DocketError', code: 'IPLD_INVALID' }, JSON.stringify(out));
  });
});
