import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { DocketError } from '../../../src/errors.ts';
import * as Cid from '../../../src/ipld/cid.ts';
import type { CID } from '../../../src/ipld/cid.ts';
import { HandClock } from '../../hand-clock.ts';
import { endless, guest, Hosting, LOOP, NUMERIC, offered, seconds } from './hosting.ts';

const OTHER_RUN = '01K00000000000000000000001';

suite('a host in trouble', () => {
  test('holds one of two tasks that an offer names alike, and forgets it whole when it is withdrawn', async () => {
    const clock = new HandClock();
    await using hosting = await Hosting.open({ slots: 2, clock });
    await using honest = hosting.coordinator('did:key:zHonest');
    await using hostile = hosting.coordinator('did:key:zHostile');
    honest.offer([endless()], { run: OTHER_RUN });
    await honest.state('running');
    const { room } = hosting.host;
    // Both would be joined to what runs.
    hostile.offer([endless(), endless()]);
    await hostile.until(() => hostile.said()[0], 'something of it');
    hostile.withdraw([{ task: 0, attempt: 1 }]);
    for (let i = 0; i < 200 && hosting.host.room !== room; i++) await seconds(clock, 1);
    assert.equal(hosting.host.room, room, 'its room is free again');
    // Whoever is joined is looked at when what it is joined to has ended.
    honest.withdraw([{ task: 0, attempt: 1 }]);
    for (let i = 0; i < 2_000 && hosting.host.isBusy; i++) {
      await seconds(clock, 1);
      await new Promise((resolve) => void setTimeout(resolve, 1));
    }
    assert.equal(hosting.host.isBusy, false, 'nothing is held');
  });

  test('files again after a blob that could not be settled', async () => {
    const clock = new HandClock();
    const count = guest('count-words');
    await using hosting = await Hosting.open({ clock, modules: [NUMERIC, LOOP, count] });
    await using coordinator = hosting.coordinator();
    const { disk, store } = hosting.engine;
    const settle = disk.settle.bind(disk);
    let failures = 1;
    disk.settle = async (written: readonly CID[]) => {
      if (written.length > 0 && failures-- > 0) throw new DocketError('STORE_FULL', 'no space is left');
      return await settle(written);
    };
    const module = Cid.ofBlob(count);
    const words = await store.put(Buffer.from(Array.from({ length: 3_000 }, (_, i) => `w${i}`).join(' ')));
    const run = { rsc: `ipfs://${module}`, op: 'wasi/run', input: { args: [], stdin: words.cid }, nnc: '' };
    coordinator.offer([offered({ module, work: { run, cause: null, meta: {}, prf: [] } })]);
    await coordinator.state('overload');
    await seconds(clock, 11);
    coordinator.offer([offered({ task: 1 })]);
    assert.deepEqual((await coordinator.end(1)).receipt.out, ['ok', 3]);
  });

  test('goes on where its ledger could not be read for a moment', async () => {
    const clock = new HandClock();
    await using hosting = await Hosting.open({ slots: 2, clock });
    await using one = hosting.coordinator('did:key:zOne');
    await using two = hosting.coordinator('did:key:zTwo');
    one.offer([endless()], { run: OTHER_RUN });
    await one.state('running');
    two.offer([endless()]);
    await two.until(() => two.said()[0], 'something of it');
    const { ledger } = hosting.engine;
    const memo = ledger.memo.bind(ledger);
    const asked = { count: 0 };
    ledger.memo = () => {
      asked.count++;
      throw new DocketError('LEDGER_FAILED', 'the disk gives errors');
    };
    one.withdraw([{ task: 0, attempt: 1 }]);
    for (let i = 0; i < 1_000 && asked.count === 0; i++) await seconds(clock, 1);
    assert.ok(asked.count > 0, 'it looked whether the work was done, and was not ended by that');
    ledger.memo = memo;
    await seconds(clock, 11);
    two.offer([offered({ task: 1 })]);
    assert.deepEqual((await two.end(1)).receipt.out, ['ok', 3]);
  });
});
