import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Engine } from '../../../src/agent/engine.ts';
import { blobsHere } from '../../../src/agent/blobs-of.ts';
import { listenToWork } from '../../../src/agent/mesh/work-line.ts';
import { VERSION } from '../../../src/agent/version.ts';
import * as Cid from '../../../src/ipld/cid.ts';
import type { Mesh } from '../../../src/mesh/mesh.ts';
import { encodeWork } from '../../../src/protocol/mesh/work-codec.ts';
import type { MemberView } from '../../../src/protocol/mesh/member.ts';
import { semanticsOf } from '../../../src/runner/ops.ts';
import { Coordinator } from '../../../src/scheduler/coordinator.ts';
import { Delegation } from '../../../src/scheduler/delegation/delegation.ts';
import type { RunSummary } from '../../../src/scheduler/events.ts';
import { signAll } from '../../../src/scheduler/filed.ts';
import type { Plan } from '../../../src/workflow/model.ts';
import { build } from '../../../src/workflow/plan.ts';
import { Place } from '../helpers.ts';
import { guest, Hosting, NUMERIC, offered, RUN } from './hosting.ts';

/** A real coordinator whose home gives it no slot, and a real host beside it. */

const GREEDY = {
  acquire: (signal: AbortSignal): Promise<never> =>
    new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))),
};

function planOf(args: readonly (readonly number[])[]): Plan {
  const module = Cid.ofBlob(NUMERIC);
  const first = args.map((each, i) => ({ task: offered({ args: [...each] }).work, module, label: `add ${i}`, group: 'add' }));
  return build(first, { name: 'sums' });
}

async function drive(engine: Engine, mesh: Mesh, hosting: Hosting, plan: Plan): Promise<RunSummary> {
  const { key, ledger, clock } = engine;
  using claims = engine.claims.forRun();
  const view: MemberView = {
    ...{ did: hosting.engine.key.did, incarnation: '1', version: VERSION, host: 'h', started: 0, slots: 2, memory: 2 ** 32 },
    ...{ ops: ['wasm/run', 'wasi/run'], tags: {}, roles: [], isDraining: false, door: null },
  };
  const beat = { beat: { view, seq: 1, free: 2, room: 64, waiting: 0, load: 0, isLeaving: false } };
  using delegation = new Delegation({
    members: { isJudging: true, others: () => [beat], get: () => beat, onChange: () => ({ [Symbol.dispose]: () => {} }) },
    mail: {
      send: (to, message) => {
        mesh.messages.send(to, encodeWork(message));
        return true;
      },
      keep: () => Promise.reject(new Error('nothing here is large')),
    },
    clock,
  });
  using _ear = listenToWork(mesh.messages, {
    host: { receive: () => {} },
    coordinators: delegation,
    counts: { unread: () => {} },
    refused: (_, { problem }) => assert.fail(problem),
  });
  const coordinator = new Coordinator({
    ...{ run: RUN, plan, memo: ledger, blobs: blobsHere(engine), issuer: key.did, slots: GREEDY, claims, size: 1 },
    commit: async (changes) => await ledger.commit(await signAll(changes, key)),
    trust: { accepts: () => ({ kind: 'yes' }), refused: ({ message }) => assert.fail(message) },
    crew: delegation.crewOf({ run: RUN, epoch: 1, weight: 1 }),
    semantics: semanticsOf,
    forced: () => false,
    failFast: false,
    awaitTime: 1_000,
    expected: () => undefined,
    flight: { started: () => {}, returned: () => {} },
    end: () => [],
    onEvent: () => {},
    clock,
    version: VERSION,
    signal: AbortSignal.timeout(60_000),
  });
  return await coordinator.run();
}

suite('a coordinator and a host', () => {
  test('understand each other: all is run there, and believed here', async () => {
    await using hosting = await Hosting.open({ slots: 2 });
    using place = new Place();
    await using engine = await place.open();
    for (const module of [NUMERIC, guest('echo')]) await engine.store.put(module);
    await using mesh = hosting.meshes.join(engine.key.did);
    const plan = planOf(Array.from({ length: 300 }, (_, i) => [i, 1]));
    const { workflow, tasks } = plan;
    await engine.ledger.commit([
      { kind: 'run', run: RUN, name: 'sums', workflow, plan: null, options: {}, tasks: tasks.length, created: 1 },
    ]);
    const summary = await drive(engine, mesh, hosting, plan);
    assert.deepEqual([summary.state, summary.tasks.failed, summary.tasks.ran], ['completed', 0, 300]);
    assert.equal(summary.outputs['add 41'], 42);
    const here = place.receipts();
    assert.deepEqual(
      here.map(({ cid }) => cid).toSorted(),
      hosting.place
        .receipts()
        .map(({ cid }) => cid)
        .toSorted(),
      'the receipts are the host’s',
    );
    assert.deepEqual(await hosting.counted('hosted_tasks_total'), ['docket_hosted_tasks_total{how="ok"} 300']);
    const again = await drive(engine, mesh, hosting, plan);
    assert.equal(again.tasks.cached, 300);
  });
});
