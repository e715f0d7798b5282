import { DocketError } from '../../src/errors.ts';
import type { Delivery, Party } from '../../src/mesh/local/delivery.ts';
import type { Link } from '../../src/mesh/mesh.ts';
import type { Random } from './random.ts';
import type { Owner, Timeline } from './timeline.ts';

/** What goes wrong, and how often. Times in ms, chances from 0 to 1. */
export interface Faults {
  /** Every way takes a time between these, so what is sent later may come earlier. */
  readonly delay: readonly [least: number, most: number];
  /** The chance that a way takes up to `longest` instead. */
  readonly straggle: number;
  readonly longest: number;
  /** That a message, beat, question or answer is lost, or comes twice. */
  readonly drop: number;
  readonly twice: number;
  /** That a call of the engine does not get there, or what it gave does not come back. */
  readonly lost: number;
  /** Until a member that is cut off knows it, and until one that was and is healed is linked again. */
  readonly notice: number;
  /** After which a call that nothing came back of throws. */
  readonly patience: number;
}

export const CALM: Faults = { delay: [0.25, 2], straggle: 0, longest: 1_000, drop: 0, twice: 0, lost: 0, notice: 1_000, patience: 5_000 };
export const ROUGH: Faults = { ...CALM, delay: [0.25, 40], straggle: 0.02, longest: 4_000, drop: 0.03, twice: 0.03, lost: 0.03 };

/** Where a member is: with the engine, cut off alone, or among those of a number that hear each other. */
type Side = 'engine' | 'alone' | number;

interface Port {
  readonly owner: Owner;
  side: Side;
  /** Counts cuts and heals: what was begun for an earlier one is over. */
  turn: number;
  link: Link;
  readonly party: Party;
  readonly onLink: (link: Link) => void;
  /** Readers that wait for the engine to be heard. */
  readonly waiting: (() => void)[];
}

/**
 * A delivery that is late, loses, doubles and cuts off, all by seeded chance on one timeline.
 *
 * F1. What is on its way between two that are parted when it was sent or when it arrives is lost.
 * F2. A call is done whole or not at all; whoever gets no reply cannot know.
 * F3. Wake-ups are late, but never lost: they wait until the engine is heard.
 */
export class FaultyDelivery implements Delivery {
  faults: Faults;
  readonly #timeline: Timeline;
  readonly #random: Random;
  readonly #ports = new Map<Party, Port>();
  readonly #newOwner: () => Owner;

  constructor(timeline: Timeline, random: Random, faults: Faults, newOwner: () => Owner) {
    this.#timeline = timeline;
    this.#random = random;
    this.faults = faults;
    this.#newOwner = newOwner;
  }

  join(party: Party, onLink: (link: Link) => void): Link {
    const link: Link = { tag: 'up', since: party.clock.monotonic() };
    this.#ports.set(party, { owner: this.#newOwner(), side: 'engine', turn: 0, link, party, onLink, waiting: [] });
    return link;
  }

  post(from: Party, to: Party, arrive: () => void): void {
    const [one, other] = [this.#port(from), this.#port(to)];
    if (one.owner.life === 'dead' || !areTogether(one, other) || this.#random.chance(this.faults.drop)) return;
    const bring = (): void => {
      if (areTogether(one, other) && !to.isGone) arrive();
    };
    this.#timeline.plan(this.#delay(), other.owner, bring);
    if (this.#random.chance(this.faults.twice)) this.#timeline.plan(this.#delay(), other.owner, bring);
  }

  call<Result>(from: Party, work: () => Result): Promise<Result> {
    const port = this.#port(from);
    const { promise, resolve, reject } = Promise.withResolvers<Result>();
    const giveUp = this.#timeline.plan(this.faults.patience, port.owner, () =>
      reject(new DocketError('MESH_UNREACHABLE', `the engine did not answer ${from.did} in ${this.faults.patience} ms`)),
    );
    this.#toEngine(port, () => {
      let answer: () => void;
      try {
        const result = work();
        answer = () => resolve(result);
      } catch (error) {
        answer = () => reject(error);
      }
      this.#fromEngine(port, () => {
        giveUp();
        answer();
      });
    });
    return promise;
  }

  wake(to: Party, arrive: () => void): void {
    const port = this.#port(to);
    this.#timeline.plan(this.#delay(), port.owner, () => {
      if (to.isGone) return;
      if (port.side === 'engine') arrive();
      else port.waiting.push(arrive);
    });
  }

  owner(party: Party): Owner {
    return this.#port(party).owner;
  }

  /** Takes the engine away from a member, which notices after a while. */
  part(party: Party, side: Exclude<Side, 'engine'>): void {
    const port = this.#port(party);
    port.side = side;
    this.#inTurn(port, () => {
      if (port.link.tag === 'up') this.#tell(port, { tag: 'down', since: party.clock.monotonic(), error: new Error('cut off') });
    });
  }

  /** Gives it back: at once to who has not noticed yet, else when it is linked again. */
  heal(party: Party): void {
    const port = this.#port(party);
    if (port.side === 'engine') return;
    const back = (): void => {
      port.side = 'engine';
      if (port.link.tag === 'down') this.#tell(port, { tag: 'up', since: party.clock.monotonic() });
      for (const arrive of port.waiting.splice(0)) this.wake(party, arrive);
    };
    if (port.link.tag === 'down') this.#inTurn(port, back);
    else {
      port.turn++;
      back();
    }
  }

  #inTurn(port: Port, happen: () => void): void {
    const turn = ++port.turn;
    this.#timeline.plan(this.faults.notice, port.owner, () => {
      if (port.turn === turn) happen();
    });
  }

  #tell(port: Port, link: Link): void {
    port.link = link;
    port.onLink(link);
  }

  #toEngine(port: Port, happen: () => void): void {
    if (port.owner.life === 'dead' || port.side !== 'engine' || this.#random.chance(this.faults.lost)) return;
    // It is the engine's, so it happens even if the member dies meanwhile.
    this.#timeline.plan(this.#delay(), undefined, () => {
      if (port.side === 'engine') happen();
    });
  }

  #fromEngine(port: Port, happen: () => void): void {
    if (this.#random.chance(this.faults.lost)) return;
    this.#timeline.plan(this.#delay(), port.owner, () => {
      if (port.side === 'engine') happen();
    });
  }

  #delay(): number {
    const { delay, straggle, longest } = this.faults;
    return this.#random.between(delay[0], this.#random.chance(straggle) ? longest : delay[1]);
  }

  #port(party: Party): Port {
    const port = this.#ports.get(party);
    if (port === undefined) throw new Error(`${party.did} has not joined`);
    return port;
  }
}

/** Whether a word of one can reach the other. */
function areTogether(one: Port, other: Port): boolean {
  return one.side === other.side && one.side !== 'alone';
}
