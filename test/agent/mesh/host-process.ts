import { Engine } from '../../../src/agent/engine.ts';
import { Host } from '../../../src/agent/mesh/host.ts';
import { allOps } from '../../../src/agent/op-policy.ts';
import { decodeWork } from '../../../src/protocol/mesh/work-codec.ts';
import { endless, NUMERIC, offered, LOOP, RUN } from './hosting.ts';

/** Hosts on the home that is given: has a task with a runner while another ends, then one more, and one that waits; says so, and waits to be killed. */

const [home = ''] = process.argv.slice(2);
const engine = await Engine.open({ home, slots: 2 });
for (const module of [NUMERIC, LOOP]) await engine.store.put(module);
const host: Host = await Host.open({
  engine,
  messages: { largest: 1_000_000, send: (_, bytes) => heard(bytes) },
  terms: { ops: allOps(), policy: [], tags: {}, memory: 2 ** 32, slots: 2 },
  bring: async () => {},
  isGone: () => false,
  driverOf: async () => 'nobody',
  isDraining: () => false,
  counts: { ended() {}, notTaken() {}, unread() {}, joined() {} },
});

const offer = (...tasks: readonly ReturnType<typeof offered>[]): void =>
  host.receive('did:key:zCoordinator', { kind: 'offer', run: RUN, epoch: 1, weight: 1, tasks, kept: [] }, 1_000);

const isRunning = new Set<number>();

function heard(bytes: Uint8Array): void {
  const read = decodeWork(bytes);
  if ('refused' in read) throw new Error(read.problem);
  const { message } = read;
  if (message.kind === 'ends') offer(endless({ task: 2, attempt: 8, nnc: 'other' }));
  if (message.kind !== 'states') return;
  for (const { task, state } of message.tasks) {
    if (state === 'waiting' && task === 3) process.stdout.write('running\n');
    if (state !== 'running' || isRunning.has(task)) continue;
    isRunning.add(task);
    if (task === 1) offer(offered());
    if (task === 2) offer(offered({ task: 3, args: [5, 6] }));
  }
}

offer(endless({ task: 1, attempt: 7 }));
