import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { runPlan } from '../../../src/agent/run-plan.ts';
import * as Cid from '../../../src/ipld/cid.ts';
import { encode } from '../../../src/ipld/dag-cbor.ts';
import { type Ipld, MAX_DEPTH } from '../../../src/ipld/value.ts';
import type { OfferedTask } from '../../../src/protocol/mesh/work.ts';
import { encodeOffered } from '../../../src/protocol/mesh/work-codec.ts';
import { invocationOf } from '../../../src/workflow/identify.ts';
import { build } from '../../../src/workflow/plan.ts';
import { hexOf } from '../../../src/scheduler/blob-view.ts';
import { type Coordinator, endless, guest, Hosting, NUMERIC, offered } from './hosting.ts';

const OTHER_RUN = '01K00000000000000000000001';

suite('a host', () => {
  test('runs what it is offered, and tells its own receipt of the work when that is in its ledger', async () => {
    await using hosting = await Hosting.open();
    await using coordinator = hosting.coordinator();
    const task = offered({ attempt: 4, meta: { time: 5000 } });
    coordinator.offer([task]);
    const { end, receipt } = await coordinator.end(0, 4);
    assert.deepEqual(receipt.out, ['ok', 3]);
    assert.equal(end.isHit, false);
    assert.equal(receipt.iss, hosting.engine.key.did);
    assert.deepEqual([receipt.meta.agent, receipt.meta.attempt, receipt.meta.limits['time']], [hosting.engine.key.did, 4, 5000]);
    assert.ok(receipt.ran.equals(invocationOf(task.work)));
    assert.ok(receipt.meta.instruction.equals(Cid.ofValue({ ...task.work.run })));
    const row = hosting.engine.ledger.receiptsOfInstruction(receipt.meta.instruction, 2);
    assert.deepEqual(
      row.map(({ bytes }) => Buffer.from(bytes)),
      [Buffer.from(end.receipt)],
    );
    coordinator.received([{ task: 0, attempt: 4 }]);
  });

  test('names work as a run of this home does, so that each finds the other’s result', async () => {
    await using hosting = await Hosting.open();
    await using coordinator = hosting.coordinator();
    coordinator.offer([offered()]);
    const { receipt } = await coordinator.end();
    const { work, module, label } = offered();
    const plan = build([{ task: work, module, label, group: label }], { name: 'own' });
    const run = await runPlan(hosting.engine, plan);
    assert.equal(run.tasks.cached, 1, 'what was hosted is a hit here');
    const own = build([{ task: offered({ args: [7, 8] }).work, module, label, group: label }], { name: 'own' });
    await runPlan(hosting.engine, own);
    coordinator.offer([offered({ task: 1, args: [7, 8] })]);
    const { end, receipt: found } = await coordinator.end(1);
    assert.equal(end.isHit, true, 'and the other way round');
    assert.deepEqual(found.out, ['ok', 15]);
    assert.notDeepEqual(receipt.meta.key, found.meta.key);
  });

  test('tells failures, traps and broken limits as what they are', async () => {
    await using hosting = await Hosting.open({ slots: 2 });
    await using coordinator = hosting.coordinator();
    coordinator.offer([
      offered({ task: 0, func: 'unreachable', args: [] }),
      offered({ task: 1, func: 'none', args: [] }),
      endless({ task: 2, meta: { time: 50 } }),
    ]);
    const codes = await Promise.all([0, 1, 2].map(async (task) => (await coordinator.end(task)).receipt.out));
    assert.deepEqual(
      codes.map(([tag, value]) => [tag, (value as { code: string }).code]),
      [
        ['error', 'trap'],
        ['error', 'invalid'],
        ['error', 'limit/time'],
      ],
    );
    assert.deepEqual(await hosting.counted('hosted_tasks_total{how="trap"}'), ['docket_hosted_tasks_total{how="trap"} 1']);
  });

  test('a runner that is killed costs its attempt alone, and has a receipt', async () => {
    await using hosting = await Hosting.open();
    await using coordinator = hosting.coordinator();
    coordinator.offer([endless()]);
    await coordinator.state('running');
    await killSlots(hosting, coordinator);
    const { receipt } = await coordinator.end();
    assert.equal((receipt.out[1] as { code: string }).code, 'lost');
    coordinator.offer([offered({ task: 1 })]);
    assert.deepEqual((await coordinator.end(1)).receipt.out, ['ok', 3]);
  });

  test('a known result is told at once, unless it is forced or not whole', async () => {
    await using hosting = await Hosting.open();
    await using coordinator = hosting.coordinator();
    coordinator.offer([offered()]);
    const first = await coordinator.end();
    coordinator.offer([offered({ attempt: 1 })], { run: OTHER_RUN });
    await coordinator.until(() => (coordinator.ends().length > 1 ? true : undefined), 'second end');
    const [, hit] = coordinator.ends();
    assert.equal(hit?.isHit, true);
    assert.deepEqual(Buffer.from(hit.receipt), Buffer.from(first.end.receipt), 'the same receipt');
    coordinator.offer([offered({ task: 5, isForced: true })], { run: OTHER_RUN });
    assert.equal((await coordinator.end(5)).end.isHit, false);
  });

  test('an offer that comes twice is run once, and what was received is not run again', async () => {
    await using hosting = await Hosting.open();
    await using coordinator = hosting.coordinator();
    const task = offered({ isForced: true });
    coordinator.offer([task]);
    coordinator.offer([task]);
    await coordinator.end();
    coordinator.received([task]);
    coordinator.offer([task]);
    assert.match((await coordinator.state('overload')) ?? '', /over/);
    assert.equal(hosting.place.receipts().length, 1);
    assert.equal(hosting.host.isBusy, false);
  });

  test('work that is under way for one run is not done for another as well', async () => {
    await using hosting = await Hosting.open({ slots: 2 });
    await using coordinator = hosting.coordinator();
    const task = offered({ func: 'fib', args: [32] });
    coordinator.offer([task]);
    coordinator.offer([task], { run: OTHER_RUN });
    await coordinator.until(() => (coordinator.ends().length > 1 ? true : undefined), 'both ends');
    assert.deepEqual(
      coordinator.ends().map(({ isHit }) => isHit),
      [false, true],
    );
    assert.equal(hosting.place.receipts().length, 1);
  });
});

suite('a host takes back', () => {
  test('what runs: it is killed, and its receipt says so', async () => {
    await using hosting = await Hosting.open();
    await using coordinator = hosting.coordinator();
    coordinator.offer([endless(), offered({ task: 1 })]);
    await coordinator.state('running');
    coordinator.withdraw([{ task: 0, attempt: 1 }]);
    const { receipt } = await coordinator.end();
    assert.equal((receipt.out[1] as { code: string }).code, 'cancelled');
    assert.deepEqual((await coordinator.end(1)).receipt.out, ['ok', 3], 'and the slot goes on');
  });

  test('what waits: it leaves no trace, and a late offer of it is not taken', async () => {
    await using hosting = await Hosting.open();
    await using coordinator = hosting.coordinator();
    coordinator.offer([endless()]);
    await coordinator.state('running');
    coordinator.offer([offered({ task: 1 })]);
    await coordinator.state('waiting', 1);
    coordinator.withdraw([{ task: 1, attempt: 1 }]);
    // One that was withdrawn before it was offered, as messages may overtake each other.
    coordinator.withdraw([{ task: 2, attempt: 1 }]);
    coordinator.offer([offered({ task: 1 }), offered({ task: 2 })]);
    await coordinator.state('overload', 1);
    await coordinator.state('overload', 2);
    assert.deepEqual(hosting.host.held, { running: 1 });
    assert.deepEqual(hosting.place.receipts(), []);
  });

  test('what is being fetched: fetching stops', async () => {
    const stopped = Promise.withResolvers<void>();
    const bring = () => (_: unknown, __: unknown, signal: AbortSignal) =>
      new Promise<void>((_resolve, reject) =>
        signal.addEventListener('abort', () => {
          stopped.resolve();
          reject(signal.reason as Error);
        }),
      );
    await using hosting = await Hosting.open({ modules: [], bring });
    await using coordinator = hosting.coordinator();
    coordinator.offer([offered()]);
    await coordinator.state('fetching');
    coordinator.withdraw([{ task: 0, attempt: 1 }]);
    await stopped.promise;
    assert.equal(hosting.host.isBusy, false);
  });

  test('an attempt for which there is a later one', async () => {
    await using hosting = await Hosting.open();
    await using coordinator = hosting.coordinator();
    coordinator.offer([endless()]);
    await coordinator.state('running');
    coordinator.offer([offered({ attempt: 2 })]);
    await coordinator.end(0, 1);
    assert.deepEqual((await coordinator.end(0, 2)).receipt.out, ['ok', 3]);
    coordinator.offer([offered({ task: 3, attempt: 2, isForced: true })]);
    coordinator.offer([offered({ task: 3, attempt: 1, isForced: true })]);
    await coordinator.state('overload', 3, 1);
  });
});

suite('what a task needs', () => {
  const data = Buffer.alloc(10_000, 'x');

  test('is fetched from the members that have it, trees looked into', async () => {
    const asked: [string, readonly string[]][] = [];
    const blobs = new Map([NUMERIC, data, guest('echo')].map((bytes) => [Cid.ofBlob(bytes).toString(), bytes as Uint8Array]));
    await using hosting = await Hosting.open({
      modules: [],
      bring:
        ({ engine }) =>
        async (cid, holders) => {
          asked.push([cid.toString(), holders]);
          await engine.store.put(blobs.get(cid.toString())!, { expect: cid });
        },
    });
    await using coordinator = hosting.coordinator();
    const tree = encode({ 'in.txt': { cid: Cid.ofBlob(data), size: data.length, executable: false } });
    const folder = Cid.ofTree(tree);
    blobs.set(folder.toString(), tree);
    const module = Cid.ofBlob(guest('echo'));
    const run = { rsc: `ipfs://${module}`, op: 'wasi/run', input: { args: [], files: { in: folder } }, nnc: '' };
    const work = { run, cause: null, meta: {}, prf: [] };
    coordinator.offer([offered({ work, module, small: { [hexOf(folder)]: tree }, holders: ['did:key:zOne'] })]);
    const { receipt } = await coordinator.end();
    assert.equal(receipt.out[0], 'ok', JSON.stringify(receipt.out));
    assert.deepEqual(
      asked.map(([cid]) => cid).toSorted(),
      [module.toString(), Cid.ofBlob(data).toString()].toSorted(),
      'the tree came with it',
    );
    assert.deepEqual(asked[0]?.[1], ['did:key:zOne']);
  });

  test('and cannot be had: it is given back, for another may have it; nothing was begun', async () => {
    await using hosting = await Hosting.open({ modules: [] });
    await using coordinator = hosting.coordinator();
    coordinator.offer([offered()]);
    assert.match((await coordinator.state('unfetched')) ?? '', /could not be had/);
    assert.equal(hosting.host.isBusy, false);
    assert.deepEqual(hosting.place.receipts(), []);
  });

  test('a small blob under a false name is not taken for it', async () => {
    await using hosting = await Hosting.open({ modules: [] });
    await using coordinator = hosting.coordinator();
    coordinator.offer([offered({ small: { [hexOf(Cid.ofBlob(NUMERIC))]: guest('noop') } })]);
    await coordinator.state('unfetched');
  });

  test('a module that is none is refused', async () => {
    const bytes = Buffer.from('no module');
    await using hosting = await Hosting.open({ modules: [bytes] });
    await using coordinator = hosting.coordinator();
    coordinator.offer([offered({ module: Cid.ofBlob(bytes) })]);
    assert.match((await coordinator.state('refused')) ?? '', /module/);
  });

  test('and is offered in more than a message holds: the offer itself is fetched from who made it', async () => {
    const asked: (readonly string[])[] = [];
    const kept = encodeOffered(offered({ args: [40, 2] }));
    const offers = new Map([kept, Buffer.from('no offer')].map((bytes) => [Cid.ofBlob(bytes).toString(), bytes as Uint8Array]));
    await using hosting = await Hosting.open({
      bring:
        ({ engine }) =>
        async (cid, holders) => {
          asked.push(holders);
          await engine.store.put(offers.get(cid.toString())!);
        },
    });
    await using coordinator = hosting.coordinator();
    coordinator.offer([], {
      kept: [
        { task: 3, attempt: 2, offer: Cid.ofBlob(kept) },
        { task: 4, attempt: 1, offer: Cid.ofBlob(Buffer.from('no offer')) },
      ],
    });
    await coordinator.state('fetching', 3, 2);
    assert.deepEqual((await coordinator.end(3, 2)).receipt.out, ['ok', 42]);
    assert.match((await coordinator.state('refused', 4)) ?? '', /no offer/);
    assert.deepEqual(asked[0], [coordinator.mesh.self]);
  });
});

suite('a host refuses', () => {
  const refusals: Readonly<Record<string, readonly [Parameters<typeof offered>[0], RegExp]>> = {
    'an op it does not run': [
      { work: { run: { rsc: 'a', op: 'wasi/run', input: {}, nnc: '' }, cause: null, meta: {}, prf: [] } },
      /wasi\/run/,
    ],
    'a grant it does not give': [{ meta: { grant: ['clock'] } }, /clock/],
    'an input that is not that of its instruction': [{ input: { func: 'add', args: [1, 3] } }, /input/],
    'another module than the one that is named': [
      { work: { run: { ...offered().work.run, rsc: `ipfs://${Cid.ofBlob(Buffer.from('other'))}` }, cause: null, meta: {}, prf: [] } },
      /module/,
    ],
    'more slots than it has': [{ slots: 2, meta: { needs: { slots: 2 } } }, /1 slot, not 2/],
    'other slots than the task says': [{ slots: 1, meta: { needs: { slots: 2 } } }, /offered for 1/],
    'a tag it has not': [{ meta: { needs: { tags: { zone: 'us' } } } }, /zone/],
  };
  for (const [what, [task, message]] of Object.entries(refusals))
    test(what, async () => {
      await using hosting = await Hosting.open({ ops: ['wasm/run'] });
      await using coordinator = hosting.coordinator();
      coordinator.offer([offered(task)]);
      assert.match((await coordinator.state('refused')) ?? '', message);
      assert.deepEqual(await hosting.counted('refused_total'), ['docket_hosted_refused_total{why="refused"} 1']);
      assert.equal(hosting.host.isBusy, false);
    });

  test('nothing that is put in the place of a promise', async () => {
    await using hosting = await Hosting.open();
    await using coordinator = hosting.coordinator();
    const awaited = { 'await/ok': Cid.ofValue('something') };
    const work = { ...offered().work, run: { ...offered().work.run, input: { func: 'add', args: [awaited, 2] } } };
    coordinator.offer([offered({ work, input: { func: 'add', args: [40, 2] } })]);
    assert.deepEqual((await coordinator.end()).receipt.out, ['ok', 42]);
  });

  test('what is more than it has room for, and everything while it is drained', async () => {
    await using hosting = await Hosting.open({ room: 2 });
    await using coordinator = hosting.coordinator();
    assert.equal(hosting.host.room, 2);
    coordinator.offer([endless({ task: 0, nnc: 'a' }), endless({ task: 1, nnc: 'b' }), endless({ task: 2, nnc: 'c' })]);
    await coordinator.state('overload', 2);
    await coordinator.state('running', 0);
    assert.deepEqual([hosting.host.room, hosting.host.waiting], [0, 1]);
    coordinator.withdraw([{ task: 1, attempt: 1 }]);
    hosting.isDraining = true;
    coordinator.offer([offered({ task: 3 })]);
    assert.match((await coordinator.state('overload', 3)) ?? '', /no new work/);
    assert.equal(hosting.host.room, 0);
    coordinator.withdraw([{ task: 0, attempt: 1 }]);
    await coordinator.end();
  });

  test('offers that are more bytes than it has room for, also those that it has to fetch before it can say so', async () => {
    const MiB = 2 ** 20;
    const large = [1, 2, 3].map((task) => encodeOffered(offered({ task, args: ['x'.repeat(3 * MiB) + task] })));
    const blobs = new Map(large.map((bytes) => [Cid.ofBlob(bytes).toString(), bytes]));
    await using hosting = await Hosting.open({
      bytes: 7 * MiB,
      bring:
        ({ engine }) =>
        async (cid) =>
          void (await engine.store.put(blobs.get(cid.toString())!)),
    });
    await using coordinator = hosting.coordinator();
    coordinator.offer([endless()]);
    await coordinator.state('running');
    const kept = large.map((bytes, i) => ({ task: i + 1, attempt: 1, offer: Cid.ofBlob(bytes) }));
    coordinator.offer([], { kept });
    const waits = (task: number) => coordinator.said(task).at(-1)?.state === 'waiting';
    const isOver = (task: number) => coordinator.said(task).at(-1)?.state === 'overload';
    const tasks = [1, 2, 3];
    await coordinator.until(() => tasks.every((task) => waits(task) || isOver(task)) || undefined, 'a word of each');
    assert.deepEqual([tasks.filter(waits).length, tasks.filter(isOver).length], [2, 1]);
    assert.ok(hosting.host.room > 0, 'for small ones there is room still');
    const [gone, late] = [tasks.find(waits)!, tasks.find(isOver)!];
    coordinator.withdraw([{ task: gone, attempt: 1 }]);
    coordinator.offer([], { kept: [{ task: late, attempt: 2, offer: Cid.ofBlob(large[late - 1]!) }] });
    await coordinator.state('waiting', late, 2);
  });

  test('whatever is no message, and goes on', async () => {
    await using hosting = await Hosting.open();
    await using coordinator = hosting.coordinator();
    coordinator.sendBytes(Buffer.from('garbage'));
    coordinator.sendBytes(encode({ v: 2, kind: 'offer' }));
    coordinator.sendBytes(encode({ v: 1, kind: 'offer', run: '../..' }));
    coordinator.withdraw([{ task: 9, attempt: 9 }], { run: OTHER_RUN });
    coordinator.received([{ task: 9, attempt: 9 }]);
    coordinator.offer([offered()]);
    await coordinator.end();
    assert.deepEqual(await hosting.counted('unread_total'), [
      'docket_mesh_unread_total{why="garbage"} 1',
      'docket_mesh_unread_total{why="newer"} 1',
      'docket_mesh_unread_total{why="shape"} 1',
    ]);
  });
});

suite('what is offered to a host and cannot be understood', () => {
  const deep = (depth: number): Ipld => {
    let value: Ipld = 1;
    for (let i = 0; i < depth; i++) value = [value];
    return value;
  };
  const { work } = offered();
  const odd: Readonly<Record<string, readonly [Partial<OfferedTask>, RegExp]>> = {
    'needs of a later version': [{ work: { ...work, meta: { needs: { gpu: 1 } } } }, /"gpu"/],
    'needs that are no map': [{ work: { ...work, meta: { needs: [] } } }, /"needs" must be a map/],
    'a key of meta of a later version': [{ work: { ...work, meta: { power: 1 } } }, /"power" in meta is not known/],
    'an input that nests as deep as any': [
      {
        work: { ...work, run: { ...work.run, input: { func: 'add', args: [{ 'await/ok': Cid.ofValue(1) }] } } },
        // Within {args: […]}.
        input: { func: 'add', args: [deep(MAX_DEPTH - 2)] },
      },
      /nests so deep/,
    ],
    'a module under no name of a blob': [{ module: Cid.ofTree(encode({})) }, /module is not the name of a blob/],
  };
  for (const [what, [over, why]] of Object.entries(odd))
    test(`${what}: that task alone is refused, by name`, async () => {
      await using hosting = await Hosting.open();
      await using coordinator = hosting.coordinator();
      coordinator.offer([offered({ task: 1, ...over }), offered({ task: 2, args: [3, 4] })]);
      assert.match((await coordinator.state('refused', 1)) ?? '', why);
      await coordinator.end(2);
      assert.ok(hosting.host.room > 0, 'and the host goes on');
      assert.deepEqual(await hosting.counted('hosted_refused_total'), ['docket_hosted_refused_total{why="refused"} 1']);
    });

  test('and of an earlier epoch: it is told so like the others', async () => {
    await using hosting = await Hosting.open();
    await using coordinator = hosting.coordinator();
    coordinator.offer([offered({ task: 0 })], { epoch: 2 });
    await coordinator.end(0);
    coordinator.offer([offered({ task: 1, work: { ...work, meta: { power: 1 } } })], { epoch: 1 });
    assert.match((await coordinator.state('refused', 1)) ?? '', /epoch 2/);
  });

  test('proofs and causes that nest as deep as any cost the host nothing', async () => {
    await using hosting = await Hosting.open();
    await using coordinator = hosting.coordinator();
    // Within {task: {prf: […]}}, and {task: {cause}}.
    const [prf, cause] = [[deep(MAX_DEPTH - 3)], deep(MAX_DEPTH - 2)];
    coordinator.offer([offered({ task: 1, work: { ...work, prf } }), offered({ task: 2, work: { ...work, cause } })]);
    await coordinator.end(1);
    await coordinator.end(2);
    assert.ok(hosting.host.room > 0);
  });
});

async function killSlots(hosting: Hosting, coordinator: Coordinator): Promise<void> {
  await coordinator.state('running');
  const pids = await until(() => {
    const found = hosting.place.slots();
    return found.length > 0 ? found : undefined;
  });
  for (const pid of pids) process.kill(pid, 'SIGKILL');
}

/** Looks until it is so; what stands between a test and waiting for ever is the test's own patience. */
async function until<T>(look: () => T | undefined | false): Promise<T> {
  for (;;) {
    const found = look();
    if (found !== undefined && found !== false) return found;
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
