import assert from 'node:assert/strict';
import { Members } from '../../src/agent/mesh/members.ts';
import { decode } from '../../src/ipld/dag-cbor.ts';
import { encode } from '../../src/ipld/dag-cbor-encode.ts';
import type { Ipld } from '../../src/ipld/value.ts';
import { decodeWork, encodeWork } from '../../src/protocol/mesh/work-codec.ts';
import type { DriveName, HeldTask, OfferedTask, WorkMessage } from '../../src/protocol/mesh/work.ts';
import { BlobView } from '../../src/scheduler/blob-view.ts';
import type { Berth, Crew } from '../../src/scheduler/crew.ts';
import { Delegation } from '../../src/scheduler/delegation/delegation.ts';
import { SLOT } from '../../src/scheduler/delegation/seat.ts';
import { DEFAULT_LIMITS } from '../../src/workflow/limits.ts';
import { NO_NEEDS } from '../../src/workflow/needs.ts';
import { MODULE, planOf } from '../scheduler/helpers.ts';
import type { SimMember, Simulation } from './simulation.ts';
import { NO_HOME } from '../scheduler/delegation/no-home.ts';

/**
 * A cluster on simulated time: coordinators with the presence, the delegation and the messages of real agents, and hosts that run tasks as long as they are told to.
 * What a host gives back stands where its receipt would: nothing here judges it.
 */

export interface HostOptions {
  readonly slots: number;
  /** Tasks it takes in beside those that run; default none. */
  readonly room?: number;
  /** How long a task takes, in ms. */
  readonly duration: () => number;
  /** Told of what becomes of each task, before anybody else is. */
  readonly onState?: (host: SimHost, state: 'waiting' | 'running' | 'ended') => void;
}

interface Held {
  readonly from: string;
  readonly drive: DriveName;
  readonly task: OfferedTask;
  state: 'waiting' | 'running' | 'ended';
  cancel: () => void;
}

const nameOf = (from: string, { run, epoch }: DriveName, { task, attempt }: { task: number; attempt: number }): string =>
  `${from} ${run} ${epoch} ${task} ${attempt}`;

function membersOf(
  member: SimMember,
  incarnation: string,
  offers: () => { slots: number; free: number; room: number; waiting: number },
): Members {
  const { mesh, clock, did } = member;
  return new Members({
    mesh,
    clock,
    own() {
      const { slots, ...rest } = offers();
      const view = {
        did,
        incarnation,
        version: '0',
        host: did,
        started: 0,
        slots,
        memory: 2 ** 34,
        tags: {},
        roles: [],
        isDraining: false,
        door: null,
      };
      return { view: { ...view, ops: ['wasm/run'] }, ...rest };
    },
    onRefused: ({ message }) => assert.fail(message),
    onDouble: () => assert.fail('a double'),
  });
}

export class SimHost {
  readonly member: SimMember;
  ran = 0;
  overloads = 0;
  readonly #options: HostOptions;
  readonly #held = new Map<string, Held>();
  readonly #coordinators = new Map<string, DriveName & { readonly from: string }>();
  readonly #members: Members;

  constructor(sim: Simulation, did: string, incarnation: string, options: HostOptions) {
    this.member = sim.start(did);
    this.#options = options;
    const { slots, room = 0 } = options;
    this.#members = membersOf(this.member, incarnation, () => {
      const [running, waiting] = [this.#count('running'), this.#count('waiting')];
      return { slots, free: slots - running, waiting, room: Math.max(0, slots + room - running - waiting) };
    });
    this.member.mesh.messages.onMessage((from, bytes) => {
      const read = decodeWork(bytes);
      assert.ok('message' in read);
      this.#hear(from, read.message);
    });
    this.#members.begin();
    this.#repeat();
  }

  #count(state: Held['state']): number {
    return [...this.#held.values()].filter((held) => held.state === state).length;
  }

  #hear(from: string, message: WorkMessage): void {
    if (message.kind !== 'offer' && message.kind !== 'withdraw' && message.kind !== 'received') return;
    const { run, epoch } = message;
    const drive = { run, epoch };
    this.#coordinators.set(`${from} ${run} ${epoch}`, { from, ...drive });
    for (const task of message.tasks) {
      const name = nameOf(from, drive, task);
      const held = this.#held.get(name);
      if ('work' in task) this.#offered(name, { from, drive, task, state: 'waiting', cancel: () => undefined });
      else if (message.kind === 'withdraw') held?.cancel();
      if (!('work' in task)) this.#held.delete(name);
    }
    this.#next();
    if (message.kind === 'offer') this.#tell(from, drive);
  }

  #offered(name: string, held: Held): void {
    if (this.#held.has(name)) return;
    const { slots, room = 0 } = this.#options;
    if (this.#count('running') + this.#count('waiting') >= slots + room) {
      this.overloads++;
      const { task, attempt } = held.task;
      return this.#send(held.from, { kind: 'states', ...held.drive, isAll: false, tasks: [{ task, attempt, state: 'overload' }] });
    }
    this.#held.set(name, held);
    this.#options.onState?.(this, 'waiting');
  }

  #next(): void {
    for (const held of this.#held.values()) {
      if (held.state !== 'waiting' || this.#count('running') >= this.#options.slots) continue;
      held.state = 'running';
      this.#options.onState?.(this, 'running');
      held.cancel = this.member.clock.after(this.#options.duration(), () => {
        held.state = 'ended';
        this.ran++;
        this.#options.onState?.(this, 'ended');
        this.#end(held);
        this.#next();
      });
    }
  }

  #end({ from, drive, task: { task, attempt, input } }: Held): void {
    const receipt = encode(work(input));
    this.#send(from, { kind: 'ends', ...drive, tasks: [{ task, attempt, isHit: false, receipt, small: {}, held: [] }] });
  }

  #tell(from: string, drive: DriveName): void {
    const held = [...this.#held.values()].filter(
      (each) => each.from === from && each.drive.run === drive.run && each.drive.epoch === drive.epoch,
    );
    const tasks = held.flatMap(({ state, task: { task, attempt } }): HeldTask[] => (state === 'ended' ? [] : [{ task, attempt, state }]));
    this.#send(from, { kind: 'states', run: drive.run, epoch: drive.epoch, isAll: true, tasks });
    for (const each of held) if (each.state === 'ended') this.#end(each);
  }

  #repeat(): void {
    for (const { from, ...drive } of this.#coordinators.values()) this.#tell(from, drive);
    this.member.clock.after(1_000, () => this.#repeat());
  }

  #send(to: string, message: WorkMessage): void {
    this.member.mesh.messages.send(to, encodeWork(message));
  }
}

/** An agent that drives jobs and has no slots of its own. */
export class SimCoordinator {
  readonly member: SimMember;
  readonly delegation: Delegation;
  readonly #jobs: Job[] = [];

  constructor(sim: Simulation, did: string, incarnation: string) {
    this.member = sim.start(did);
    const { mesh, clock } = this.member;
    const members = membersOf(this.member, incarnation, () => ({ slots: 0, free: 0, room: 0, waiting: 0 }));
    this.delegation = new Delegation({
      members,
      clock,
      mail: {
        send(to, message) {
          mesh.messages.send(to, encodeWork(message));
          return true;
        },
        keep: () => Promise.reject(new Error('nothing is too large here')),
      },
    });
    mesh.messages.onMessage((from, bytes) => {
      const read = decodeWork(bytes);
      assert.ok('message' in read);
      if (read.message.kind === 'states' || read.message.kind === 'ends') this.delegation.receive(from, read.message);
      this.#dispatch();
    });
    members.onChange(() => this.#dispatch());
    members.begin();
  }

  /** Counts the words of a text in so many pieces. */
  count(run: string, texts: readonly string[], epoch = 1): Job {
    const job = new Job(this.delegation, { run, epoch }, texts, this.member);
    this.#jobs.push(job);
    this.#dispatch();
    return job;
  }

  /** No member has more of this coordinator's tasks than it has slots. */
  check(): void {
    for (const { did, units, view } of this.delegation.seats())
      assert.ok(units <= view.slots * SLOT, `${did}: ${units / SLOT} of ${view.slots}`);
  }

  #dispatch(): void {
    for (const job of this.#jobs) job.dispatch();
    this.check();
  }
}

/** Map tasks, and a binary tree of reduces over them: task `i` of the tree awaits `2i + 1` and `2i + 2`, and the last `texts.length` are the maps. */
export class Job {
  /** By task. */
  readonly results = new Map<number, Ipld>();
  /** Ends that came, of whatever attempt. */
  ends = 0;
  readonly #texts: readonly string[];
  readonly #crew: Crew;
  readonly #placed = new Set<number>();
  readonly #attempts = new Map<number, number>();

  constructor(delegation: Delegation, drive: DriveName, texts: readonly string[], { clock }: SimMember) {
    this.#texts = texts;
    const plan = planOf(Array.from({ length: this.size }, (_, index) => ({ name: `t${index}` })));
    const tasks = {
      planned: (task: number) => plan.tasks[task]!,
      input: (task: number) => this.#input(task) ?? null,
      module: () => MODULE,
      limits: () => DEFAULT_LIMITS,
      isForced: () => false,
      priority: (task: number) => this.size - task,
    };
    const blobs = new BlobView({ small: () => undefined, has: () => true, read: () => new Uint8Array(), alias: () => undefined });
    const parts = { self: 'did:key:self', local: NO_HOME, tasks, blobs, clock, onChange: () => queueMicrotask(() => this.dispatch()) };
    this.#crew = delegation.crewOf({ ...drive, weight: 1 })(parts);
  }

  get size(): number {
    return 2 * this.#texts.length - 1;
  }

  get isDone(): boolean {
    return this.results.has(0);
  }

  dispatch(): void {
    for (let task = this.size - 1; task >= 0; task--) {
      if (this.results.has(task) || this.#placed.has(task) || this.#input(task) === undefined) continue;
      const kind = { name: 'wasm/run', op: 'wasm/run', needs: NO_NEEDS };
      const berth = this.#crew.berth({ task, kind, depth: 1, depthAway: 1, alone: false, mayLeave: true });
      if (berth === undefined) return;
      void this.#submit(task, berth);
    }
    this.#crew.rest();
  }

  #input(task: number): Ipld | undefined {
    const text = this.#texts[task - this.#texts.length + 1];
    if (text !== undefined) return { func: 'map', args: [text] };
    const [left, right] = [this.results.get(2 * task + 1), this.results.get(2 * task + 2)];
    return left === undefined || right === undefined ? undefined : { func: 'reduce', args: [left, right] };
  }

  async #submit(task: number, berth: Berth): Promise<void> {
    const attempt = (this.#attempts.get(task) ?? 0) + 1;
    this.#attempts.set(task, attempt);
    this.#placed.add(task);
    const job = { id: task, op: 'wasm/run', module: MODULE, input: this.#input(task)!, limits: DEFAULT_LIMITS, grants: [] };
    const end = await berth.submit(
      { task, attempt, job: { ...job, seed: new Uint8Array(32), small: new Map() } },
      new AbortController().signal,
    );
    this.#placed.delete(task);
    if (end.kind === 'receipted') {
      this.ends++;
      this.results.set(task, decode(end.receipt));
    }
    this.dispatch();
  }
}

type Counts = Record<string, number>;

/** What the tasks of a job compute. */
function work(input: Ipld): Counts {
  const { func, args } = input as { readonly func: string; readonly args: readonly Ipld[] };
  return func === 'map' ? countWords(args[0] as string) : addCounts(args[0] as Counts, args[1] as Counts);
}

export function countWords(text: string): Counts {
  return text.split(' ').reduce((counts, word) => addCounts(counts, { [word]: 1 }), {});
}

function addCounts(left: Counts, right: Counts): Counts {
  const sum: Counts = { ...left };
  for (const [word, count] of Object.entries(right)) sum[word] = (sum[word] ?? 0) + count;
  return sum;
}
