import type { Beat } from '../../protocol/mesh/member.ts';

/** The other members of the mesh as they were heard last. This agent is not among them. `Members` of `src/agent/mesh/members.ts` is one. */
export interface MembersView {
  /** Whether it can be told from silence that a member is not there, or does not answer: this agent hears the mesh. */
  readonly isJudging: boolean;
  /** Those that are present. */
  others(): Iterable<Heard>;
  /** One of them. */
  get(did: string): Heard | undefined;
  /**
   * Called when a member is there, when what it says of itself changed, and when it is gone: unheard for `GONE` while the engine itself is heard. One that comes
   * back with another incarnation is gone first.
   */
  onChange(listener: (change: MemberChange) => void): Disposable;
}

/** A member and its last beat. */
interface Heard {
  readonly beat: Beat;
}

type MemberChange = { readonly kind: 'joined' | 'changed'; readonly member: Heard } | { readonly kind: 'gone'; readonly did: string };
