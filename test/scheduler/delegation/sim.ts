import { HandClock } from '../../hand-clock.ts';
import type { Beat, MemberView } from '../../../src/protocol/mesh/member.ts';
import type { AttemptName, Ends, HeldTask, OfferedTask, States, WorkMessage } from '../../../src/protocol/mesh/work.ts';
import { BlobView } from '../../../src/scheduler/blob-view.ts';
import type { Crew, CrewParts, HomeCrew, TaskFacts, Wanted } from '../../../src/scheduler/crew.ts';
import { Delegation } from '../../../src/scheduler/delegation/delegation.ts';
import type { MembersView } from '../../../src/scheduler/delegation/members-view.ts';
import type { TaskKind } from '../../../src/scheduler/task-kind.ts';
import { DEFAULT_LIMITS } from '../../../src/workflow/limits.ts';
import { NO_NEEDS } from '../../../src/workflow/needs.ts';
import { MODULE, planOf } from '../helpers.ts';
import { NO_HOME } from './no-home.ts';

/** Members and the network between them and one coordinator, by a clock that is moved by hand: late, lost, doubled and reordered messages, members that die or stand still. */

interface Faults {
  /** Of messages, 0 to 1. */
  readonly lost: number;
  readonly doubled: number;
  /** Most milliseconds a message takes. */
  readonly delay: number;
}

const KIND: TaskKind = { name: 'wasm/run', op: 'wasm/run', needs: NO_NEEDS };

export function viewOf(did: string, more: Partial<MemberView> = {}): MemberView {
  return {
    did,
    incarnation: '1',
    version: '0',
    host: did,
    started: 0,
    slots: 2,
    memory: 2 ** 34,
    ops: ['wasm/run'],
    tags: {},
    roles: [],
    isDraining: false,
    door: null,
    ...more,
  };
}

export function beatOf(view: MemberView, seq: number, more: Partial<Beat> = {}): Beat {
  return { view, seq, free: view.slots, room: 64, waiting: 0, load: 0, isLeaving: false, ...more };
}

export function factsOf(count: number): TaskFacts {
  const plan = planOf(Array.from({ length: count }, (_, i) => ({ name: `t${i}` })));
  return {
    planned: (task) => plan.tasks[task]!,
    input: (task) => plan.tasks[task]!.task.run.input,
    module: () => MODULE,
    limits: () => DEFAULT_LIMITS,
    isForced: () => false,
    priority: (task) => -task,
  };
}

const NO_BLOBS = new BlobView({ small: () => undefined, has: () => true, read: () => new Uint8Array(), alias: () => undefined });

export function wantedOf(task: number, more: Partial<Wanted> = {}): Wanted {
  return { task, kind: KIND, depth: 1, depthAway: 1, alone: false, mayLeave: true, ...more };
}

/** The members as beats tell them. */
export class Roster implements MembersView {
  isJudging = true;
  readonly #beats = new Map<string, Beat>();
  readonly #listeners = new Set<Parameters<MembersView['onChange']>[0]>();

  others(): Iterable<{ beat: Beat }> {
    return [...this.#beats.values()].map((beat) => ({ beat }));
  }

  get(did: string): { beat: Beat } | undefined {
    const beat = this.#beats.get(did);
    return beat && { beat };
  }

  onChange(listener: Parameters<MembersView['onChange']>[0]): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  hear(beat: Beat): void {
    const known = this.#beats.get(beat.view.did);
    if (known !== undefined && known.view.incarnation !== beat.view.incarnation) this.lose(beat.view.did);
    const kind = this.#beats.has(beat.view.did) ? 'changed' : 'joined';
    this.#beats.set(beat.view.did, beat);
    for (const listener of this.#listeners) listener({ kind, member: { beat } });
  }

  lose(did: string): void {
    if (this.#beats.delete(did)) for (const listener of this.#listeners) listener({ kind: 'gone', did });
  }
}

interface HostedTask {
  readonly offered: AttemptName;
  readonly run: string;
  state: 'waiting' | 'running' | 'ended';
  cancel: () => void;
}

/** A member that runs what it is offered, on so many slots and no more. */
class SimHost {
  readonly did: string;
  readonly slots: number;
  /** The most that ran at a time. */
  most = 0;
  isUp = true;
  isFrozen = false;
  /** Slots that its own runs have. */
  #own = 0;
  readonly #sim: Sim;
  readonly #room: number;
  readonly #held = new Map<string, HostedTask>();
  #incarnation = 1;
  #seq = 0;

  constructor(sim: Sim, did: string, slots: number, room: number) {
    this.#sim = sim;
    this.did = did;
    this.slots = slots;
    this.#room = room;
    this.#beat();
    this.#tell();
  }

  get running(): number {
    return [...this.#held.values()].filter(({ state }) => state === 'running').length;
  }

  get held(): number {
    return this.#held.size;
  }

  kill(): void {
    if (!this.isUp) return;
    this.isUp = false;
    for (const { cancel } of this.#held.values()) cancel();
    this.#held.clear();
    const incarnation = this.#incarnation;
    this.#sim.clock.after(3_000, () => {
      if (this.#incarnation === incarnation) this.#sim.roster.lose(this.did);
    });
  }

  start(): void {
    if (this.isUp) return;
    this.isUp = true;
    this.#incarnation++;
    this.#seq = 0;
  }

  /** It holds nothing any more of what it had let in, as one that could not begin it. */
  forget(): void {
    for (const { cancel } of this.#held.values()) cancel();
    this.#held.clear();
  }

  set own(slots: number) {
    this.#own = slots;
    this.#next();
  }

  #beat(): void {
    this.#sim.clock.after(500, () => this.#beat());
    if (!this.isUp || this.isFrozen) return;
    const view = viewOf(this.did, { slots: this.slots, incarnation: String(this.#incarnation) });
    const open = [...this.#held.values()].filter(({ state }) => state !== 'ended').length;
    // Of beats only the newest count, which is for the roster to see to: here they come in order.
    this.#sim.roster.hear(
      beatOf(view, ++this.#seq, { free: Math.max(0, this.slots - this.running - this.#own), room: Math.max(0, this.#room - open) }),
    );
  }

  #tell(): void {
    this.#sim.clock.after(1_000, () => this.#tell());
    if (!this.isUp || this.isFrozen) return;
    const held = [...this.#held.values()];
    for (const run of this.#sim.runs)
      this.#states(
        run,
        held.filter((one) => one.run === run && one.state !== 'ended'),
        true,
      );
    for (const one of held) if (one.state === 'ended') this.#end(one);
  }

  receive(message: WorkMessage): void {
    if (!this.isUp || this.isFrozen) return;
    if (message.kind === 'offer') for (const task of message.tasks) this.#offered(message.run, task);
    if (message.kind === 'received') for (const task of message.tasks) this.#received(nameOf(message.run, task));
    if (message.kind === 'withdraw') for (const task of message.tasks) this.#withdrawn(nameOf(message.run, task));
  }

  #offered(run: string, offered: OfferedTask): void {
    const name = nameOf(run, offered);
    const known = this.#held.get(name);
    if (known?.state === 'ended') return this.#end(known);
    if (known !== undefined) return this.#states(run, [known], false);
    if (this.#held.size >= this.#room)
      return this.#say({ kind: 'states', run, epoch: 1, isAll: false, tasks: [{ ...short(offered), state: 'overload' }] });
    const held: HostedTask = { offered, run, state: 'waiting', cancel: () => {} };
    this.#held.set(name, held);
    this.#next();
    this.#states(run, [held], false);
  }

  #next(): void {
    for (const held of this.#held.values()) {
      if (this.running + this.#own >= this.slots) return;
      if (held.state !== 'waiting') continue;
      held.state = 'running';
      this.most = Math.max(this.most, this.running);
      held.cancel = this.#sim.clock.after(this.#sim.durationOf(held.offered.task), () => {
        held.state = 'ended';
        if (!this.isFrozen) this.#end(held);
        this.#next();
      });
    }
  }

  #received(name: string): void {
    if (this.#held.get(name)?.state === 'ended') this.#held.delete(name);
  }

  #withdrawn(name: string): void {
    this.#held.get(name)?.cancel();
    this.#held.delete(name);
    this.#next();
  }

  #states(run: string, held: readonly HostedTask[], isAll: boolean): void {
    const tasks = held.map(({ offered, state }): HeldTask => ({ ...short(offered), state: state as 'waiting' }));
    this.#say({ kind: 'states', run, epoch: 1, isAll, tasks });
  }

  #end({ run, offered }: HostedTask): void {
    this.#say({
      kind: 'ends',
      run,
      epoch: 1,
      tasks: [{ ...short(offered), isHit: false, receipt: new Uint8Array(), small: {}, held: [] }],
    });
  }

  #say(message: States | Ends): void {
    this.#sim.carry(() => this.#sim.delegation.receive(this.did, message));
  }
}

export class Sim {
  readonly clock = new HandClock();
  readonly roster = new Roster();
  readonly delegation: Delegation;
  readonly hosts = new Map<string, SimHost>();
  readonly runs: string[] = [];
  faults: Faults = { lost: 0, doubled: 0, delay: 0 };
  readonly #random: () => number;
  readonly durationOf: (task: number) => number;

  /** `random`: from 0 to 1. */
  constructor(random: () => number, durationOf: (task: number) => number) {
    this.#random = random;
    this.durationOf = durationOf;
    this.delegation = new Delegation({
      members: this.roster,
      clock: this.clock,
      mail: {
        send: (to, message) => {
          this.carry(() => this.hosts.get(to)?.receive(message));
          return true;
        },
        keep: () => Promise.reject(new Error('nothing is too large here')),
      },
    });
  }

  host(did: string, slots: number, room: number): SimHost {
    const host = new SimHost(this, did, slots, room);
    this.hosts.set(did, host);
    this.roster.hear(beatOf(viewOf(did, { slots }), 0, { room }));
    return host;
  }

  carry(deliver: () => void): void {
    const { lost, doubled, delay } = this.faults;
    if (this.#random() < lost) return;
    const times = this.#random() < doubled ? 2 : 1;
    for (let i = 0; i < times; i++) this.clock.after(Math.floor(this.#random() * delay), deliver);
  }

  crew(run: string, tasks: TaskFacts, weight = 1, onChange: () => void = () => {}, local: HomeCrew = NO_HOME): Crew {
    this.runs.push(run);
    const parts: CrewParts = { self: 'did:key:self', local, tasks, blobs: NO_BLOBS, clock: this.clock, onChange };
    return this.delegation.crewOf({ run, epoch: 1, weight })(parts);
  }

  /** So many milliseconds pass, ten at a time. */
  async pass(ms: number, each: () => void = () => {}): Promise<void> {
    for (let passed = 0; passed < ms; passed += 10) {
      each();
      await new Promise(setImmediate);
      this.clock.advance(10);
      await new Promise(setImmediate);
    }
  }
}

/** Drives tasks at a crew as a coordinator would: until each has ended once. */
export class SimRun {
  readonly ended = new Set<number>();
  readonly moved: string[] = [];
  readonly #crew: Crew;
  readonly #queue: number[];
  readonly #attempts = new Map<number, number>();
  /** Ended once and more. */
  ends = 0;
  under = 0;

  constructor(crew: Crew, tasks: number) {
    this.#crew = crew;
    this.#queue = Array.from({ length: tasks }, (_, i) => i);
  }

  dispatch(): void {
    for (let task = this.#queue[0]; task !== undefined; task = this.#queue[0]) {
      const berth = this.#crew.berth(wantedOf(task));
      if (berth === undefined) return;
      this.#queue.shift();
      void this.#submit(task, berth);
    }
    this.#crew.rest();
  }

  async #submit(task: number, berth: NonNullable<ReturnType<Crew['berth']>>): Promise<void> {
    const attempt = (this.#attempts.get(task) ?? 0) + 1;
    this.#attempts.set(task, attempt);
    const work = { id: task, op: 'wasm/run', module: MODULE, input: null, limits: DEFAULT_LIMITS, grants: [], seed: new Uint8Array(32) };
    this.under++;
    const end = await berth.submit({ task, attempt, job: { ...work, small: new Map() } }, new AbortController().signal);
    this.under--;
    if (end.kind === 'receipted') {
      this.ends++;
      this.ended.add(task);
    } else {
      this.moved.push('message' in end ? end.message : end.kind);
      this.#queue.push(task);
    }
  }
}

function short({ task, attempt }: AttemptName): AttemptName {
  return { task, attempt };
}

function nameOf(run: string, { task, attempt }: AttemptName): string {
  return `${run} ${task} ${attempt}`;
}
