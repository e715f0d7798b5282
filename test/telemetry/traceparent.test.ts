import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseTraceparent } from '../../src/telemetry/traceparent.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const SPAN = 'b7ad6b7169203331';

test('a parent is read as the standard has it', () => {
  assert.deepEqual(parseTraceparent(`00-${TRACE}-${SPAN}-01`), { trace: TRACE, span: SPAN, isSampled: true });
  assert.deepEqual(parseTraceparent(`00-${TRACE}-${SPAN}-00`), { trace: TRACE, span: SPAN, isSampled: false });
  assert.deepEqual(parseTraceparent(`cc-${TRACE}-${SPAN}-03-of-a-later-version`), { trace: TRACE, span: SPAN, isSampled: true });
});

test('garbage is no parent', () => {
  for (const header of [
    undefined,
    '',
    'x',
    `ff-${TRACE}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}-01-more`,
    `00-${TRACE}-${SPAN}-1`,
    `00-${TRACE.toUpperCase()}-${SPAN}-01`,
    `00-${'0'.repeat(32)}-${SPAN}-01`,
    `00-${TRACE}-${'0'.repeat(16)}-01`,
    ` 00-${TRACE}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}-01, 00-${TRACE}-${SPAN}-01`,
    `cc-${TRACE}-${SPAN}-01.`,
  ])
    assert.equal(parseTraceparent(header), undefined, String(header));
  fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 80 }), (text) => assert.equal(parseTraceparent(text), undefined)));
});
