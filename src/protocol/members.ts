/** Who is in a mesh, as an agent tells it. */

/** `self`: who was asked. `gone`: was there a short time ago. */
export type MemberState = 'present' | 'draining' | 'gone';

export interface MemberRow {
  readonly did: string;
  /** Of this start of it, a ULID. */
  readonly incarnation: string;
  /** Whether it is the agent that was asked. */
  readonly isSelf: boolean;
  readonly state: MemberState;
  /** Why it is gone: it was not heard, it said goodbye, or another agent has its identity. */
  readonly because: string | null;
  readonly host: string;
  readonly version: string;
  /** By its own clock, as ISO 8601 has it. */
  readonly started: string;
  readonly slots: number;
  readonly free: number;
  /** Tasks of other members it would take now, and those of others that wait there. */
  readonly room: number;
  readonly waiting: number;
  /** Bytes that tasks may need together. */
  readonly memory: number;
  readonly ops: readonly string[];
  /** What it gives to tasks of others; null where an agent of an older version does not say. */
  readonly grants: readonly string[] | null;
  readonly tags: Readonly<Record<string, string>>;
  readonly roles: readonly string[];
  /** Processes that want to run, by processor. */
  readonly load: number;
  /** Milliseconds since it was heard last. */
  readonly heard: number;
}

/** The mesh an agent is in. */
export interface MeshView {
  readonly name: string;
  /** Whether its engine is heard now. */
  readonly link: 'up' | 'down' | 'left';
  /** Why not. */
  readonly error: string | null;
}

export interface Drained {
  readonly did: string;
  readonly host: string;
  /** Its tag `name`. */
  readonly name: string | null;
  readonly isDrained: boolean;
}

/** On the events of a run: the mesh whose members go on with it, percent-encoded. */
export const MESH_HEADER = 'docket-mesh';

export interface MemberService {
  /** Null for an agent that is in none. */
  mesh(): MeshView | null;
  /** This agent first, then the others by host and DID. */
  list(): readonly MemberRow[];
  /**
   * Has a member take no new work, or take it again; `word` is its DID, the beginning of that, its host or its tag `name`, if it is of one alone. That
   * lasts, also over a restart of it. Throws `MEMBER_UNKNOWN`, `MESH_NO_ANSWER`, `MESH_UNREACHABLE`.
   */
  drain(word: string, isDrained: boolean, signal: AbortSignal): Promise<Drained>;
}
