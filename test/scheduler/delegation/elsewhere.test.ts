import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DocketError } from '../../../src/errors.ts';
import * as Cid from '../../../src/ipld/cid.ts';
import type { Ipld } from '../../../src/ipld/value.ts';
import { BlobView } from '../../../src/scheduler/blob-view.ts';
import type { RunEvent } from '../../../src/scheduler/events.ts';
import { Bench, gives } from '../harness.ts';
import { MODULE, planOf } from '../helpers.ts';
import { Yard } from './signing-member.ts';

const large = Cid.ofBlob(Buffer.alloc(2 ** 20, 'large'));
const SIZE = 2 ** 21;

const refuseHere = (): never => {
  throw new Error('nothing runs here');
};

/** What is here besides the module, and who was asked for what. */
class Shelf {
  readonly here = new Set([MODULE.toString()]);
  readonly asked: (readonly [string, readonly string[]])[] = [];
  readonly blobs: BlobView;

  constructor(yard: Yard) {
    const has = (cid: Cid.CID): boolean => this.here.has(cid.toString());
    this.blobs = new BlobView(
      { small: () => undefined, has, read: () => new Uint8Array(), alias: () => undefined },
      yard.delegation.holders,
    );
  }

  bring(cid: Cid.CID, holders: readonly string[]): void {
    this.asked.push([cid.toString(), holders]);
    this.here.add(cid.toString());
  }
}

function holding(value: Ipld): Parameters<Yard['member']>[0] {
  return {
    answer: (draft, { task }) => (task === 0 ? { ...draft, outcome: { tag: 'ok', value } } : draft),
    end: ({ task }) => (task === 0 ? { held: [{ cid: large, size: SIZE }] } : {}),
  };
}

describe('blobs that members hold', () => {
  it('come here before a result that was asked for is told', async () => {
    await using bench = await Bench.open();
    const yard = new Yard();
    const shelf = new Shelf(yard);
    const member = yard.member(holding(large));
    member.join();
    const events: string[] = [];
    const result = await bench.run(planOf([{ name: 'a' }]), refuseHere, {
      ...yard.options(),
      blobs: shelf.blobs,
      bring: async (cid, holders) => {
        await new Promise(setImmediate);
        events.push('brought');
        shelf.bring(cid, holders);
      },
      onEvent: ({ kind }) => events.push(kind),
    });
    assert.equal(result.state, 'completed');
    assert.deepEqual(shelf.asked, [[large.toString(), [member.did]]]);
    assert.ok(events.indexOf('brought') < events.indexOf('settled'), events.join());
  });

  it('stay there if only others need them, and those go there', async () => {
    await using bench = await Bench.open();
    const yard = new Yard();
    const shelf = new Shelf(yard);
    const holder = yard.member(holding(large));
    const others = Array.from({ length: 3 }, () => yard.member());
    holder.join();
    const plan = planOf([{ name: 'a' }, { name: 'b', awaits: ['a'] }, { name: 'c', awaits: ['a'] }]);
    const result = await bench.run(plan, refuseHere, {
      ...yard.options(),
      blobs: shelf.blobs,
      bring: async (cid, holders) => shelf.bring(cid, holders),
      onEvent: ({ kind }) => {
        if (kind === 'settled') for (const other of others) other.join();
      },
    });
    assert.equal(result.state, 'completed');
    assert.deepEqual(shelf.asked, []);
    assert.deepEqual(holder.offered.map(({ task }) => task).toSorted(), [0, 1, 2]);
    assert.deepEqual(holder.offered.find(({ task }) => task === 1)!.holders, [holder.did]);
    for (const { offered } of others) assert.equal(offered.length, 0);
  });

  it('come here for a task that runs here', async () => {
    await using bench = await Bench.open();
    const yard = new Yard();
    const shelf = new Shelf(yard);
    const member = yard.member({ ...holding(large), tags: { kind: 'big' } });
    member.join();
    const plan = planOf([
      { name: 'a', meta: { needs: { tags: { kind: 'big' } } } },
      { name: 'b', awaits: ['a'], meta: { needs: { tags: { kind: false } } } },
    ]);
    const seen: boolean[] = [];
    const result = await bench.run(
      plan,
      (job) => {
        seen.push(shelf.here.has(large.toString()));
        return gives('b')(job);
      },
      {
        ...yard.options({ here: { ops: ['wasm/run'], tags: {}, memory: 2 ** 40, slots: 2 } }),
        blobs: shelf.blobs,
        bring: async (cid, holders) => shelf.bring(cid, holders),
      },
    );
    assert.deepEqual([result.state, seen], ['completed', [true]]);
    assert.deepEqual(shelf.asked, [[large.toString(), [member.did]]]);
  });

  it('are made again if their holder is gone and nobody else has them', async () => {
    await using bench = await Bench.open();
    const yard = new Yard();
    const shelf = new Shelf(yard);
    const first = yard.member(holding(large));
    const second = yard.member(holding(large));
    first.join();
    const events: RunEvent[] = [];
    const result = await bench.run(planOf([{ name: 'a' }]), refuseHere, {
      ...yard.options(),
      blobs: shelf.blobs,
      bring: async (cid, holders) => {
        if (holders.includes(second.did)) return shelf.bring(cid, holders);
        first.leave();
        second.join();
        throw new DocketError('BLOB_MISSING', 'nobody has it');
      },
      onEvent: (event) => events.push(event),
    });
    assert.equal(result.state, 'completed', JSON.stringify(result.errors));
    assert.deepEqual([first.offered.length, second.offered.length], [1, 1]);
    assert.deepEqual(shelf.asked, [[large.toString(), [second.did]]]);
  });

  it('are made again also if other runs hear again and again that a holder has them', async () => {
    await using bench = await Bench.open();
    const yard = new Yard();
    const shelf = new Shelf(yard);
    yard.member({ ...holding(large), tags: { kind: 'big' } }).join();
    const { holders } = yard.delegation;
    const stubborn = new BlobView(
      { small: () => undefined, has: (cid) => shelf.here.has(cid.toString()), read: () => new Uint8Array(), alias: () => undefined },
      { add: (did, blobs) => holders.add(did, blobs), of: (cid) => holders.of(cid), forget() {} },
    );
    const plan = planOf([
      { name: 'a', meta: { needs: { tags: { kind: 'big' } } } },
      { name: 'b', awaits: ['a'], meta: { needs: { tags: { kind: false } } } },
    ]);
    let failures = 1;
    const result = await bench.run(plan, gives('b'), {
      ...yard.options({ here: { ops: ['wasm/run'], tags: {}, memory: 2 ** 40, slots: 2 } }),
      blobs: stubborn,
      bring: async (cid, dids) => {
        if (failures-- > 0) throw new DocketError('BLOB_MISSING', 'nobody has it');
        shelf.bring(cid, dids);
      },
    });
    assert.equal(result.state, 'completed', JSON.stringify(result.errors));
  });

  it('that nobody ever gives end the task by name', async () => {
    await using bench = await Bench.open();
    const yard = new Yard();
    const shelf = new Shelf(yard);
    const member = yard.member(holding(large));
    member.join();
    const result = await bench.run(planOf([{ name: 'a' }]), refuseHere, {
      ...yard.options(),
      blobs: shelf.blobs,
      bring: async () => {
        throw new DocketError('BLOB_MISSING', 'nobody has it');
      },
    });
    assert.equal(result.errors[0]?.code, 'lost');
    assert.match(result.errors[0].message, new RegExp(`nobody gives ${large.toString()}`));
    assert.equal(member.offered.length, 8);
  });

  it('that a member cannot fetch come here first, and then go with the task', async () => {
    await using bench = await Bench.open();
    const yard = new Yard();
    const shelf = new Shelf(yard);
    const holder = yard.member({ ...holding(large), tags: { first: '1' } });
    const cut = yard.member({ tags: { second: '1' }, answer: (draft) => (shelf.here.has(large.toString()) ? draft : 'unfetched') });
    holder.join();
    cut.join();
    const plan = planOf([
      { name: 'a', meta: { needs: { tags: { first: '1' } } } },
      { name: 'b', awaits: ['a'], meta: { needs: { tags: { second: '1' } } } },
    ]);
    const result = await bench.run(plan, refuseHere, {
      ...yard.options(),
      blobs: shelf.blobs,
      bring: async (cid, holders) => shelf.bring(cid, holders),
    });
    assert.equal(result.state, 'completed', JSON.stringify(result.errors));
    assert.equal(cut.offered.length, 2);
    assert.deepEqual(shelf.asked, [[large.toString(), [holder.did]]]);
  });
});
