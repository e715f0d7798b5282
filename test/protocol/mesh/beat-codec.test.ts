import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { decode, encode } from '../../../src/ipld/dag-cbor.ts';
import type { IpldMap } from '../../../src/ipld/value.ts';
import { decodeBeat, encodeBeat, encodeView, type KnownView } from '../../../src/protocol/mesh/beat-codec.ts';
import type { MemberView } from '../../../src/protocol/mesh/member.ts';
import { decodeAnswer, decodeQuestion, encodeAnswer, encodeQuestion } from '../../../src/protocol/mesh/question.ts';
import { count } from '../../../src/protocol/mesh/message.ts';
import { memberView } from './messages.ts';

const view: MemberView = {
  did: 'did:key:z6Mk',
  incarnation: '01J',
  version: '0.1.0',
  host: 'here',
  started: 1,
  slots: 2,
  memory: 2 ** 31,
  ops: ['wasm/run'],
  tags: { zone: 'eu' },
  roles: ['runner'],
  isDraining: false,
  door: { hosts: ['127.0.0.1'], port: 4242 },
};
const numbers = { seq: 5, free: 1, room: 8, waiting: 0, load: 0.5, isLeaving: false };

function read(bytes: Uint8Array, known?: KnownView): Exclude<ReturnType<typeof decodeBeat>, { refused: unknown }> {
  const result = decodeBeat(bytes, known);
  assert.ok('beat' in result, 'problem' in result ? result.problem : '');
  return result;
}

suite('beats', () => {
  test('any comes back as it was', () => {
    const natural = fc.nat();
    const load = fc.double({ min: 0, max: 1e6, noNaN: true });
    fc.assert(
      fc.property(memberView, fc.tuple(natural, natural, natural, natural, load), (any, [seq, free, room, waiting, high]) => {
        const rest = { seq, free, room, waiting, load: high, isLeaving: seq % 2 === 1 };
        assert.deepEqual(read(encodeBeat(rest, encodeView(any))).beat, { view: any, ...rest });
      }),
      { numRuns: 300 },
    );
  });

  test('a view that came before is not read again, and one that changed is', () => {
    const first = read(encodeBeat(numbers, encodeView(view)));
    const second = read(encodeBeat({ ...numbers, seq: 6 }, encodeView(view)), first.known);
    assert.equal(second.beat.view, first.beat.view, 'the very same');
    const third = read(encodeBeat(numbers, encodeView({ ...view, isDraining: true })), second.known);
    assert.equal(third.beat.view.isDraining, true);
  });

  test('whatever bytes come, reading them throws nothing', () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat({ max: 255 }), fc.uint8Array({ maxLength: 100 }), (at, byte, garbage) => {
        const bytes = encodeBeat(numbers, encodeView(view));
        bytes[at % bytes.length] = byte;
        decodeBeat(bytes);
        decodeBeat(garbage);
        decodeQuestion(bytes);
        decodeQuestion(garbage);
      }),
      { numRuns: 2000 },
    );
  });

  test('parts of the wrong kind, and newer versions of the beat or of its view, are refused', () => {
    const refusal = (change: IpldMap, inView: IpldMap = {}): unknown => {
      const beat = decode(encodeBeat(numbers, encode({ ...(decode(encodeView(view)) as IpldMap), ...inView }))) as IpldMap;
      const result = decodeBeat(encode({ ...beat, ...change }));
      return 'refused' in result ? result.refused : 'read';
    };
    assert.equal(refusal({ later: 1 }, { later: 1 }), 'read');
    assert.equal(refusal({ v: 9 }), 'newer');
    for (const change of [{ view: 'x' }, { seq: -1 }, { load: 'high' }, { isLeaving: 1 }, { view: new Uint8Array(20_000) }])
      assert.equal(refusal(change), 'shape');
    for (const inView of [
      { v: 9 },
      { slots: 0.5 },
      { tags: { a: 1 } },
      { door: 1 },
      { door: { hosts: [], port: 0 } },
      { ops: 'all' },
      { grants: 'all' },
    ])
      assert.equal(refusal({}, inView), 'shape');
  });
});

suite('questions', () => {
  test('kind and parts come back, and so do answers', () => {
    const asked = decodeQuestion(encodeQuestion('has', { cids: [1, 2] }));
    assert.deepEqual(asked, { ask: 'has', parts: { v: 1, ask: 'has', cids: [1, 2] } });
    assert.deepEqual(
      decodeAnswer(encodeAnswer({ port: 3 }), (parts) => count(parts, 'port')),
      { answer: 3 },
    );
  });

  test('others are refused by reason', () => {
    const refusal = (bytes: Uint8Array): unknown => (decodeQuestion(bytes) as { refused?: unknown }).refused;
    assert.equal(refusal(encode({ v: 1 })), 'shape');
    assert.equal(refusal(encode({ v: 1, ask: 'Has it?' })), 'shape');
    assert.equal(refusal(encode({ v: 2, ask: 'has' })), 'newer');
    assert.equal(refusal(Buffer.from([0xff])), 'garbage');
    assert.deepEqual((decodeAnswer(encodeAnswer({ port: -3 }), (parts) => count(parts, 'port')) as { refused?: unknown }).refused, 'shape');
  });
});
