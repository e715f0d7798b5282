import type { Clock } from '../../base/clock.ts';
import type { Mesh } from '../../mesh/mesh.ts';
import { decodeBeat, encodeBeat, encodeView, type KnownView } from '../../protocol/mesh/beat-codec.ts';
import { BEAT, type Beat, beatEvery, GONE, type MemberView } from '../../protocol/mesh/member.ts';
import { machineLoad } from './machine.ts';
import type { Refused } from './refusals.ts';
import { hear, type Sighting } from './sighting.ts';

/**
 * Who is in the mesh, from what members say of themselves; and what this one says of itself.
 *
 * Invariants
 * B1. Sightings change only in `#hear` and `#expire`, one after the other, and each change is told to all listeners before the next. Listeners do not
 *     throw.
 * B2. Nobody is gone by silence unless this process could have heard: its link has been up for `GONE`, and it has listened for `LISTEN` beats since it stood still last. (A
 *     process that stood still finds its beats in the socket after its timers; of who is there one comes soon. To begin to count anew would have members judge nobody
 *     for as long as a machine has so much to do that each stands still now and then.)
 * B3. A beat costs the same however many members there are: sightings stand in the order in which they were heard last.
 * B4. What others send is bounded: so many members are known, of those that are gone so many are remembered, and for so long.
 * B5. Own beats go out from `begin` on every `BEAT`, or every other one where many are (`beatEvery`), and sooner when something changed, but never closer than `GAP`.
 * B6. Beats are not signed. One that says that a member left, in a number however high, hides it for `GONE` at most, unless it is said again and again.
 * B7. Of its own DID only others' beats are of interest: whoever hears a double of itself that began earlier leaves.
 */

/** A member that is present. */
export interface Member {
  readonly beat: Beat;
  /** When it was heard last, in monotonic ms of this process. */
  readonly heard: number;
}

export type GoneBecause = 'unheard' | 'left' | 'restarted' | 'double';

export interface GoneMember {
  readonly beat: Beat;
  readonly heard: number;
  readonly because: GoneBecause;
}

interface Gone extends GoneMember {
  /** The highest number in which it was heard since, of those it had come to before. */
  said: number | undefined;
}

export type MemberChange =
  | { readonly kind: 'joined'; readonly member: Member }
  /** What it offers or has room for. */
  | { readonly kind: 'changed'; readonly member: Member }
  | { readonly kind: 'gone'; readonly did: string; readonly incarnation: string; readonly because: GoneBecause };

/** What this member says of itself now. */
export interface Own {
  readonly view: MemberView;
  readonly free: number;
  readonly room: number;
  readonly waiting: number;
}

interface MembersOptions {
  readonly mesh: Pick<Mesh, 'self' | 'presence' | 'link'>;
  readonly clock: Clock;
  /** Asked at every beat. */
  readonly own: () => Own;
  readonly onRefused: (refused: Refused) => void;
  /** Two agents have one identity. `isOurs`: it is this one that began later, and has left by now. */
  readonly onDouble: (double: { readonly did: string; readonly host: string; readonly isOurs: boolean }) => void;
}

/** Members that may be present, and may be remembered after they went. */
const MOST_MEMBERS = 10_000;
const MOST_GONE = 256;
/** How long it is remembered that a member was there, in ms. */
const REMEMBERED = 600_000;
/** Least time between two own beats, in ms. */
const GAP = 50;
/** Beats for which a process that stood still listens before it judges: a member that is there is heard twice, or once if one beat is lost. */
const LISTEN = 3;

export class Members implements Disposable {
  readonly #options: MembersOptions;
  readonly #sightings = new Map<string, Sighting>();
  /** Views as they came, by DID. */
  readonly #views = new Map<string, KnownView>();
  readonly #gone = new Map<string, Gone>();
  readonly #listeners = new Set<(change: MemberChange) => void>();
  readonly #ear: Disposable;
  #sighting: Sighting | undefined;
  #ownView: { readonly view: MemberView; readonly bytes: Uint8Array } | undefined;
  #seq = 0;
  #sent = Number.NEGATIVE_INFINITY;
  #stopTick: () => void = () => {};
  #stopExpiry: (() => void) | undefined;
  #stopNudge: (() => void) | undefined;
  /** When a timer of this process came last. */
  #ticked: number;
  /** Since when this process hears what comes. */
  #awakeSince: number;
  #hasBegun = false;
  #hasLeft = false;

  constructor(options: MembersOptions) {
    this.#options = options;
    this.#ticked = options.clock.monotonic();
    this.#awakeSince = this.#ticked - GONE;
    this.#ear = options.mesh.presence.onBeat((from, bytes) => this.#hear(from, bytes));
    this.#tick();
  }

  /** Says from now on that this member is there. What it gives says goodbye. */
  begin(): Disposable {
    this.#hasBegun = true;
    this.#say();
    return { [Symbol.dispose]: () => this.#leave() };
  }

  /** This member, as it says it is. */
  get self(): Member {
    return { beat: this.#beat(), heard: this.#options.clock.monotonic() };
  }

  /** Whether it left the mesh, because another agent with its identity was there before. */
  get hasLeft(): boolean {
    return this.#hasLeft;
  }

  /** Others that are present. */
  others(): Member[] {
    return [...this.#sightings.values()];
  }

  get size(): number {
    return this.#sightings.size;
  }

  /** Another that is present. */
  get(did: string): Member | undefined {
    return this.#sightings.get(did);
  }

  /** Whether it can be told from silence that a member is gone. */
  get isJudging(): boolean {
    const { mesh, clock } = this.#options;
    const now = clock.monotonic();
    return mesh.link.tag === 'up' && now - mesh.link.since >= GONE && now - this.#awakeSince >= LISTEN * beatEvery(this.#sightings.size);
  }

  /** Those that went a short time ago and did not come back. */
  goneLately(): GoneMember[] {
    const since = this.#options.clock.monotonic() - REMEMBERED;
    return [...this.#gone.values()].filter(({ heard }) => heard >= since);
  }

  onChange(listener: (change: MemberChange) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /** Something changed that others are to know at once. */
  nudge(): void {
    if (!this.#speaks || this.#stopNudge !== undefined) return;
    const wait = this.#sent + GAP - this.#options.clock.monotonic();
    if (wait <= 0) return this.#say();
    this.#stopNudge = this.#options.clock.after(wait, () => this.#say());
  }

  #hear(from: string, bytes: Uint8Array): void {
    const read = decodeBeat(bytes, this.#views.get(from));
    if ('refused' in read) return this.#options.onRefused({ reason: `beat ${read.refused}`, from, message: read.problem });
    const { beat, known } = read;
    if (beat.view.did !== from)
      return this.#options.onRefused({ reason: 'beat of another', from, message: `it says that it is ${beat.view.did}` });
    if (from === this.#options.mesh.self) return this.#hearOwnName(beat);
    const sighting = this.#sightings.get(from);
    if (sighting === undefined && this.#sightings.size >= MOST_MEMBERS)
      return this.#options.onRefused({ reason: 'too many members', from, message: `${MOST_MEMBERS} are known already` });
    const gone = sighting === undefined ? this.#gone.get(from) : undefined;
    if (gone !== undefined && isLate(beat, gone, this.#options.clock.monotonic())) {
      gone.said = Math.max(gone.said ?? 0, beat.seq);
      return;
    }
    const heard = hear(sighting, beat, this.#options.clock.monotonic());
    if (heard.tag === 'stale') return;
    this.#views.set(from, known);
    if (heard.tag === 'left') return this.#remove(from, heard.sighting, 'left');
    // Last in the order in which they were heard; but not for what only a rival said.
    if (sighting === undefined || heard.sighting.heard !== sighting.heard) this.#sightings.delete(from);
    this.#sightings.set(from, heard.sighting);
    switch (heard.tag) {
      case 'same':
        return;
      case 'changed':
        return this.#tell({ kind: 'changed', member: heard.sighting });
      case 'joined':
        this.#gone.delete(from);
        return this.#tell({ kind: 'joined', member: heard.sighting });
      case 'restarted':
        this.#tell({ kind: 'gone', did: from, incarnation: sighting!.beat.view.incarnation, because: 'restarted' });
        return this.#tell({ kind: 'joined', member: heard.sighting });
      case 'double':
        this.#options.onDouble({ did: from, host: heard.sighting.rival!.beat.view.host, isOurs: false });
        if (heard.sighting.beat.view.incarnation === sighting!.beat.view.incarnation) return;
        this.#tell({ kind: 'gone', did: from, incarnation: sighting!.beat.view.incarnation, because: 'double' });
        return this.#tell({ kind: 'joined', member: heard.sighting });
    }
  }

  /** Own beats come back as well. */
  #hearOwnName(beat: Beat): void {
    if (this.#hasLeft) return;
    const own = this.#options.own().view;
    const heard = hear(this.#sighting, beat, this.#options.clock.monotonic());
    if (heard.tag === 'stale') return;
    this.#sighting = heard.tag === 'left' ? undefined : heard.sighting;
    if (heard.tag !== 'double') return;
    const isOurs = heard.sighting.beat.view.incarnation !== own.incarnation;
    const other = isOurs ? heard.sighting.beat : heard.sighting.rival!.beat;
    if (isOurs) this.#leave();
    this.#options.onDouble({ did: own.did, host: other.view.host, isOurs });
  }

  #remove(did: string, { beat, heard }: Sighting, because: GoneBecause): void {
    this.#sightings.delete(did);
    this.#views.delete(did);
    this.#gone.delete(did);
    this.#gone.set(did, { beat, heard, because, said: undefined });
    if (this.#gone.size > MOST_GONE) this.#gone.delete(this.#gone.keys().next().value!);
    this.#tell({ kind: 'gone', did, incarnation: beat.view.incarnation, because });
  }

  #expire(): void {
    if (!this.isJudging) return;
    const now = this.#options.clock.monotonic();
    for (const [did, sighting] of this.#sightings) {
      if (now - sighting.heard < GONE) return this.#expireIn(sighting.heard + GONE - now);
      this.#remove(did, sighting, 'unheard');
    }
  }

  /** The next tick may be half a second later than the moment somebody is gone. */
  #expireIn(ms: number): void {
    if (ms >= BEAT || this.#stopExpiry !== undefined) return;
    this.#stopExpiry = this.#options.clock.after(ms, () => {
      this.#stopExpiry = undefined;
      this.#noteTime();
      this.#expire();
    });
  }

  #noteTime(): void {
    const now = this.#options.clock.monotonic();
    if (now - this.#ticked > 2 * BEAT) this.#awakeSince = now;
    this.#ticked = now;
  }

  get #speaks(): boolean {
    return this.#hasBegun && !this.#hasLeft;
  }

  #tell(change: MemberChange): void {
    for (const listener of [...this.#listeners]) listener(change);
  }

  #tick(): void {
    this.#noteTime();
    this.#stopTick = this.#options.clock.after(BEAT, () => this.#tick());
    this.#expire();
    // Of two ticks that are a beat apart the later may come some ms early.
    if (this.#ticked - this.#sent > beatEvery(this.#sightings.size) - BEAT / 2) this.#say();
  }

  #say(): void {
    this.#stopNudge?.();
    this.#stopNudge = undefined;
    if (!this.#speaks) return;
    this.#sent = this.#options.clock.monotonic();
    this.#send(this.#beat());
  }

  #send(beat: Beat): void {
    if (this.#ownView?.view !== beat.view) this.#ownView = { view: beat.view, bytes: encodeView(beat.view) };
    this.#options.mesh.presence.beat(encodeBeat({ ...beat, seq: ++this.#seq }, this.#ownView.bytes));
  }

  #beat(): Beat {
    return { ...this.#options.own(), seq: this.#seq, load: machineLoad(), isLeaving: false };
  }

  /** With a goodbye, so that nobody waits for the next beat. */
  #leave(): void {
    if (this.#hasLeft) return;
    if (this.#hasBegun) this.#send({ ...this.#beat(), isLeaving: true });
    this.#hasLeft = true;
    this.#stopTick();
    this.#stopExpiry?.();
    this.#stopNudge?.();
  }

  /** Is gone from the mesh. */
  [Symbol.dispose](): void {
    this.#leave();
    this.#ear[Symbol.dispose]();
    this.#listeners.clear();
  }
}

/**
 * Whether it was under way, or is said once more, since its member went. Who counts on for longer than a beat may be under way is there, whatever was said in its name with a
 * number that it will never come to.
 */
function isLate(beat: Beat, gone: Gone, now: number): boolean {
  if (gone.beat.view.incarnation !== beat.view.incarnation || beat.seq > gone.beat.seq) return false;
  return now - gone.heard < GONE || gone.said === undefined || beat.seq <= gone.said;
}
