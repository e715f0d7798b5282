import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as Cid from '../../../src/ipld/cid.ts';
import { generateSeed, keyOf } from '../../../src/ipld/identity.ts';
import * as Receipt from '../../../src/receipt/verify.ts';
import type { RunEvent } from '../../../src/scheduler/events.ts';
import { Bench, gives } from '../harness.ts';
import { indexOf, planOf } from '../helpers.ts';
import { type Answer, drafted, signed, Yard } from './signing-member.ts';

const refuseHere = (): never => {
  throw new Error('nothing runs here');
};

const other = Cid.ofBlob(Buffer.from('something else'));
const stranger = keyOf(generateSeed());

/** Each makes another receipt than was asked for. */
const FORGERIES: Readonly<Record<string, { readonly answer?: Answer; readonly altered?: (receipt: Uint8Array) => Uint8Array }>> = {
  'no receipt': { altered: () => Buffer.from('trust me') },
  'a changed byte': { altered: (bytes) => bytes.with(bytes.length >> 1, bytes[bytes.length >> 1]! ^ 1) },
  'another signature': { answer: (draft) => ({ ...draft, signer: stranger }) },
  'a stranger': { answer: (draft) => ({ ...draft, signer: stranger, issuer: stranger.did, meta: { ...draft.meta, agent: stranger.did } }) },
  'another agent in its meta': { answer: (draft) => ({ ...draft, meta: { ...draft.meta, agent: stranger.did } }) },
  'another invocation': { answer: (draft) => ({ ...draft, invocation: other }) },
  'another instruction': { answer: (draft) => ({ ...draft, meta: { ...draft.meta, instruction: other } }) },
  'another key': { answer: (draft) => ({ ...draft, meta: { ...draft.meta, key: new Uint8Array(32) } }) },
  'no key': {
    answer: (draft) => {
      const { key: _, ...meta } = draft.meta;
      return { ...draft, meta };
    },
  },
  'another module': { answer: (draft) => ({ ...draft, meta: { ...draft.meta, module: other } }) },
  'another op': { answer: (draft) => ({ ...draft, meta: { ...draft.meta, op: 'other' } }) },
  'another attempt': { answer: (draft) => ({ ...draft, meta: { ...draft.meta, attempt: draft.meta.attempt + 1 } }) },
  'another grant': { answer: (draft) => ({ ...draft, meta: { ...draft.meta, grants: ['clock'] } }) },
  'another limit': { answer: (draft) => ({ ...draft, meta: { ...draft.meta, limits: { ...draft.meta.limits, time: 1 } } }) },
  'proofs of its own': { answer: (draft) => ({ ...draft, prf: [other] }) },
  'that the run was cancelled': {
    answer: (draft) => ({ ...draft, outcome: { tag: 'error', failure: { code: 'cancelled', message: 'so there' } } }),
  },
};

describe('receipts of members', () => {
  it('are filed as they were signed, and found like results of this home', async () => {
    await using bench = await Bench.open();
    const yard = new Yard();
    const member = yard.member();
    member.join();
    const plan = planOf([{ name: 'a' }, { name: 'b', awaits: ['a'] }, { name: 'c', awaits: ['a', 'b'] }]);
    const result = await bench.run(plan, refuseHere, yard.options());
    assert.equal(result.state, 'completed');
    assert.equal(result.tasks.ran, 3);
    for (const { instruction } of plan.tasks) {
      const [filed] = bench.ledger.receiptsOfInstruction(instruction, 1);
      assert.deepEqual(Receipt.verify(filed!.bytes, filed!.cid), []);
      assert.equal(Receipt.decode(filed!.bytes).receipt.iss, member.did);
    }
    assert.deepEqual(member.received.toSorted(), [0, 1, 2]);
    const again = await bench.run(plan, refuseHere);
    assert.equal(again.tasks.cached, 3);
  });

  for (const [what, forgery] of Object.entries(FORGERIES)) {
    it(`with ${what} are refused, named, and leave nothing behind`, async () => {
      await using bench = await Bench.open();
      const yard = new Yard();
      const forger = yard.member(forgery);
      const honest = yard.member();
      forger.join();
      const plan = planOf([{ name: 'a' }]);
      const refused: RunEvent[] = [];
      const result = await bench.run(plan, refuseHere, {
        ...yard.options(),
        onEvent: (event) => {
          if (event.kind !== 'refused') return;
          refused.push(event);
          honest.join();
        },
      });
      assert.equal(result.state, 'completed');
      assert.deepEqual(
        refused.map((event) => event.kind === 'refused' && event.member),
        [forger.did],
      );
      assert.equal(yard.refusals.length, 1);
      assert.equal(forger.offered.length, 1);
      assert.equal(honest.offered.length, 1);
      assert.ok(honest.offered[0]!.attempt > forger.offered[0]!.attempt);
      const issuers = bench.ledger
        .receiptsOfInstruction(plan.tasks[0]!.instruction, 9)
        .map(({ bytes }) => Receipt.decode(bytes).receipt.iss);
      assert.deepEqual(issuers, [honest.did]);
    });
  }

  it('of somebody who is not trusted are refused, right as they are', async () => {
    await using bench = await Bench.open();
    const yard = new Yard();
    const [unknown, known] = [yard.member(), yard.member()];
    unknown.join();
    const events: RunEvent[] = [];
    const result = await bench.run(planOf([{ name: 'a' }]), refuseHere, {
      ...yard.options({ trust: yard.trust((did) => did === known.did) }),
      onEvent: (event) => {
        events.push(event);
        if (event.kind === 'refused') known.join();
      },
    });
    assert.equal(result.state, 'completed');
    assert.deepEqual(yard.refusals, ['untrusted']);
  });

  it('that were there before serve by their key alone, and only where a known result may serve', async () => {
    await using bench = await Bench.open();
    const yard = new Yard();
    const first = keyOf(generateSeed());
    const known = new Map<number, Uint8Array>();
    const member = yard.member({ end: ({ task }) => (known.has(task) ? { isHit: true, receipt: known.get(task)! } : {}) });
    const plan = planOf([{ name: 'a' }, { name: 'b', meta: { memo: 'never' } }]);
    for (const [task, planned] of plan.tasks.entries()) {
      const work = planned.task;
      const draft = drafted({ task, attempt: 7, work, module: planned.module!, input: work.run.input } as never, first);
      known.set(task, await signed({ ...draft, invocation: other, meta: { ...draft.meta, instruction: other } }));
    }
    member.join();
    const refused: RunEvent[] = [];
    const result = await bench.run(plan, refuseHere, {
      ...yard.options({ trust: yard.trust(() => true) }),
      onEvent: (event) => {
        if (event.kind !== 'refused') return;
        refused.push(event);
        // What is said of the other task may not be heard yet.
        known.delete(event.task);
        member.leave();
        member.join();
      },
    });
    assert.deepEqual([result.state, result.tasks.ran, result.tasks.cached], ['completed', 1, 1]);
    assert.deepEqual(
      refused.map((event) => event.kind === 'refused' && event.task),
      [indexOf(plan, 'b')],
    );
  });

  it('that tell of a failure end the task as its own failure would', async () => {
    await using bench = await Bench.open();
    const yard = new Yard();
    let tries = 0;
    const member = yard.member({
      answer: (draft, { task }) => ({
        ...draft,
        outcome: {
          tag: 'error',
          failure: task === 0 || tries++ === 0 ? { code: task === 0 ? 'trap' : 'lost', message: 'oh' } : { code: 'exit', message: 'no' },
        },
      }),
    });
    member.join();
    const plan = planOf([{ name: 'a' }, { name: 'b', meta: { retry: { attempts: 2, backoff: 1 } } }]);
    const result = await bench.run(plan, refuseHere, yard.options());
    assert.deepEqual(
      result.errors.map(({ code }) => code),
      ['trap', 'exit'],
    );
    assert.equal(member.offered.length, 3);
  });
});

describe('tasks that members do not do', () => {
  it('are done here, if nobody is there any more', async () => {
    await using bench = await Bench.open();
    const yard = new Yard();
    const silent = yard.member({ answer: () => 'nothing' });
    silent.join();
    const events: RunEvent[] = [];
    const result = await bench.run(planOf([{ name: 'a' }, { name: 'b' }, { name: 'c' }]), gives(1), {
      ...yard.options(),
      here: { ops: ['wasm/run'], tags: {}, memory: 1, slots: 1 },
      count: 1,
      onEvent: (event) => {
        events.push(event);
        if (event.kind === 'started' && event.member !== undefined) silent.leave();
      },
    });
    assert.equal(result.state, 'completed');
    assert.ok(events.some(({ kind }) => kind === 'moved'));
  });

  it('end with their name when they have waited long enough for somebody who could, and keep nobody waiting', async () => {
    await using bench = await Bench.open();
    const yard = new Yard();
    const member = yard.member({ tags: { zone: 'eu' } });
    member.join();
    const gpu = { needs: { tags: { gpu: 'h100' }, within: 20 } };
    const plan = planOf([
      { name: 'a', meta: gpu },
      { name: 'b', awaits: ['a'] },
      { name: 'c' },
      { name: 'd', meta: { needs: { tags: { zone: 'eu' } } } },
    ]);
    const events: RunEvent[] = [];
    const result = await bench.run(plan, refuseHere, { ...yard.options(), onEvent: (event) => events.push(event) });
    assert.equal(result.tasks.ran, 2);
    assert.equal(result.errors[0]?.code, 'unplaceable');
    assert.match(result.errors[0].message, /no tag gpu/);
    const told = events.filter(({ kind }) => kind === 'unplaceable');
    assert.equal(told.length, 1);
    assert.match(JSON.stringify(told[0]), /no tag gpu/);
  });

  it('wait for somebody who can, who may come later', async () => {
    await using bench = await Bench.open();
    const yard = new Yard();
    const late = yard.member({ tags: { gpu: 'h100' } });
    const plan = planOf([{ name: 'a', meta: { needs: { tags: { gpu: 'h100' } } } }]);
    const result = await bench.run(plan, refuseHere, {
      ...yard.options(),
      onEvent: ({ kind }) => {
        if (kind === 'unplaceable') late.join();
      },
    });
    assert.equal(result.state, 'completed');
    assert.equal(late.offered.length, 1);
  });

  it('are noticed by somebody who comes when nothing else goes on any more', async () => {
    await using bench = await Bench.open();
    const yard = new Yard();
    const [first, late] = [yard.member(), yard.member({ tags: { gpu: 'h100' } })];
    first.join();
    const joins = async (): Promise<void> => {
      for (let turns = 0; turns < 100; turns++) await new Promise((resolve) => setImmediate(resolve));
      late.join();
    };
    const plan = planOf([{ name: 'a' }, { name: 'b', awaits: ['a'], meta: { needs: { tags: { gpu: 'h100' } } } }]);
    const result = await bench.run(plan, refuseHere, {
      ...yard.options(),
      onEvent: ({ kind }) => {
        if (kind === 'unplaceable') void joins();
      },
    });
    assert.equal(result.state, 'completed');
    assert.equal(late.offered.length, 1);
  });

  it('are refused by one, and done by another', async () => {
    await using bench = await Bench.open();
    const yard = new Yard();
    const picky = yard.member({ answer: () => 'refused' });
    const willing = yard.member();
    picky.join();
    const result = await bench.run(planOf([{ name: 'a' }, { name: 'b' }]), refuseHere, {
      ...yard.options(),
      onEvent: ({ kind }) => {
        if (kind === 'moved') willing.join();
      },
    });
    assert.equal(result.state, 'completed');
    assert.equal(willing.offered.length, 2);
  });

  it('that are too large to be told fail after their attempts, with the reason', async () => {
    await using bench = await Bench.open();
    const yard = new Yard();
    yard.largest = 2_000;
    yard.member().join();
    const large = { name: 'large', input: { text: 'x'.repeat(3_000) }, meta: { retry: { attempts: 2, backoff: 1 } } };
    const result = await bench.run(planOf([large, { name: 'a' }, { name: 'b' }, { name: 'c' }]), refuseHere, yard.options());
    assert.equal(result.tasks.ran, 3);
    assert.match(result.errors[0]!.message, /the store is full/);
    assert.equal(yard.kept.length, 2);
  });
});
