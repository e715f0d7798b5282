import { backoff } from '../../../base/backoff.ts';
import type { Clock } from '../../../base/clock.ts';
import { type Deferred, deferred } from '../../../base/deferred.ts';
import { type DocketError, isDocketError } from '../../../errors.ts';
import type { Mesh, MeshRecord } from '../../../mesh/mesh.ts';
import { decodeRunRecord, encodeRunRecord, type Holder, keyOfRun, type RunRecord } from '../../../protocol/mesh/run-record.ts';
import { pause } from './pause.ts';

/**
 * This member's hold on a run: the record that says so, kept up to date.
 *
 * Invariants
 * L1. The record is only ever compared and set at the revision this member wrote or saw as its own. So once another has it nothing is written any more.
 * L2. Another's name in the record is the end of the hold, from whatever it is learnt: the watch, a write that failed, or a look. It is told once, at once.
 * L3. After a cut of the link, and after a write whose answer did not come, the record is looked at before anything is written.
 * L4. What it says is written at most every `PACE`, but at once if it matters; what cannot be written is tried again, later each time, for as long as the hold lasts.
 * L5. A record that nobody can read is written over: whoever garbles it has taken nothing. One of a newer version is another's.
 * L6. A record that is gone went with the engine's data: whoever has a run forgotten says so in it first, and leaves it there for long. It is put anew, which begins
 *     a new epoch.
 */

/** What a record says that is not the lease's own affair. */
export type Said = Omit<RunRecord, 'run' | 'coordinator' | 'epoch'>;

export type Standing =
  /** There is no record yet. */
  | { readonly tag: 'claiming' }
  | { readonly tag: 'held'; readonly revision: number; readonly epoch: number }
  | { readonly tag: 'lost'; readonly because: Loss }
  /** Its last word is written: how the run ended, or that anybody may go on with it. */
  | { readonly tag: 'over'; readonly epoch: number };

/** `taken`: another drives it. The others: somebody ended it, or had it forgotten. */
export type Loss = 'taken' | 'ended' | 'deleted';

export interface LeaseOptions {
  readonly run: string;
  readonly self: Holder;
  readonly mesh: Pick<Mesh, 'records' | 'link' | 'onLink'>;
  readonly clock: Clock;
  /** What is to be said now. */
  readonly say: () => Said;
  /** Resolves when a new run is to have its record. */
  readonly ready: Promise<unknown>;
  readonly onLost: (because: Loss) => void;
  /** The engine has lost the record, and so perhaps all else it was given for this run. Told before it is said anew. */
  readonly onVanished: () => void;
  /** The engine is heard, and does not take what is to be said: the first time in a row. */
  readonly onTrouble: (error: DocketError) => void;
}

/** Between two writes, in ms. */
const PACE = 5_000;
const FIRST_WAIT = 200;

interface LastWord {
  readonly said: Said;
  readonly isReleased: boolean;
}

export class Lease implements AsyncDisposable {
  readonly #options: LeaseOptions;
  readonly #key: string;
  readonly #stopping = new AbortController();
  readonly #link: Disposable;
  #standing: Standing;
  #isUnsure: boolean;
  #isTroubled = false;
  #wish: 'nothing' | 'soon' | 'now';
  #last: LastWord | undefined;
  #news: Deferred<void> = deferred();
  /** Changes of the standing, and of being sure of it. */
  #turn: Deferred<void> = deferred();
  readonly #working: Promise<void>;

  /** `taken`: the revision at which this member took it; undefined for a new run. */
  constructor(options: LeaseOptions, taken?: number) {
    this.#options = options;
    this.#key = keyOfRun(options.run);
    this.#standing = taken === undefined ? { tag: 'claiming' } : { tag: 'held', revision: taken, epoch: taken };
    this.#isUnsure = options.mesh.link.tag === 'down';
    this.#wish = taken === undefined ? 'now' : 'soon';
    this.#link = options.mesh.onLink(({ tag }) => {
      if (tag === 'down') this.#isUnsure = true;
      this.#wake();
    });
    this.#working = this.#work();
  }

  get standing(): Standing {
    return this.#standing;
  }

  /** Whether what was to be said last was not taken: a bucket that is full stays so for long. */
  get isTroubled(): boolean {
    return this.#isTroubled;
  }

  get epoch(): number | undefined {
    return this.#standing.tag === 'held' ? this.#standing.epoch : undefined;
  }

  /** There is something new to be said. */
  nudge(when: 'soon' | 'now'): void {
    if (this.#wish !== 'now') this.#wish = when;
    this.#wake();
  }

  /** What the watch told. */
  observe(record: RunRecord, revision: number): void {
    if (this.#standing.tag !== 'held' || revision <= this.#standing.revision) return;
    if (this.#isOurs(record)) this.#standing = { ...this.#standing, revision };
    else this.#lose(lossBy(record), record);
  }

  /** There was a record, and is none. */
  vanished(): void {
    if (this.#standing.tag === 'held') this.#isUnsure = true;
    this.nudge('now');
  }

  /** The epoch of the drive, once it is certain that the record names this member, or did at its end; undefined if it is another's. */
  async certain(signal: AbortSignal): Promise<number | undefined> {
    while (this.#isUndecided && !signal.aborted) await this.#turned(signal);
    const standing = this.#standing;
    return (standing.tag === 'held' || standing.tag === 'over') && !signal.aborted ? standing.epoch : undefined;
  }

  get #isUndecided(): boolean {
    return this.#standing.tag === 'claiming' || (this.#standing.tag === 'held' && this.#isUnsure);
  }

  /** Says how the run ended. Resolves when that is written, or the run is another's: false then, and if it was given up. */
  finish(said: Said): Promise<boolean> {
    return this.#conclude({ said, isReleased: false });
  }

  /** Lets anybody go on with it. As `finish`. */
  release(said: Said): Promise<boolean> {
    return this.#conclude({ said, isReleased: true });
  }

  async #conclude(last: LastWord): Promise<boolean> {
    this.#last = last;
    this.nudge('now');
    const { signal } = this.#stopping;
    while ((this.#standing.tag === 'held' || this.#standing.tag === 'claiming') && !signal.aborted) await this.#turned(signal);
    return this.#standing.tag === 'over';
  }

  async #work(): Promise<void> {
    const { clock } = this.#options;
    const { signal } = this.#stopping;
    let failures = 0;
    if (this.#standing.tag === 'claiming') await unlessOver(this.#options.ready, signal);
    while (!signal.aborted && (this.#standing.tag === 'claiming' || this.#standing.tag === 'held')) {
      // Whoever hears nothing waits for the link, which wakes.
      if (this.#options.mesh.link.tag === 'down' || (this.#wish === 'nothing' && !this.#isUnsure)) await this.#awaken(signal);
      else
        try {
          if (this.#wish === 'soon' && !this.#isUnsure) await this.#rest(PACE);
          if (signal.aborted) return;
          await this.#write();
          failures = 0;
          this.#isTroubled = false;
        } catch (error) {
          // Whether it was written is not known.
          this.#isUnsure = true;
          if (!isDocketError(error)) throw error;
          if (!this.#isTroubled && !signal.aborted && this.#options.mesh.link.tag === 'up') this.#options.onTrouble(error);
          this.#isTroubled = true;
          await pause(clock, backoff(FIRST_WAIT, ++failures), signal);
        }
    }
  }

  async #write(): Promise<void> {
    const { mesh, run, self, say } = this.#options;
    if (this.#isUnsure) this.#look(await mesh.records.get(this.#key));
    const before = this.#standing;
    if (before.tag !== 'claiming' && before.tag !== 'held') return;
    const last = this.#last;
    this.#wish = 'nothing';
    const epoch = before.tag === 'held' ? before.epoch : undefined;
    const coordinator = last?.isReleased === true ? null : self;
    const value = encodeRunRecord({ ...(last?.said ?? say()), run, coordinator, ...(epoch === undefined ? {} : { epoch }) });
    const revision = await mesh.records.put(this.#key, value, this.#expected(before));
    if (revision === undefined) {
      this.#isUnsure = true;
      this.nudge('now');
    } else if (last !== undefined) this.#become({ tag: 'over', epoch: epoch ?? revision });
    // It may have been lost while the answer was on its way.
    else if (this.#standing.tag !== 'lost') {
      this.#garbled = undefined;
      this.#become({ tag: 'held', revision: Math.max(revision, before.tag === 'held' ? before.revision : 0), epoch: epoch ?? revision });
    }
  }

  /** Of a record that cannot be read. */
  #garbled: number | undefined;

  #expected(before: Extract<Standing, { tag: 'claiming' | 'held' }>): number {
    return this.#garbled ?? (before.tag === 'held' ? before.revision : 0);
  }

  /** What stands there says who has it. */
  #look(found: MeshRecord | undefined): void {
    this.#isUnsure = false;
    this.#garbled = undefined;
    if (found === undefined) {
      if (this.#standing.tag !== 'held') return;
      this.#become({ tag: 'claiming' });
      return this.#options.onVanished();
    }
    const read = decodeRunRecord(this.#key, found.value);
    if ('refused' in read) {
      if (read.refused === 'newer') this.#lose('taken');
      else this.#garbled = found.revision;
    } else if (!this.#isOurs(read)) this.#lose(lossBy(read), read);
    else if (this.#standing.tag === 'held') this.#become({ ...this.#standing, revision: found.revision });
    // The first write came through, and its answer did not.
    else this.#become({ tag: 'held', revision: found.revision, epoch: read.epoch ?? found.revision });
  }

  #isOurs({ coordinator, state }: RunRecord): boolean {
    const { did, incarnation } = this.#options.self;
    return state === 'running' && coordinator?.did === did && coordinator.incarnation === incarnation;
  }

  #lose(because: Loss, record?: RunRecord): void {
    if (this.#standing.tag === 'lost' || this.#standing.tag === 'over') return;
    // The last word was written, and is heard before its answer, or instead of it. That somebody else ended the run is not that word.
    const { said, isReleased } = this.#last ?? {};
    const isSaid =
      said !== undefined &&
      (isReleased === true
        ? because === 'taken'
        : because === 'ended' && record?.state === said.state && record.finished === said.finished);
    if (isSaid && this.#standing.tag === 'held') return this.#become({ tag: 'over', epoch: this.#standing.epoch });
    this.#become({ tag: 'lost', because });
    this.#options.onLost(because);
  }

  #become(standing: Standing): void {
    this.#standing = standing;
    this.#wake();
    this.#turn.resolve();
    this.#turn = deferred();
  }

  /** Rests until then, or until it matters. */
  async #rest(ms: number): Promise<void> {
    const over = new AbortController();
    const stop = this.#options.clock.after(ms, () => over.abort());
    const end = AbortSignal.any([over.signal, this.#stopping.signal]);
    while (this.#wish === 'soon' && !this.#isUnsure && !end.aborted && this.#isLive) await this.#awaken(end);
    stop();
  }

  get #isLive(): boolean {
    return this.#standing.tag === 'claiming' || this.#standing.tag === 'held';
  }

  #wake(): void {
    this.#news.resolve();
    this.#news = deferred();
  }

  async #awaken(signal: AbortSignal): Promise<void> {
    await unlessOver(this.#news.promise, signal);
  }

  async #turned(signal: AbortSignal): Promise<void> {
    await unlessOver(this.#turn.promise, signal);
  }

  /** Says nothing more, whatever it was about to. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    this.#link[Symbol.dispose]();
    await this.#working;
  }
}

function lossBy({ state }: RunRecord): Loss {
  if (state === 'running') return 'taken';
  return state === 'deleted' ? 'deleted' : 'ended';
}

async function unlessOver(promise: Promise<unknown>, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const over = deferred<void>();
  const end = (): void => over.resolve();
  signal.addEventListener('abort', end, { once: true });
  await Promise.race([promise, over.promise]);
  signal.removeEventListener('abort', end);
}
