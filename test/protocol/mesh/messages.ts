import fc from 'fast-check';
import * as Cid from '../../../src/ipld/cid.ts';
import { hexOf } from '../../../src/scheduler/blob-view.ts';
import type { MemberView } from '../../../src/protocol/mesh/member.ts';
import type { AttemptName, HeldTask, OfferedTask, WorkMessage } from '../../../src/protocol/mesh/work.ts';
import { ipld } from '../../ipld/helpers.ts';

/** Any message there can be, and what they are made of. */

/** As decoders make them: `deepEqual` tells them from others. */
function record<T>(parts: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> {
  return fc.record(parts, { noNullPrototype: true });
}

const text = (most: number): fc.Arbitrary<string> => fc.string({ maxLength: most, unit: 'binary' }).map((each) => each.toWellFormed());
const natural = fc.nat();
const amount = fc.double({ min: 0, max: 1e12, noNaN: true, noDefaultInfinity: true }).map((each) => each + 0);
const blob = fc.uint8Array({ maxLength: 40 });
const small = fc
  .array(blob, { maxLength: 3 })
  .map((blobs) => Object.fromEntries(blobs.map((bytes) => [hexOf(Cid.ofBlob(bytes)), bytes] as const)));
const name: fc.Arbitrary<AttemptName> = record({ task: natural, attempt: fc.integer({ min: 1, max: 2 ** 31 }) });

const meta = fc.record(
  {
    memory: fc.integer({ min: 65_536, max: 2 ** 32 }),
    time: fc.integer({ min: 1, max: 86_400_000 }),
    fuel: fc.bigInt({ min: 2n ** 60n, max: 2n ** 64n - 2n }),
    memo: fc.constantFrom('always', 'never', 'errors'),
  },
  { requiredKeys: [], noNullPrototype: true },
);

export const offeredTask: fc.Arbitrary<OfferedTask> = fc
  .record({
    name,
    priority: amount,
    depth: fc.integer({ min: 1, max: 64 }),
    alone: fc.boolean(),
    slots: fc.integer({ min: 1, max: 64 }),
    isForced: fc.boolean(),
    label: text(40),
    work: record({
      run: record({ rsc: text(30), op: text(12), input: ipld, nnc: fc.oneof(text(12), blob) }),
      cause: ipld,
      meta,
      prf: fc.array(ipld, { maxLength: 2 }),
    }),
    module: blob.map(Cid.ofBlob),
    replaced: fc.option(ipld),
    small,
    holders: fc.array(text(56), { maxLength: 3 }),
  })
  .map(({ name: attempt, replaced, ...rest }) => ({ ...rest, ...attempt, input: replaced ?? rest.work.run.input }));

const held: fc.Arbitrary<HeldTask> = fc
  .tuple(name, fc.constantFrom('waiting', 'fetching', 'running', 'overload', 'unfetched', 'refused'), fc.option(text(50)))
  .map(([attempt, state, message]) => (message === null ? { ...attempt, state } : { ...attempt, state, message }));

const drive = record({ run: fc.stringMatching(/^[-\w]{1,64}$/), epoch: natural });
const few = { maxLength: 4 };

export const workMessage: fc.Arbitrary<WorkMessage> = fc
  .tuple(
    drive,
    fc.oneof(
      record({
        kind: fc.constant('offer' as const),
        weight: fc.double({ min: 0.001, max: 1000, noNaN: true }),
        tasks: fc.array(offeredTask, few),
        kept: fc.array(
          fc.tuple(name, blob).map(([attempt, bytes]) => ({ ...attempt, offer: Cid.ofBlob(bytes) })),
          few,
        ),
      }),
      record({ kind: fc.constantFrom('withdraw' as const, 'received' as const), tasks: fc.array(name, few) }),
      record({ kind: fc.constant('states' as const), isAll: fc.boolean(), tasks: fc.array(held, few) }),
      record({
        kind: fc.constant('ends' as const),
        tasks: fc.array(
          fc
            .record({
              isHit: fc.boolean(),
              receipt: blob,
              small,
              held: fc.array(record({ cid: blob.map(Cid.ofBlob), size: natural }), few),
            })
            .chain((rest) => name.map((attempt) => ({ ...attempt, ...rest }))),
          few,
        ),
      }),
    ),
  )
  .map(([of, message]) => ({ ...message, ...of }));

const sinceBefore: fc.Arbitrary<MemberView> = record({
  did: text(60),
  incarnation: text(26),
  version: text(10),
  host: text(20),
  started: natural,
  slots: natural,
  memory: natural,
  ops: fc.array(text(20), few),
  tags: fc.dictionary(text(20), text(30), { maxKeys: 4, noNullPrototype: true }),
  roles: fc.array(text(20), few),
  isDraining: fc.boolean(),
  door: fc.option(record({ hosts: fc.array(text(30), few), port: fc.integer({ min: 1, max: 65_535 }) })),
});

/** Versions of before it do not say what they grant. */
export const memberView: fc.Arbitrary<MemberView> = fc
  .tuple(sinceBefore, fc.option(fc.array(text(20), few)))
  .map(([view, grants]) => (grants === null ? view : { ...view, grants }));
