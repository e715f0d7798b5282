import { branchTable, catchLabels, indexAt } from './body.ts';
import * as Code from './code.ts';
import { costOf } from './cost.ts';

/**
 * Where a function body pays for what it executes.
 *
 * A **site** is a place that charges an amount whenever it is passed; each instruction that can be reached belongs to one. Invariants:
 * 1. On every path that leaves the function other than by a trap, the sites passed charge what the instructions executed cost, no more and no less.
 * 2. A site is passed before any of the instructions it charges for.
 * 3. Every loop passes a site that charges something each time round, since what goes back is an instruction too.
 *
 * Naively a site stands at each place where control may come from elsewhere, or may have gone elsewhere. Three things make them fewer, and keep invariant 1:
 * - What follows a block that control only leaves by its end is executed as often as what comes before it: one site for both.
 * - Of an `if` with `else` the cheaper arm is paid ahead of the `if`, the other arm pays the rest.
 * - A loop entered again by plain `br` only need not charge at its head: whoever enters it, or goes back, pays for the head as well.
 */

export interface Site {
  /** In the module's bytes. */
  readonly at: number;
  cost: number;
}

/** A block, as the places where it begins and ends see it. */
export interface Scope {
  readonly isLoop: boolean;
  /** Whether it holds a call, after which others may have been charged. Known once its end was read. */
  calls: boolean;
}

export interface Listener {
  /** At the place where it stands; its cost is known in the end. */
  readonly onSite: (site: Site) => void;
  /** Told ahead of the instruction that begins it. */
  readonly onEnter: (scope: Scope, at: number) => void;
  /** Another way into the innermost scope: `else`, or a handler. */
  readonly onAgain: (isHandler: boolean, at: number) => void;
  readonly onLeave: (at: number) => void;
}

interface Frame {
  readonly scope: Scope;
  /** Whether it can be reached. */
  readonly isLive: boolean;
  /** What was charging when it was entered. */
  readonly outer: Site;
  /** The outermost frame, by index, to which a branch in this one goes; itself or larger: control leaves it by its end only. */
  leavesTo: number;
  /** First site of the body of a loop, or of the first arm of an `if`. */
  head: Site | undefined;
  /** First site behind `else`. */
  other: Site | undefined;
  /** Sites that end by going back to the start of this loop. */
  readonly backs: Site[];
  /** Some branch may go back to the start of this loop or may not. */
  isMaybeAgain: boolean;
}

/** Follows the instructions of one body. The listener is told of what can be reached, in order. */
export class Charges {
  readonly #bytes: Uint8Array;
  readonly #listener: Listener;
  /** Calls may throw, and the exception be caught: what comes after a call is charged after it. */
  readonly #callsThrow: boolean;
  readonly #frames: Frame[] = [];
  #site: Site;
  #isLive = true;

  constructor(bytes: Uint8Array, start: number, { callsThrow, listener }: { readonly callsThrow: boolean; readonly listener: Listener }) {
    this.#bytes = bytes;
    this.#listener = listener;
    this.#callsThrow = callsThrow;
    this.#site = { at: start, cost: 0 };
    listener.onSite(this.#site);
    this.#enter(false, start);
  }

  /** Whether the instruction that comes next can be reached, as far as the form of the code tells. */
  get isLive(): boolean {
    return this.#isLive;
  }

  instruction(code: number, offset: number, next: number): void {
    if (this.#isLive) this.#site.cost += costOf(code);
    switch (code) {
      case Code.BLOCK:
      case Code.TRY:
        this.#enter(false, offset);
        break;
      case Code.LOOP:
        this.#enter(true, offset).head = this.#open(next);
        break;
      case Code.IF:
        this.#enter(false, offset).head = this.#open(next);
        break;
      case Code.TRY_TABLE:
        for (const label of catchLabels(this.#bytes, offset, next)) this.#branch(label, 'maybe');
        this.#enter(false, offset);
        break;
      case Code.ELSE:
        this.#top.other = this.#again(next, false);
        break;
      case Code.CATCH:
      case Code.CATCH_ALL:
        this.#again(next, true);
        break;
      case Code.END:
      case Code.DELEGATE:
        this.#leave(next);
        break;
      case Code.BR:
        this.#branch(indexAt(this.#bytes, offset, next), 'surely');
        this.#isLive = false;
        break;
      case Code.BR_IF:
        this.#branch(indexAt(this.#bytes, offset, next), 'maybe');
        this.#open(next);
        break;
      case Code.BR_TABLE:
        for (const label of branchTable(this.#bytes, offset, next)) this.#branch(label, 'maybe');
        this.#isLive = false;
        break;
      case Code.RETURN:
      case Code.RETURN_CALL:
      case Code.RETURN_CALL_INDIRECT:
      case Code.THROW:
      case Code.RETHROW:
      case Code.THROW_REF:
        this.#leaveFunction();
        this.#isLive = false;
        break;
      case Code.UNREACHABLE:
        this.#isLive = false;
        break;
      case Code.CALL:
      case Code.CALL_INDIRECT:
        if (this.#isLive) this.#top.scope.calls = true;
        if (!this.#callsThrow) break;
        this.#leaveFunction();
        this.#open(next);
        break;
    }
  }

  get #top(): Frame {
    return this.#frames.at(-1)!;
  }

  #enter(isLoop: boolean, at: number): Frame {
    const frame: Frame = {
      scope: { isLoop, calls: false },
      isLive: this.#isLive,
      outer: this.#site,
      leavesTo: Infinity,
      head: undefined,
      other: undefined,
      backs: [],
      isMaybeAgain: false,
    };
    this.#frames.push(frame);
    if (this.#isLive) this.#listener.onEnter(frame.scope, at);
    return frame;
  }

  /** What comes next is charged by a site of its own. */
  #open(at: number): Site | undefined {
    if (!this.#isLive) return undefined;
    this.#site = { at, cost: 0 };
    this.#listener.onSite(this.#site);
    return this.#site;
  }

  /** Another part of the same frame begins: it is reached from its start, or from anywhere inside. */
  #again(at: number, isHandler: boolean): Site | undefined {
    this.#isLive = this.#top.isLive;
    if (this.#isLive) this.#listener.onAgain(isHandler, at);
    return this.#open(at);
  }

  #branch(label: number, kind: 'surely' | 'maybe'): void {
    if (!this.#isLive) return;
    const target = this.#frames.length - 1 - label;
    this.#top.leavesTo = Math.min(this.#top.leavesTo, target);
    const frame = this.#frames[target];
    if (frame?.scope.isLoop !== true) return;
    if (kind === 'surely') frame.backs.push(this.#site);
    else frame.isMaybeAgain = true;
  }

  #leaveFunction(): void {
    if (this.#isLive) this.#top.leavesTo = 0;
  }

  #leave(next: number): void {
    const index = this.#frames.length - 1;
    const frame = this.#frames.pop()!;
    const around = this.#frames.at(-1);
    if (around === undefined || !frame.isLive) return;
    around.leavesTo = Math.min(around.leavesTo, frame.leavesTo);
    around.scope.calls ||= frame.scope.calls;
    if (frame.scope.isLoop) payOnEntry(frame);
    else if (frame.head !== undefined && frame.other !== undefined) payCheaperArm(frame.outer, frame.head, frame.other);
    this.#isLive = true;
    this.#listener.onLeave(next);
    if (frame.leavesTo < index) this.#open(next);
    else this.#site = frame.outer;
  }
}

function payCheaperArm(outer: Site, arm: Site, other: Site): void {
  const least = Math.min(arm.cost, other.cost);
  outer.cost += least;
  arm.cost -= least;
  other.cost -= least;
}

/** A body that goes back without passing another site would be left with none. */
function payOnEntry({ outer, head, backs, isMaybeAgain }: Frame): void {
  if (head === undefined || isMaybeAgain || backs.includes(head)) return;
  for (const site of [outer, ...backs]) site.cost += head.cost;
  head.cost = 0;
}
