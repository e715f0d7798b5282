import { rankOf } from '../../src/agent/mesh/runs/company.ts';
import type { Clock } from '../../src/base/clock.ts';
import type { Fault } from './faults.ts';
import { RunTrack } from './run-track.ts';

/**
 * How long work stands still after a fault.
 *
 * - takeover: a run lost its coordinator. Over when a task ends under whoever drives the run then, or the run has ended. What the lost one told before, and is heard
 *   late, does not count.
 * - placement: a task was with an agent other than the coordinator, and that one is lost. Over when it is told to be given to another, or to have begun or ended again.
 * - stall: a server of the engine is lost. The longest time in which no task of any run ended although there were runs, if it began within so long of the loss.
 *
 * Invariants
 * S1. What is counted of a takeover begins with the last fault that hurt a party to it: who drove the run, who took it, who was first in line to take it, or a server.
 *     `all` counts from the first, and `faults` says how many there were.
 * S2. A figure during which a server was lost or came back, or shortly after, is of its own kind: for it the longer time is allowed.
 * S3. A run that is known to have ended lost nothing.
 */

/** A measured time in ms. */
export interface Figure {
  readonly name: 'takeover' | 'placement' | 'stall';
  /** The run, its task, or the server. */
  readonly of: string;
  readonly after: Fault['kind'];
  readonly ms: number;
  readonly all: number;
  readonly faults: number;
  /** Of a takeover: until somebody had taken the run, from the same time on. */
  readonly taken?: number;
  /** Whether servers were hurt as well. */
  readonly servers: boolean;
  /** Other victims that were not well when it began, or were hurt meanwhile. */
  readonly also: readonly string[];
}

/** How much is expected, in ms; more is told as slow. On a machine that has nothing else to do. */
const EXPECTED = { agents: 5_000, servers: 15_000 } as const;

export interface Summary {
  readonly times: number;
  readonly median: number;
  readonly worst: number;
  /** Of those with more than one fault: the worst from the first on. */
  readonly worstOfAll?: number;
  /** More than expected. */
  readonly slow: number;
}

interface Lost {
  readonly fault: Fault;
  readonly begun: number;
  /** The last fault that hurt a party. */
  since: number;
  faults: number;
  taken: number | undefined;
  isDriven: boolean;
  readonly also: Set<string>;
}

/** How long after the loss of a server a standstill counts as its doing, in ms. */
const WINDOW = 20_000;
/** How long after it came or went a server's doings may slow what agents do, in ms: its cluster elects. */
const AFTERMATH = 5_000;

export interface StandstillOptions {
  readonly clock: Clock;
  readonly onFigure: (figure: Figure) => void;
  readonly agents: () => readonly { readonly name: string; readonly did: string }[];
  /** Names of agents and servers that are not well. */
  readonly unwell: () => readonly string[];
}

export class Standstills {
  readonly figures: Figure[] = [];
  readonly #options: StandstillOptions;
  readonly #runs = new Map<string, RunTrack>();
  readonly #lost = new Map<string, Lost>();
  readonly #misplaced = new Map<
    string,
    { readonly run: string; readonly fault: Fault; readonly since: number; readonly also: readonly string[] }
  >();
  readonly #servers = new Map<
    string,
    { readonly fault: Fault; readonly since: number; readonly also: readonly string[]; quiet: number; worst: number }
  >();
  /** Servers that are not well, and when one came or went last. */
  readonly #unwell = new Set<string>();
  #serverTrouble = Number.NEGATIVE_INFINITY;

  constructor(options: StandstillOptions) {
    this.#options = options;
  }

  /** Runs that go on. */
  get going(): ReadonlyMap<string, RunTrack> {
    return this.#runs;
  }

  /** Told before it happens. */
  hurt(fault: Fault): void {
    const now = this.#now;
    const { victim } = fault;
    const also = this.#options.unwell().filter((name) => name !== victim);
    if (fault.of === 'server') {
      this.#unwell.add(victim);
      this.#serverTrouble = now;
      this.#close(victim);
      this.#servers.set(victim, { fault, also, since: now, quiet: now, worst: 0 });
      for (const open of this.#lost.values()) {
        open.since = now;
        open.faults++;
      }
      return;
    }
    for (const [run, track] of this.#runs) {
      const open = this.#lost.get(run);
      if (track.driver === victim) this.#coordinatorLost(run, fault, also);
      else if (open !== undefined) {
        open.also.add(victim);
        if (open.taken === undefined && this.#firstInLine(run, also) === victim) this.#anew(open);
      } else
        for (const task of track.awayAt(victim)) {
          const key = `${run} ${task}`;
          if (!this.#misplaced.has(key)) this.#misplaced.set(key, { run, fault, since: now, also });
        }
    }
  }

  healed(victim: string): void {
    if (this.#unwell.delete(victim)) this.#serverTrouble = this.#now;
    // A coordinator that was not missed in its freeze goes on, and begins nothing anew.
    for (const [run, open] of this.#lost)
      if (open.fault.kind === 'freeze' && open.taken === undefined && this.#runs.get(run)?.driver === victim) open.isDriven = true;
  }

  begun(run: string, driver: string): void {
    if (this.#runs.size === 0) this.#moved();
    this.#runs.set(run, new RunTrack(driver));
  }

  taken(run: string, by: string): void {
    const track = this.#runs.get(run);
    if (track === undefined) return;
    track.driver = by;
    const open = this.#lost.get(run);
    if (open !== undefined) open.taken = this.#now;
  }

  event(run: string, kind: string, data: string, nameOf: (did: string) => string | undefined): void {
    const track = this.#runs.get(run);
    if (track === undefined) return;
    const {
      task = -1,
      total = 0,
      member,
    } = JSON.parse(data) as { readonly task?: number; readonly total?: number; readonly member?: string };
    switch (kind) {
      case 'planned': {
        track.planned(total);
        const open = this.#lost.get(run);
        if (open !== undefined) open.isDriven = true;
        return;
      }
      case 'started':
        track.started(task, member === undefined ? undefined : nameOf(member));
        return this.#placed(run, task);
      case 'moved':
        track.moved(task);
        return this.#placed(run, task);
      case 'settled':
        track.settled(task);
        this.#moved();
        this.#placed(run, task);
        if (this.#lost.get(run)?.isDriven === true) this.#goesOn(run);
        return;
      case 'ended':
        this.ended(run);
    }
  }

  /** It is known to have ended. */
  ended(run: string): void {
    if (!this.#runs.has(run)) return;
    this.#moved();
    this.#goesOn(run);
    this.#runs.delete(run);
    this.#dropPlacements(run);
  }

  /** Nothing more comes. */
  end(): void {
    for (const name of this.#servers.keys()) this.#close(name);
  }

  /** Of all there are, by what they are, after which fault, and whether servers were hurt too. */
  summary(): Readonly<Record<string, Summary>> {
    const groups = new Map<string, Figure[]>();
    for (const figure of this.figures) {
      const faults = figure.faults > 1 ? ', more faults' : '';
      const name = `${figure.name} after ${figure.after}${faults}${figure.servers && figure.name !== 'stall' ? ', servers hurt' : ''}`;
      groups.set(name, [...(groups.get(name) ?? []), figure]);
    }
    return Object.fromEntries([...groups].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([name, figures]) => [name, summed(figures)]));
  }

  get #now(): number {
    return this.#options.clock.monotonic();
  }

  #coordinatorLost(run: string, fault: Fault, also: readonly string[]): void {
    const open = this.#lost.get(run);
    this.#dropPlacements(run);
    if (open === undefined) {
      const now = this.#now;
      this.#lost.set(run, { fault, begun: now, since: now, faults: 1, taken: undefined, isDriven: false, also: new Set(also) });
      return;
    }
    open.also.add(fault.victim);
    this.#anew(open);
  }

  /** Who takes it over, if these do not. */
  #firstInLine(run: string, unwell: readonly string[]): string | undefined {
    const well = this.#options.agents().filter(({ name }) => !unwell.includes(name));
    const line = well.map(({ did }) => ({ did, incarnation: '', isDraining: false }));
    return well.find((_, i) => rankOf({ self: line[i]!, others: line }, run) === 0)?.name;
  }

  #anew(open: Lost): void {
    open.since = this.#now;
    open.faults++;
    open.taken = undefined;
    open.isDriven = false;
  }

  #goesOn(run: string): void {
    const open = this.#lost.get(run);
    if (open === undefined) return;
    this.#lost.delete(run);
    const { fault, since, begun, faults, taken, also } = open;
    this.#add({
      ...{ name: 'takeover', of: run, after: fault.kind, ms: Math.round(this.#now - since), all: Math.round(this.#now - begun), faults },
      ...(taken === undefined ? {} : { taken: Math.max(0, Math.round(taken - since)) }),
      ...{ servers: this.#hasServerTrouble(begun), also: [...also] },
    });
  }

  #placed(run: string, task: number): void {
    const key = `${run} ${task}`;
    const open = this.#misplaced.get(key);
    if (open === undefined) return;
    this.#misplaced.delete(key);
    const ms = Math.round(this.#now - open.since);
    const servers = this.#hasServerTrouble(open.since);
    this.#add({ name: 'placement', of: key, after: open.fault.kind, ms, all: ms, faults: 1, servers, also: open.also });
  }

  #dropPlacements(run: string): void {
    for (const [key, open] of this.#misplaced) if (open.run === run) this.#misplaced.delete(key);
  }

  #hasServerTrouble(since: number): boolean {
    return this.#unwell.size > 0 || this.#serverTrouble >= since - AFTERMATH;
  }

  #moved(): void {
    const now = this.#now;
    for (const [name, open] of this.#servers) {
      if (this.#runs.size > 0) open.worst = Math.max(open.worst, now - open.quiet);
      open.quiet = now;
      if (now - open.since > WINDOW) this.#close(name);
    }
  }

  #close(name: string): void {
    const open = this.#servers.get(name);
    if (open === undefined) return;
    this.#servers.delete(name);
    const ms = Math.round(open.worst);
    this.#add({ name: 'stall', of: name, after: open.fault.kind, ms, all: ms, faults: 1, servers: true, also: open.also });
  }

  #add(figure: Figure): void {
    this.figures.push(figure);
    this.#options.onFigure(figure);
  }
}

export function isSlow({ ms, servers }: Figure): boolean {
  return ms > (servers ? EXPECTED.servers : EXPECTED.agents);
}

function summed(figures: readonly Figure[]): Summary {
  const all = figures.map(({ ms }) => ms).toSorted((a, b) => a - b);
  const more = figures.some(({ faults }) => faults > 1) ? { worstOfAll: Math.max(...figures.map((figure) => figure.all)) } : {};
  return {
    times: all.length,
    median: all[Math.floor(all.length / 2)] ?? 0,
    worst: all.at(-1) ?? 0,
    ...more,
    slow: figures.filter(isSlow).length,
  };
}
