import { backoff } from '../../../base/backoff.ts';
import type { Clock } from '../../../base/clock.ts';
import type { Holder, RunRecord } from '../../../protocol/mesh/run-record.ts';
import type { Company, Present } from './company.ts';
import { Ranks } from './ranks.ts';
import type { KnownRun } from './run-table.ts';
import type { Why } from './take.ts';

/**
 * Looks for runs that nobody drives, and has them taken one after the other.
 *
 * Invariants
 * O1. A member is judged gone only by who would hear it.
 * O2. Of those present each has a rank for each run and waits by it, so that one tries and not all; whoever was quicker shows in the table before the next one's time.
 * O3. Who is draining takes nothing. Who could not go on with a run waits longer than the others before it tries again, the longer the more often, whatever it was.
 *     A run that waits for a member which alone may have what it needs is taken by nobody else as long as that is away, up to a day.
 * O4. So many are taken at a time, however many a lost member leaves.
 * O5. A look costs the number of runs and that of members, not their product (`Ranks`).
 */

export interface TakeoversOptions {
  readonly clock: Clock;
  readonly company: Company;
  readonly known: () => Iterable<KnownRun>;
  /** Whether it is driven here, or about to be. */
  readonly isHere: (run: string) => boolean;
  /** False if this member could not go on with it. Never throws. */
  readonly take: (known: KnownRun, why: Why) => Promise<boolean>;
}

const TICK = 100;
/** Time between two ranks, in ms. */
const RANK = 100;
/** A member that comes back takes up its runs itself, if it does within so long, in ms. */
const RETURN = 5_000;
const FIRST_WAIT = 1_000;
/** Between two tries of one member, in ms: what kept it may be over for all at once. */
const MOST_WAIT = 30_000;
const AT_ONCE = 8;
/** How long a run waits for the member that alone may have what it needs, in ms, as each member counts. */
const MOST_AWAITED = 24 * 60 * 60_000;

interface Notice {
  /** Who was missed, and the how manyth try it is. */
  readonly of: string;
  readonly since: number;
}

/** Whether somebody drives it. `own`: an earlier incarnation of this member. */
export type Judgment = 'driven' | 'unknown' | 'released' | 'gone' | 'returned' | 'own';

/** Whether a run that nobody drives waits for another member, which alone may have what it needs. */
type Awaited = 'no' | 'away' | 'back';

function awaitedOf({ coordinator, awaits }: RunRecord, self: Present, present: ReadonlyMap<string, Present>): Awaited {
  if (coordinator !== null || awaits === undefined || awaits === self.did) return 'no';
  return present.has(awaits) ? 'back' : 'away';
}

export function judgeCoordinator({ coordinator }: Pick<RunRecord, 'coordinator'>, company: Company): Judgment {
  return judge(coordinator, company, (did) => company.others().find((member) => member.did === did));
}

function judge(coordinator: Holder | null, company: Omit<Company, 'others'>, find: (did: string) => Present | undefined): Judgment {
  if (coordinator === null) return 'released';
  const { did, incarnation } = coordinator;
  if (did === company.self.did) return incarnation === company.self.incarnation ? 'gone' : 'own';
  const present = find(did);
  if (present !== undefined) return present.incarnation === incarnation ? 'driven' : 'returned';
  return company.isJudging ? 'gone' : 'unknown';
}

export class Takeovers implements AsyncDisposable {
  readonly #options: TakeoversOptions;
  readonly #noticed = new Map<string, Notice>();
  readonly #ranks = new Ranks();
  /** When this member may try them again, in monotonic ms, and how often in a row it could not. */
  readonly #unable = new Map<string, { readonly until: number; readonly times: number }>();
  readonly #taking = new Map<string, Promise<void>>();
  #stopTick: () => void = () => {};
  #isStopped = false;

  constructor(options: TakeoversOptions) {
    this.#options = options;
    this.#tick();
  }

  #tick(): void {
    this.#stopTick = this.#options.clock.after(TICK, () => this.#tick());
    this.#look();
  }

  #look(): void {
    const { known, isHere, company, clock } = this.#options;
    const now = clock.monotonic();
    const missed = new Set<string>();
    // Looked up once: there may be thousands of either.
    const { self, isJudging } = company;
    const others = company.others();
    const present = new Map(others.map((member) => [member.did, member]));
    this.#ranks.look(self, others);
    for (const run of known()) {
      const { record } = run;
      if (record.state !== 'running' || this.#taking.has(record.run) || isHere(record.run)) continue;
      if (isDriven(record.coordinator, present)) continue;
      const judgment = judge(record.coordinator, { self, isJudging }, (did) => present.get(did));
      if (judgment === 'driven' || judgment === 'unknown') continue;
      missed.add(record.run);
      if (self.isDraining || this.#taking.size >= AT_ONCE) continue;
      const awaited = awaitedOf(record, self, present);
      if (!this.#isDue(record, judgment, awaited, now)) continue;
      this.#begin(run, judgment !== 'released' ? 'died' : awaited === 'away' ? 'overdue' : 'released');
    }
    for (const run of this.#noticed.keys()) if (!missed.has(run)) this.#unnotice(run);
    for (const [run, { until }] of this.#unable) if (until < now - 60_000) this.#unable.delete(run);
  }

  #unnotice(run: string): void {
    this.#noticed.delete(run);
    this.#ranks.forget(run);
  }

  #isDue({ run, coordinator, tries }: RunRecord, judgment: Judgment, awaited: Awaited, now: number): boolean {
    const of = `${coordinator?.did} ${coordinator?.incarnation} ${tries} ${awaited}`;
    let notice = this.#noticed.get(run);
    if (notice?.of !== of) this.#noticed.set(run, (notice = { of, since: now }));
    const hasReturned = judgment === 'returned' || judgment === 'own' || awaited === 'back';
    const patience = awaited === 'away' ? MOST_AWAITED : hasReturned ? RETURN : 0;
    const rest = tries === 0 ? 0 : backoff(FIRST_WAIT, tries);
    const first = notice.since + patience + rest;
    if (Math.max(first, this.#unable.get(run)?.until ?? 0) > now) return false;
    const rank = this.#ranks.of(run);
    return rank !== undefined && first + rank * RANK <= now;
  }

  #begin(known: KnownRun, why: Why): void {
    const { run, tries } = known.record;
    this.#unnotice(run);
    const taken = this.#options.take(known, why).then((isDone) => {
      this.#taking.delete(run);
      if (isDone) return void this.#unable.delete(run);
      const times = (this.#unable.get(run)?.times ?? 0) + 1;
      const rest = Math.min(2 * backoff(FIRST_WAIT, Math.max(tries + 1, times)), MOST_WAIT);
      this.#unable.set(run, { until: this.#options.clock.monotonic() + rest, times });
    });
    this.#taking.set(run, taken);
  }

  /** Takes no more, and waits for those on the way. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#stopTick();
    await Promise.all(this.#taking.values());
  }
}

function isDriven(coordinator: Holder | null, present: ReadonlyMap<string, Holder>): boolean {
  return coordinator !== null && present.get(coordinator.did)?.incarnation === coordinator.incarnation;
}
