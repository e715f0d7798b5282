import type { AttemptName, EndedTask, HeldState, HeldTask, States } from '../../protocol/mesh/work.ts';
import type { TaskKind } from '../task-kind.ts';
import type { MemberTable } from './member-table.ts';
import type { Load, Seat, Stand } from './seat.ts';

/**
 * What one run has placed at members, and what becomes of it. Pure but for the table, whose seats it keeps true: the same calls with the same times give the same.
 *
 *     offered ─▶ waiting | fetching | running ─▶ ended
 *        └──────────────┴─────────┴──────────▶ away
 *
 * Invariants
 * P1. What is placed ends exactly once: by its end, by `away` (to be placed elsewhere), or by `abandon`. Then all it took of its seat is given back.
 * P2. There is a timer out of every state: an offer nobody heard of is made once more, then taken back; what is missing in two full lists of states is not held (in one:
 *     its end may be on the way, or the list be late);
 *     a member from which no states come, and a task that is beyond its time, are given up; a fetch has its time as well. Saying another state does not turn these back.
 * P3. An attempt number is never placed twice, so that what is late or comes twice says nothing of another attempt.
 * P4. Where anything may still go on elsewhere of what is given up here, it is withdrawn. A withdrawal that is lost is said again when states of it come.
 */

/** Milliseconds. An offer that was not heard of is made anew, then taken back. */
const UNHEARD = 1_000;
/** Members tell the state of what they hold every second. */
const SILENT = 3_000;
/** Time between the two lists a task must be missing in. */
const MISSED = 500;
/** What a task may take beyond its limit before it counts as stuck. */
const SLACK = 10_000;
const FETCH = 120_000;
/** How long a task may wait somewhere while there is a free place for it elsewhere. */
const PATIENCE = 1_000;
/**
 * Fetching and running may be left and begun anew: another's run that was waited for gave nothing, a blob went. All such times of a task are together at most so many times what one may
 * take; else a member could keep it for ever by saying now this and now that.
 */
const TURNS = 3;
/** Tasks that are placed anew for that, at a time. */
const MOST_MOVED = 16;

type PlacedState =
  | { readonly tag: 'offered'; readonly since: number; readonly again: boolean }
  | { readonly tag: 'waiting' | 'fetching' | 'running'; readonly since: number };

export interface Placed extends AttemptName {
  readonly seat: Seat;
  readonly kind: TaskKind;
  readonly load: Load;
  /** How many may be in line for its slot before it. */
  readonly depth: number;
  /** Milliseconds it may run. */
  readonly time: number;
  isLined: boolean;
  state: PlacedState;
  /** Ms in earlier times of these. */
  readonly spent: Record<'fetching' | 'running', number>;
  /** When it was first missing in a full list, if it was not heard of since. */
  missed: number | undefined;
}

export type Order = Pick<Placed, 'task' | 'attempt' | 'seat' | 'kind' | 'load' | 'depth' | 'time' | 'isLined'>;

/** Why it is to be placed elsewhere. */
export type AwayBecause = 'unheard' | 'gone' | 'silent' | 'unheld' | 'stuck' | 'slow' | 'overload' | 'refused' | 'unfetched' | 'idle';

export type Effect =
  | { readonly kind: 'offer'; readonly placed: Placed }
  | { readonly kind: 'withdraw'; readonly did: string; readonly name: AttemptName }
  | { readonly kind: 'received'; readonly did: string; readonly name: AttemptName }
  | { readonly kind: 'away'; readonly placed: Placed; readonly because: AwayBecause; readonly hasBegun: boolean; readonly message: string }
  | { readonly kind: 'ended'; readonly placed: Placed; readonly end: EndedTask };

/** One member of the run. */
interface Post {
  readonly tasks: Map<number, Placed>;
  /** When states came, or the first was offered. */
  heard: number;
}

export interface Drive {
  readonly table: MemberTable;
  readonly tasks: Map<number, Placed>;
  readonly posts: Map<string, Post>;
}

export function driveOf(table: MemberTable): Drive {
  return { table, tasks: new Map(), posts: new Map() };
}

/** Its load must have been taken of the seat, as in flight. */
export function place(drive: Drive, order: Order, now: number): Effect[] {
  const placed: Placed = {
    ...order,
    state: { tag: 'offered', since: now, again: false },
    spent: { fetching: 0, running: 0 },
    missed: undefined,
  };
  drive.tasks.set(placed.task, placed);
  let post = drive.posts.get(placed.seat.did);
  if (post === undefined) drive.posts.set(placed.seat.did, (post = { tasks: new Map(), heard: now }));
  post.tasks.set(placed.task, placed);
  return [{ kind: 'offer', placed }];
}

export function heardStates(drive: Drive, from: string, { isAll, tasks }: Pick<States, 'isAll' | 'tasks'>, now: number): Effect[] {
  const effects: Effect[] = [];
  const post = drive.posts.get(from);
  if (post !== undefined) post.heard = now;
  for (const held of tasks) {
    const placed = find(drive, from, held);
    if (placed !== undefined) become(drive, placed, held, now, effects);
    else if (isHolding(held.state)) effects.push({ kind: 'withdraw', did: from, name: nameOf(held) });
  }
  if (!isAll || post === undefined) return effects;
  const held = new Set(tasks.map(({ task }) => task));
  for (const placed of post.tasks.values()) {
    // An offer may be on its way still.
    if (held.has(placed.task) || placed.state.tag === 'offered') continue;
    placed.missed ??= now;
    if (now - placed.missed >= MISSED) leave(drive, placed, 'unheld', `${from} does not hold it any more`, effects);
  }
  return effects;
}

function isHolding(state: HeldState): boolean {
  return state === 'waiting' || state === 'fetching' || state === 'running';
}

function become(drive: Drive, placed: Placed, { state, message }: HeldTask, now: number, effects: Effect[]): void {
  const { did } = placed.seat;
  placed.missed = undefined;
  if (state === 'overload') {
    // What was taken in is not overload: then that is late, of an offer that came twice. Of what is fetched it may be seen then only how large it is.
    if (placed.state.tag === 'offered' || placed.state.tag === 'fetching') leave(drive, placed, 'overload', `${did} has no room`, effects);
    return;
  }
  if (state === 'refused' || state === 'unfetched') return leave(drive, placed, state, `${did}: ${message ?? 'it says no more'}`, effects);
  if (placed.state.tag === state) return;
  const before = standOf(placed);
  const left = placed.state;
  if (left.tag === 'fetching' || left.tag === 'running') placed.spent[left.tag] += now - left.since;
  placed.state = { tag: state, since: now };
  if (state === 'running') placed.isLined = false;
  drive.table.restand(placed.seat, placed.load, before, standOf(placed));
}

export function heardEnd(drive: Drive, from: string, end: EndedTask, now: number): Effect[] {
  const effects: Effect[] = [{ kind: 'received', did: from, name: nameOf(end) }];
  const placed = find(drive, from, end);
  if (placed === undefined) return effects;
  drive.posts.get(from)!.heard = now;
  remove(drive, placed);
  drive.table.answered(placed.seat);
  effects.push({ kind: 'ended', placed, end });
  return effects;
}

export function memberGone(drive: Drive, did: string): Effect[] {
  const effects: Effect[] = [];
  for (const placed of drive.posts.get(did)?.tasks.values() ?? []) leave(drive, placed, 'gone', `${did} is gone`, effects);
  return effects;
}

/** It is not wanted any more. */
export function abandon(drive: Drive, { task, attempt }: AttemptName): Effect[] {
  const placed = drive.tasks.get(task);
  if (placed?.attempt !== attempt) return [];
  remove(drive, placed);
  return [{ kind: 'withdraw', did: placed.seat.did, name: nameOf(placed) }];
}

/** To be called several times a second as long as anything is placed. `isFree`: whether there is a place for such a task, not at that seat. */
export function tick(drive: Drive, now: number, isFree: (placed: Placed) => boolean): Effect[] {
  const effects: Effect[] = [];
  let moved = 0;
  for (const [did, post] of drive.posts) {
    const isSilent = now - post.heard >= SILENT;
    for (const placed of post.tasks.values()) {
      const { state } = placed;
      const since = now - state.since;
      switch (state.tag) {
        case 'offered':
          if (since < UNHEARD) break;
          if (state.again) leave(drive, placed, 'unheard', `${did} does not answer`, effects);
          else {
            placed.state = { tag: 'offered', since: now, again: true };
            effects.push({ kind: 'offer', placed });
          }
          break;
        case 'waiting':
          if (isSilent) leave(drive, placed, 'silent', `${did} says nothing of its tasks`, effects);
          else if (since >= PATIENCE && moved < MOST_MOVED && isFree(placed)) {
            moved++;
            leave(drive, placed, 'idle', `${did} lets it wait, and others are free`, effects);
          }
          break;
        case 'fetching':
          if (isSilent) leave(drive, placed, 'silent', `${did} says nothing of its tasks`, effects);
          else if (isBeyond(placed.spent.fetching, since, FETCH))
            leave(drive, placed, 'slow', `${did} has not fetched what it needs within ${FETCH} ms`, effects);
          break;
        case 'running':
          if (isSilent) leave(drive, placed, 'silent', `${did} says nothing of its tasks`, effects);
          else if (isBeyond(placed.spent.running, since, placed.time * placed.depth + SLACK))
            leave(drive, placed, 'stuck', `${did} has it for longer than its limit of ${placed.time} ms`, effects);
      }
    }
  }
  return effects;
}

/** `spent`: before the time that goes on since `since` ms. */
function isBeyond(spent: number, since: number, limit: number): boolean {
  return since >= limit || spent + since >= TURNS * limit;
}

function leave(drive: Drive, placed: Placed, because: AwayBecause, message: string, effects: Effect[]): void {
  const isDenied = because === 'overload' || because === 'refused' || because === 'unfetched';
  const hasBegun = placed.state.tag === 'running' && !isDenied;
  remove(drive, placed);
  if (!isDenied) effects.push({ kind: 'withdraw', did: placed.seat.did, name: nameOf(placed) });
  effects.push({ kind: 'away', placed, because, hasBegun, message });
}

function remove(drive: Drive, placed: Placed): void {
  const { did } = placed.seat;
  drive.tasks.delete(placed.task);
  const post = drive.posts.get(did);
  post?.tasks.delete(placed.task);
  if (post?.tasks.size === 0) drive.posts.delete(did);
  drive.table.give(placed.seat, placed.load, standOf(placed));
}

function standOf({ state, isLined }: Placed): Stand {
  return { isKnown: state.tag !== 'offered', isRunning: state.tag === 'running' || state.tag === 'fetching', isLined };
}

/** In flight, as what was just chosen is. */
export function inFlight(isLined: boolean): Stand {
  return { isKnown: false, isRunning: false, isLined };
}

function find(drive: Drive, from: string, { task, attempt }: AttemptName): Placed | undefined {
  const placed = drive.tasks.get(task);
  return placed?.attempt === attempt && placed.seat.did === from ? placed : undefined;
}

function nameOf({ task, attempt }: AttemptName): AttemptName {
  return { task, attempt };
}
