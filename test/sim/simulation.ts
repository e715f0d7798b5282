import assert from 'node:assert/strict';
import type { Clock } from '../../src/base/clock.ts';
import { LocalMesh, type LocalMember, type LocalOptions } from '../../src/mesh/local/local-mesh.ts';
import type { Mesh } from '../../src/mesh/mesh.ts';
import { CALM, type Faults, FaultyDelivery } from './faulty-delivery.ts';
import { Random } from './random.ts';
import { type Owner, Timeline } from './timeline.ts';

/** By how much clocks of members differ at most, in ms. */
const SKEW = 600_000;
const EPOCH = Date.UTC(2026, 0, 1);

export interface SimOptions extends Omit<LocalOptions, 'clock' | 'delivery'> {
  /** Default 1. */
  readonly seed?: number;
  /** Default `CALM`. */
  readonly faults?: Partial<Faults>;
}

/** One start of a member. What it is made of gets its mesh and its clock, and nothing else that passes time. */
export interface SimMember {
  readonly did: string;
  readonly mesh: Mesh;
  /** Off by minutes from those of others; stops for ever when the member is killed. */
  readonly clock: Clock;
  /** As SIGKILL: no line of it is run any more, and the engine knows at once. Start the same DID again to have it come back. */
  kill(): void;
  /** As SIGSTOP: what happens to it waits until it thaws. */
  freeze(): void;
  thaw(): void;
  /** Takes the engine away, and all others with it. */
  cut(): void;
  heal(): void;
}

/**
 * A mesh of members on simulated time, for tests of whole clusters: `start` members, build what is to be tested on their `mesh` and `clock`, then let time pass with `run`,
 * `until` or `settle`. The same seed gives the same history if what is built there uses no other clock, no other chance and no real input or output.
 */
export class Simulation {
  readonly timeline = new Timeline();
  /** For choices of the test; they do not change those of the delivery. */
  readonly random: Random;
  readonly #seed: number;
  readonly #delivery: FaultyDelivery;
  readonly #mesh: LocalMesh;
  readonly #members = new Map<SimMember, LocalMember>();
  #owners = 0;
  #sides = 0;

  constructor({ seed = 1, faults, ...options }: SimOptions = {}) {
    this.#seed = seed;
    this.random = new Random(seed ^ 0x5bd1e995);
    const newOwner = (): Owner => ({ id: this.#owners++, life: 'awake', held: [] });
    this.#delivery = new FaultyDelivery(this.timeline, new Random(seed), { ...CALM, ...faults }, newOwner);
    this.#mesh = new LocalMesh({ ...options, delivery: this.#delivery });
  }

  /** From now on. */
  setFaults(faults: Partial<Faults>): void {
    this.#delivery.faults = { ...this.#delivery.faults, ...faults };
  }

  /** The engine loses all records. */
  loseRecords(): void {
    this.#mesh.loseRecords();
  }

  start(did: string): SimMember {
    const skew = Math.round(this.random.between(-SKEW, SKEW));
    const start = Math.round(this.random.between(0, SKEW));
    const clock: Clock = {
      now: () => EPOCH + skew + Math.floor(this.timeline.moment),
      monotonic: () => start + this.timeline.moment,
      after: (ms, callback) => this.timeline.plan(ms, owner, callback),
    };
    const mesh = this.#mesh.join(did, clock);
    const { party } = mesh;
    const owner = this.#delivery.owner(party);
    const member: SimMember = {
      did,
      mesh,
      clock,
      kill: () => {
        owner.life = 'dead';
        mesh.vanish();
        this.#members.delete(member);
      },
      freeze: () => {
        if (owner.life === 'awake') owner.life = 'frozen';
      },
      thaw: () => {
        if (owner.life === 'frozen') this.timeline.thaw(owner);
      },
      cut: () => this.#delivery.part(party, 'alone'),
      heal: () => this.#delivery.heal(party),
    };
    this.#members.set(member, mesh);
    return member;
  }

  /** Parts the mesh: these are on the side without the engine, where they hear each other. All others are healed. */
  partition(minority: readonly SimMember[]): void {
    const side = ++this.#sides;
    for (const [member, { party }] of this.#members) {
      if (minority.includes(member)) this.#delivery.part(party, side);
      else this.#delivery.heal(party);
    }
  }

  healAll(): void {
    this.partition([]);
  }

  /** Lets so many milliseconds pass. */
  async run(ms: number): Promise<void> {
    const end = this.timeline.moment + ms;
    // What was called before time passes has to get under way first.
    await new Promise<void>((resolve) => setImmediate(resolve));
    while (await this.timeline.step(end));
  }

  /** Lets time pass until something is so; fails if it is not within so many milliseconds, default ten minutes. */
  async until(isSo: () => boolean, what: string, ms = 600_000): Promise<void> {
    const end = this.timeline.moment + ms;
    await new Promise<void>((resolve) => setImmediate(resolve));
    while (!isSo())
      assert.ok(await this.timeline.step(end), `seed ${this.#seed}: ${what} did not come about in ${ms} ms of simulated time`);
  }

  /** Lets time pass until a promise settles, and gives what it came to. */
  async settle<Result>(promise: Promise<Result>, what = 'a promise', ms?: number): Promise<Result> {
    let isSettled = false;
    const note = (): void => {
      isSettled = true;
    };
    promise.then(note, note);
    await this.until(() => isSettled, what, ms);
    return await promise;
  }
}
