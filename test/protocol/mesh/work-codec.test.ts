import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import * as Cid from '../../../src/ipld/cid.ts';
import { decode, encode } from '../../../src/ipld/dag-cbor.ts';
import { type Ipld, type IpldMap, MAX_DEPTH } from '../../../src/ipld/value.ts';
import { decodeOffered, decodeWork, encodeOffered, encodeWork } from '../../../src/protocol/mesh/work-codec.ts';
import type { Offer, OfferedTask } from '../../../src/protocol/mesh/work.ts';
import { offeredTask, workMessage } from './messages.ts';

const task: OfferedTask = {
  task: 3,
  attempt: 1,
  priority: 1.5,
  depth: 1,
  alone: false,
  slots: 1,
  isForced: false,
  label: 'count',
  work: { run: { rsc: 'a.wasm', op: 'wasm/run', input: { func: 'f', args: [] }, nnc: '' }, cause: null, meta: {}, prf: [] },
  module: Cid.ofBlob(Buffer.from('module')),
  input: { func: 'f', args: [] },
  small: {},
  holders: [],
};
const offer: Offer = { kind: 'offer', run: '01JRUN', epoch: 7, weight: 1, tasks: [task], kept: [] };

/** The message with other keys, at its top or in its first task. */
function altered(change: IpldMap, inTask: IpldMap = {}): Uint8Array {
  const map = decode(encodeWork(offer)) as IpldMap;
  const [first] = map['tasks'] as readonly IpldMap[];
  return encode({ ...map, tasks: [{ ...first, ...inTask }], ...change });
}

function refusal(bytes: Uint8Array): string {
  const read = decodeWork(bytes);
  return 'refused' in read ? read.refused : 'read';
}

suite('work messages', () => {
  test('any message comes back as it was', () => {
    fc.assert(
      fc.property(workMessage, (message) => {
        assert.deepEqual(decodeWork(encodeWork(message)), { message });
      }),
      { numRuns: 500 },
    );
  });

  test('so does an offered task by itself', () => {
    fc.assert(
      fc.property(offeredTask, (one) => {
        assert.deepEqual(decodeOffered(encodeOffered(one)), { task: one });
      }),
    );
    assert.deepEqual('refused' in decodeOffered(encode({ task: 1 })), true);
  });

  test('an input that is the instruction’s own is sent once, and is the very same then', () => {
    const own = { ...offer, tasks: [{ ...task, input: task.work.run.input }] };
    assert.ok(encodeWork(own).length < encodeWork(offer).length);
    const read = decodeWork(encodeWork(own));
    assert.ok('message' in read && read.message.kind === 'offer');
    assert.equal(read.message.tasks[0]?.input, read.message.tasks[0]?.work.run.input);
  });

  test('whatever bytes come, reading them throws nothing', () => {
    const garbage = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.tuple(workMessage, fc.nat(), fc.nat({ max: 255 }), fc.nat()).map(([message, at, byte, cut]) => {
        const bytes = encodeWork(message);
        bytes[at % bytes.length] = byte;
        return bytes.subarray(0, bytes.length - (cut % 3 === 0 ? cut % bytes.length : 0));
      }),
    );
    fc.assert(
      fc.property(garbage, (bytes) => {
        const read = decodeWork(bytes);
        assert.ok('message' in read || read.problem !== '');
      }),
      { numRuns: 2000 },
    );
  });

  test('whatever stands in the place of a part, reading it throws nothing', () => {
    const keys = ['v', 'kind', 'run', 'epoch', 'weight', 'tasks'];
    const inTask = Object.keys(decode(encodeWork(offer)) as IpldMap).concat([
      'work',
      'module',
      'input',
      'small',
      'holders',
      'task',
      'depth',
    ]);
    const values: readonly Ipld[] = [
      null,
      true,
      -1,
      1,
      2n ** 60n,
      0.5,
      '',
      'x',
      new Uint8Array(3),
      [],
      [1],
      [{}],
      {},
      { a: 1 },
      task.module,
    ];
    for (const value of values) {
      for (const key of keys) refusal(altered({ [key]: value }));
      for (const key of inTask) refusal(altered({}, { [key]: value }));
    }
    assert.equal(refusal(altered({ epoch: -1 })), 'shape');
  });

  test('what is not known is left alone, and a newer version is not read', () => {
    assert.equal(refusal(altered({ later: 1 }, { later: [] })), 'read');
    assert.equal(refusal(altered({ v: 2 })), 'newer');
    assert.equal(refusal(encode({ v: 2, all: 'else differs' })), 'newer');
    assert.equal(refusal(altered({ v: 0 })), 'shape');
    assert.equal(refusal(encode({ kind: 'offer' })), 'shape');
    assert.equal(refusal(encode([])), 'garbage');
    assert.equal(refusal(Buffer.from('{}')), 'garbage');
    assert.equal(refusal(new Uint8Array(2 ** 26 + 1)), 'large');
  });

  const work = (change: IpldMap, run: IpldMap = {}): IpldMap => {
    const { work: own } = task;
    return { work: encode({ task: { ...own, run: { ...own.run, ...run }, ...change } as IpldMap }) };
  };
  const wrong: Readonly<Record<string, readonly [IpldMap, IpldMap?]>> = {
    'a run that is no name of a file': [{ run: '../../etc' }],
    'an epoch that is no whole number': [{ epoch: 1.5 }],
    'a weight of nothing': [{ weight: 0 }],
    'more tasks than there can be': [{ tasks: Array.from({ length: 4097 }, () => null) }],
    'a kind that is not known': [{ kind: 'beg' }],
    'an attempt 0': [{}, { attempt: 0 }],
    'a task without a name': [{}, { task: 'first' }],
  };
  for (const [what, [change, inTask]] of Object.entries(wrong))
    test(`${what} is refused`, () => assert.equal(refusal(altered(change, inTask)), 'shape'));

  const odd: Readonly<Record<string, IpldMap>> = {
    'a depth beyond all': { depth: 1e9 },
    'a module that is a tree': { module: Cid.ofTree(encode({})) },
    'a limit that cannot be enforced': work({ meta: { memory: 1 } }),
    'a limit that is not known': work({ meta: { gpu: 1 } }),
    'needs that are not known': work({ meta: { needs: { gpu: 1 } } }),
    'a memo policy that is not known': work({ meta: { memo: 'maybe' } }),
    'a grant of nothing there is': work({ meta: { grant: ['everything'] } }),
    'an instruction with a key too many': work({}, { more: 1 }),
    'a task with a key too many': work({ more: 1 }),
    'work that is no DAG-CBOR': { work: Buffer.from('garbage') },
    'a small blob under no digest': { small: { ab: new Uint8Array(1) } },
    'a small blob that is large': { small: { ['0'.repeat(64)]: new Uint8Array(4097) } },
    'more holders than anybody asks': { holders: Array.from({ length: 65 }, String) },
  };
  for (const [what, change] of Object.entries(odd))
    test(`${what} costs its task alone`, () => {
      const map = decode(encodeWork({ ...offer, kept: [{ task: 9, attempt: 1, offer: task.module }] })) as IpldMap;
      const [first] = map['tasks'] as readonly IpldMap[];
      const read = decodeWork(
        encode({
          ...map,
          tasks: [
            { ...first, ...change },
            { ...first, task: 4 },
          ],
        }),
      );
      assert.ok('message' in read && read.message.kind === 'offer');
      const { tasks, kept, unread = [] } = read.message;
      assert.deepEqual(
        [tasks, kept, unread].map((list) => list.map((one) => [one.task, one.attempt])),
        [[[4, 1]], [[9, 1]], [[3, 1]]],
      );
      assert.notEqual(unread[0]!.problem, '');
    });

  test('an input as deep as any can be comes through', () => {
    let input: Ipld = 1;
    // Within {task: {run: {input}}}.
    for (let i = 0; i < MAX_DEPTH - 3; i++) input = [input];
    const deep = { ...offer, tasks: [{ ...task, work: { ...task.work, run: { ...task.work.run, input } }, input }] };
    assert.deepEqual(decodeWork(encodeWork(deep)), { message: deep });
  });
});
