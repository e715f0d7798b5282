/** What members of a mesh tell each other of themselves. */

/** The version of all messages of the mesh. What has a higher one is not read, but counted. */
export const MESH_VERSION = 1;

/** What changes rarely. */
export interface MemberView {
  readonly did: string;
  /** Of this start of the agent: a ULID. A member that comes back has another. */
  readonly incarnation: string;
  /** Of Docket. */
  readonly version: string;
  /** For people: the host's. */
  readonly host: string;
  /** Milliseconds since the epoch, by that member's own clock. */
  readonly started: number;
  readonly slots: number;
  /** Bytes of memory that tasks may have together. */
  readonly memory: number;
  readonly ops: readonly string[];
  /** What it gives to tasks of others that ask for it. Members of before this was said leave it out: what they give is seen when they refuse. */
  readonly grants?: readonly string[];
  readonly tags: Readonly<Record<string, string>>;
  readonly roles: readonly string[];
  /** Takes no new tasks from others, nor new runs. */
  readonly isDraining: boolean;
  /** Where other members reach its API, see `door.ts`; null if they cannot. */
  readonly door: { readonly hosts: readonly string[]; readonly port: number } | null;
}

/** Sent every half second, and at once when something changed that matters. */
export interface Beat {
  readonly view: MemberView;
  /** Counts the beats of this incarnation. */
  readonly seq: number;
  /** Slots nobody uses. */
  readonly free: number;
  /** Tasks of others it would take in now, to run or to wait. */
  readonly room: number;
  /** Tasks of others that wait there. */
  readonly waiting: number;
  /** Load of the machine: processes that want to run, by processor. */
  readonly load: number;
  /** The last beat: it leaves the mesh. */
  readonly isLeaving: boolean;
}

/** Time between beats, and after which a member that was not heard is gone, in ms. */
export const BEAT = 500;
export const GONE = 3_000;

/** Where so many are, every other beat is left out: everybody hears everybody, and one that is lost still makes nobody gone. */
const MANY = 500;

/** Ms between two beats of a member that knows so many others. What changed is told at once, whatever that is. */
export function beatEvery(others: number): number {
  return others < MANY ? BEAT : 2 * BEAT;
}
