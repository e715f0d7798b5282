import { systemClock } from '../src/base/clock.ts';
import type { Beat } from '../src/protocol/mesh/member.ts';
import type { WorkMessage } from '../src/protocol/mesh/work.ts';
import { BlobView } from '../src/scheduler/blob-view.ts';
import type { TaskFacts, Wanted } from '../src/scheduler/crew.ts';
import { Delegation } from '../src/scheduler/delegation/delegation.ts';
import type { MembersView } from '../src/scheduler/delegation/members-view.ts';
import * as Cid from '../src/ipld/cid.ts';
import { DEFAULT_LIMITS } from '../src/workflow/limits.ts';
import { NO_NEEDS } from '../src/workflow/needs.ts';
import { median } from './median.ts';
import { printRow } from './print-row.ts';
import { flatPlan } from './workloads.ts';
import { NO_HOME } from '../test/scheduler/delegation/no-home.ts';

/**
 * What it costs a coordinator to place a task at a member, hear that it runs and that it ended, and place the next: the state of delegation alone, without codecs, network and
 * receipts. Ten members and 10,000 tasks are the floor: what the number of members, of tasks, and large inputs of tasks add.
 */

const FEW = { members: 10, tasks: 10_000, isHeld: false };
const SIZES = [
  { ...FEW, members: 100 },
  { ...FEW, members: 1_000 },
  { ...FEW, tasks: 100_000 },
  { members: 1_000, tasks: 100_000, isHeld: false },
  { members: 1_000, tasks: 100_000, isHeld: true },
];
const SLOTS = 4;
const ROUNDS = 2;
const KIND = { name: 'wasm/run', op: 'wasm/run', needs: NO_NEEDS };
const module = Cid.ofBlob(Buffer.from('a module'));
const plan = flatPlan(module, 1);

/** The input of each task, if one is held by a member. */
const LARGE = 2 ** 22;
const inputs = Array.from({ length: 100_000 }, (_, i) => Cid.ofBlob(Buffer.from(`input ${i}`)));

const factsOf = (isHeld: boolean): TaskFacts => ({
  planned: () => plan.tasks[0]!,
  input: (task) => (isHeld ? { blob: inputs[task]! } : plan.tasks[0]!.task.run.input),
  module: () => module,
  limits: () => DEFAULT_LIMITS,
  isForced: () => false,
  priority: () => 0,
});
function beatOf(did: string): Beat {
  const view = { did, incarnation: '1', version: '0', host: did, started: 0, slots: SLOTS, memory: 2 ** 34, ops: ['wasm/run'], tags: {} };
  return {
    view: { ...view, roles: [], isDraining: false, door: null },
    seq: 1,
    free: SLOTS,
    room: 64,
    waiting: 0,
    load: 0,
    isLeaving: false,
  };
}

/** Microseconds of a processor for each task. */
async function place({ members, tasks, isHeld }: typeof FEW): Promise<number> {
  const beats = new Map(Array.from({ length: members }, (_, i) => [`did:key:member-${i}`, { beat: beatOf(`did:key:member-${i}`) }]));
  const view: MembersView = {
    isJudging: true,
    others: () => beats.values(),
    get: (did) => beats.get(did),
    onChange: () => ({ [Symbol.dispose]() {} }),
  };
  const sent: { readonly to: string; readonly message: WorkMessage }[] = [];
  const mail = {
    send: (to: string, message: WorkMessage) => sent.push({ to, message }) > 0,
    keep: () => Promise.reject(new Error('too large')),
  };
  using delegation = new Delegation({ members: view, clock: systemClock, mail });
  if (isHeld)
    for (let i = 0; i < tasks; i++) delegation.holders.add(`did:key:member-${(i * 7) % members}`, [{ cid: inputs[i]!, size: LARGE }]);
  const blobs = new BlobView(
    { small: () => undefined, has: () => false, read: () => new Uint8Array(), alias: () => undefined },
    delegation.holders,
  );
  await using crew = delegation.crewOf({ run: 'R', epoch: 1, weight: 1 })({
    self: 'did:key:self',
    local: NO_HOME,
    tasks: factsOf(isHeld),
    blobs,
    clock: systemClock,
    onChange() {},
  });
  const { signal } = new AbortController();
  const count = { ended: 0, isDone: () => count.ended === tasks };
  const before = process.cpuUsage();
  let task = 0;
  do {
    for (; task < tasks; task++) {
      const wanted: Wanted = { task, kind: KIND, depth: 1, depthAway: 1, alone: false, mayLeave: true, mayWait: true };
      // As one that has waited, if the place it is near to is not free: the next would be another's.
      const berth = crew.berth(wanted) ?? crew.berth({ ...wanted, mayWait: false });
      if (berth === undefined) break;
      const job = {
        id: task,
        op: 'wasm/run',
        module,
        input: null,
        limits: DEFAULT_LIMITS,
        grants: [],
        seed: new Uint8Array(32),
        small: new Map(),
      };
      void berth.submit({ task, attempt: 1, job }, signal).then(() => count.ended++);
    }
    await new Promise(setImmediate);
    for (const { to, message } of sent.splice(0)) {
      if (message.kind !== 'offer') continue;
      const { run, epoch, tasks: offered } = message;
      delegation.receive(to, {
        kind: 'states',
        run,
        epoch,
        isAll: false,
        tasks: offered.map((one) => ({ task: one.task, attempt: 1, state: 'running' })),
      });
      const ends = offered.map((one) => ({ task: one.task, attempt: 1, isHit: false, receipt: new Uint8Array(), small: {}, held: [] }));
      delegation.receive(to, { kind: 'ends', run, epoch, tasks: ends });
    }
    await new Promise(setImmediate);
  } while (!count.isDone());
  const { user, system } = process.cpuUsage(before);
  return (user + system) / tasks;
}

await place(FEW);
const floors: number[] = [];
const took: number[][] = SIZES.map(() => []);
for (let round = 0; round < ROUNDS; round++) {
  floors.push(await place(FEW));
  for (const [i, size] of SIZES.entries()) took[i]!.push(await place(size));
}
SIZES.forEach(({ members, tasks, isHeld }, i) => {
  const what = `placing, ${members.toLocaleString('en')} members, ${tasks.toLocaleString('en')} tasks${isHeld ? ' near their inputs' : ''}`;
  printRow({ what, value: median(took[i]!), unit: 'µs', floor: median(floors), target: 200 });
});
