import assert from 'node:assert/strict';
import { existsSync, mkdirSync, rmdirSync } from 'node:fs';
import { suite, test } from 'node:test';
import { taskServiceOf } from '../../../src/agent/follow-task.ts';
import * as Cid from '../../../src/ipld/cid.ts';
import { HandClock } from '../../hand-clock.ts';
import { endless, guest, Hosting, offered, seconds } from './hosting.ts';

const OTHER_RUN = '01K00000000000000000000001';

suite('a host and those beside it', () => {
  test('its tasks are followed like those of its own runs', async () => {
    await using hosting = await Hosting.open();
    await using coordinator = hosting.coordinator();
    const module = Cid.ofBlob(guest('echo'));
    await hosting.engine.store.put(guest('echo'));
    const run = { rsc: `ipfs://${module}`, op: 'wasi/run', input: { args: [], stdin: Buffer.from('said') }, nnc: '' };
    coordinator.offer([endless()]);
    await coordinator.state('running');
    coordinator.offer([offered({ task: 1, module, work: { run, cause: null, meta: {}, prf: [] } })]);
    await coordinator.state('fetching', 1);
    const service = taskServiceOf(hosting.engine, hosting.host);
    const events = service.follow(Cid.ofValue(run), AbortSignal.timeout(60_000));
    coordinator.withdraw([{ task: 0, attempt: 1 }]);
    const told: string[] = [];
    for await (const { kind, data } of events) told.push(kind, data);
    assert.ok(told.includes('stdout') && told.includes('ended') && told.join().includes('said'), told.join());
  });

  test('a task that takes several slots gets them, also while another run keeps them busy', async () => {
    await using hosting = await Hosting.open({ slots: 2 });
    await using coordinator = hosting.coordinator();
    const busy = Array.from({ length: 200 }, (_, i) => offered({ task: i, func: 'fib', args: [25], isForced: true }));
    coordinator.offer(busy.slice(0, 40), { run: OTHER_RUN });
    coordinator.offer([offered({ task: 500, slots: 2, meta: { needs: { slots: 2 } }, args: [20, 22] })]);
    assert.deepEqual((await coordinator.end(500)).receipt.out, ['ok', 42]);
  });

  test('what tasks of all coordinators need of the memory is added up; those that need none go on beside', async () => {
    // 4 GiB are for tasks.
    await using hosting = await Hosting.open({ slots: 2 });
    await using one = hosting.coordinator('did:key:zOne');
    await using two = hosting.coordinator('did:key:zTwo');
    const meta = { needs: { memory: 3 * 2 ** 30 } };
    one.offer([endless({ nnc: 'a', meta })]);
    await one.state('running');
    two.offer([endless({ nnc: 'b', meta, priority: 2 }), offered({ task: 1, args: [20, 22] })], { run: OTHER_RUN });
    assert.deepEqual((await two.end(1)).receipt.out, ['ok', 42]);
    assert.deepEqual([hosting.host.held.running, hosting.host.held.waiting], [1, 1]);
    one.withdraw([{ task: 0, attempt: 1 }]);
    await two.state('running');
  });

  test('of two runs with tasks for all slots each gets them, and neither waits for what the other has until it gives up', async () => {
    const clock = new HandClock();
    await using hosting = await Hosting.open({ slots: 2, clock });
    await using coordinator = hosting.coordinator();
    const all = (task: number) => offered({ task, slots: 2, meta: { needs: { slots: 2 } }, args: [task, 0], isForced: true });
    for (let task = 0; task < 20; task++) coordinator.offer([all(task)], task % 2 === 0 ? {} : { run: OTHER_RUN });
    // No time goes by, so nobody has gathered for too long.
    for (let task = 0; task < 20; task++) assert.deepEqual((await coordinator.end(task)).receipt.out, ['ok', task]);
  });

  test('when the home cannot be written nothing is begun, what waits is given back, and nothing is taken for a while', async () => {
    const clock = new HandClock();
    await using hosting = await Hosting.open({ clock });
    await using coordinator = hosting.coordinator();
    const { hosted } = hosting.engine.paths;
    mkdirSync(hosted);
    coordinator.offer([offered()]);
    assert.match((await coordinator.state('overload')) ?? '', /cannot be written/);
    assert.deepEqual([hosting.host.room, hosting.host.isBusy], [0, false]);
    coordinator.offer([offered({ task: 1 })]);
    await coordinator.state('overload', 1);
    rmdirSync(hosted);
    await seconds(clock, 10);
    coordinator.offer([offered({ task: 2 })]);
    assert.deepEqual((await coordinator.end(2)).receipt.out, ['ok', 3]);
  });

  test('stopping it kills what runs, files it, and tells it', async () => {
    const hosting = await Hosting.open();
    const coordinator = hosting.coordinator();
    coordinator.offer([endless(), offered({ task: 1 })]);
    await coordinator.state('running');
    await hosting.host[Symbol.asyncDispose]();
    const { receipt } = await coordinator.end();
    assert.equal((receipt.out[1] as { code: string }).code, 'lost', 'nobody cancelled it');
    assert.equal(hosting.place.receipts().length, 1);
    assert.equal(existsSync(hosting.engine.paths.hosted), false);
    await hosting[Symbol.asyncDispose]();
  });
});
