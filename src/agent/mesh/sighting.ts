import { type Beat, GONE } from '../../protocol/mesh/member.ts';

/**
 * What is known of one member, as pure transitions. Times are monotonic milliseconds of this process; nothing is concluded from clocks of others.
 *
 * Invariants
 * S1. One incarnation of a DID is followed at a time. Of it only beats that are newer than the last one count, so late and repeated ones keep nobody alive.
 * S2. A later incarnation is followed at once: that is how a restart looks. An earlier one only when the followed one is gone.
 * S3. Two incarnations that both went on beating for `DOUBT` after they were first heard side by side are two agents with one identity. The earlier one is
 *     followed then, and the other barred as long as it is heard. The earlier one is that which has said far more beats, whatever their clocks say; of two that are about as
 *     old it is said by their ULIDs. (So all say the same, unless these contradict that, and one is ahead by just `FAR` beats.)
 */

/** Another incarnation of a DID than the one that is followed. */
interface Rival {
  readonly beat: Beat;
  readonly heard: number;
  /** Since when both were heard. */
  readonly since: number;
  readonly isBarred: boolean;
}

export interface Sighting {
  readonly beat: Beat;
  readonly heard: number;
  readonly rival: Rival | undefined;
}

export type Hearing =
  | { readonly tag: 'stale' }
  /** `double`: the barred one is the sighting's rival. */
  | { readonly tag: 'joined' | 'same' | 'changed' | 'restarted' | 'double' | 'left'; readonly sighting: Sighting };

/** A restarted agent may have beats under way for as long, in ms: through servers that were in trouble they take seconds. */
const DOUBT = GONE + 2_000;

/** Beats by which one is far ahead: a minute of them, and more than an agent with much news says while it is in doubt. */
const FAR = 100;

const STALE: Hearing = { tag: 'stale' };

/** What a beat changes. `sighting`: undefined if the member is not present. */
export function hear(sighting: Sighting | undefined, beat: Beat, now: number): Hearing {
  if (sighting === undefined) return beat.isLeaving ? STALE : { tag: 'joined', sighting: { beat, heard: now, rival: undefined } };
  return beat.view.incarnation === sighting.beat.view.incarnation ? hearFollowed(sighting, beat, now) : hearRival(sighting, beat, now);
}

function hearFollowed(sighting: Sighting, beat: Beat, now: number): Hearing {
  if (beat.seq <= sighting.beat.seq) return STALE;
  const rival = sighting.rival === undefined || now - sighting.rival.heard >= GONE ? undefined : sighting.rival;
  const next: Sighting = { beat, heard: now, rival };
  if (beat.isLeaving) return { tag: 'left', sighting: next };
  return judged(next) ?? { tag: isAlike(sighting.beat, beat) ? 'same' : 'changed', sighting: next };
}

function hearRival(sighting: Sighting, beat: Beat, now: number): Hearing {
  const { incarnation } = beat.view;
  const known = sighting.rival?.beat.view.incarnation === incarnation ? sighting.rival : undefined;
  if (known !== undefined && beat.seq <= known.beat.seq) return STALE;
  if (beat.isLeaving) return known === undefined ? STALE : { tag: 'same', sighting: { ...sighting, rival: undefined } };
  if (known === undefined && incarnation > sighting.beat.view.incarnation) {
    const rival: Rival = { beat: sighting.beat, heard: sighting.heard, since: now, isBarred: false };
    return { tag: 'restarted', sighting: { beat, heard: now, rival } };
  }
  const next: Sighting = { ...sighting, rival: { beat, heard: now, since: known?.since ?? now, isBarred: known?.isBarred ?? false } };
  return judged(next) ?? { tag: 'same', sighting: next };
}

/** Whether there are two. */
function judged({ beat, heard, rival }: Sighting): Hearing | undefined {
  if (rival === undefined || rival.isBarred || Math.min(rival.heard, heard) - rival.since < DOUBT) return undefined;
  if (isEarlier(beat, rival.beat)) return { tag: 'double', sighting: { beat, heard, rival: { ...rival, isBarred: true } } };
  return {
    tag: 'double',
    sighting: { beat: rival.beat, heard: rival.heard, rival: { beat, heard, since: rival.since, isBarred: true } },
  };
}

function isEarlier(a: Beat, b: Beat): boolean {
  return Math.abs(a.seq - b.seq) >= FAR ? a.seq > b.seq : a.view.incarnation < b.view.incarnation;
}

/** Whether nothing changed that matters to who has work for it. Its load says little, and changes always. */
function isAlike(a: Beat, b: Beat): boolean {
  return a.free === b.free && a.room === b.room && a.waiting === b.waiting && isSameView(a.view, b.view);
}

function isSameView(a: Beat['view'], b: Beat['view']): boolean {
  return (
    a === b ||
    (a.isDraining === b.isDraining &&
      a.slots === b.slots &&
      a.memory === b.memory &&
      isSameList(a.ops, b.ops) &&
      isSameList(a.grants ?? [], b.grants ?? []) &&
      isSameList(a.roles, b.roles) &&
      isSameMap(a.tags, b.tags) &&
      isSameDoor(a.door, b.door))
  );
}

function isSameDoor(a: Beat['view']['door'], b: Beat['view']['door']): boolean {
  return a === b || (a !== null && b !== null && a.port === b.port && isSameList(a.hosts, b.hosts));
}

function isSameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((item, i) => item === b[i]);
}

function isSameMap(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}
