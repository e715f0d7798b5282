import type { CID } from '../ipld/cid.ts';
import type { Store } from '../store/store.ts';
import type { Services } from './services.ts';

/** What agents know of each other, and do for each other. */

/** As Serval names them. An agent of ours is a `runner` if it runs jobs and workflows, `storage` if it keeps blobs and modules for others. */
export const ROLES = ['runner', 'storage', 'scheduler', 'observer'] as const;
export type Role = (typeof ROLES)[number];

/** Header that says how many agents a question came through. Absent: none. */
export const HOPS = 'docket-hops';
/** An agent that was reached through so many asks nobody else. */
export const MOST_HOPS = 3;

/** How a question came. */
export interface Asked {
  readonly hops: number;
  readonly signal: AbortSignal;
}

/** An agent as others are told of it. */
export interface AgentView {
  readonly did: string;
  readonly address: string;
  readonly version: string;
  readonly slots: number;
  readonly roles: readonly Role[];
  readonly ops: readonly string[];
  readonly tags: Readonly<Record<string, string>>;
  /** As ISO 8601 has it. */
  readonly started: string;
}

/** A peer that does not answer at the moment. */
export interface AbsentPeer {
  readonly url: string;
  readonly error: string;
}

/** What an agent gets from its peers, and leaves to them. */
export interface PeerService {
  /** Those that this agent has; requests for others are relayed. */
  readonly roles: readonly Role[];
  /** Peers without this agent itself; none if the question came through others. */
  list(asked: Asked): Promise<{ readonly present: readonly AgentView[]; readonly absent: readonly AbsentPeer[] }>;
  /** This agent's blobs, and behind them those of its peers: what is read is fetched, verified and kept. Throws `BLOB_UNREACHABLE`. */
  store(hops: number): Store;
  /** Makes sure that a blob is here. `hints`: DIDs of members of the mesh that are likely to have it. Throws `BLOB_MISSING`, `BLOB_UNREACHABLE`. */
  bring(cid: CID, asked: Asked & { readonly hints?: readonly string[] }): Promise<void>;
  /**
   * The blob that a UnixFS CID stands for: as it is known here, or as a peer says, after the blob was brought here and its name was computed over it. Undefined if nobody
   * knows. Throws `BLOB_UNREACHABLE`.
   */
  alias(name: CID, asked: Asked): Promise<CID | undefined>;
  /** Makes sure that a module is here which a peer has under this name, if none is that is meant. Throws `MANIFEST_UNREACHABLE`, `BLOB_UNREACHABLE`. */
  bringModule(reference: string, asked: Asked): Promise<void>;
  /** Has a peer answer that has the role. Throws `ROLE_UNFILLED`, `AGENT_TIMEOUT`, `AGENT_UNREACHABLE`, `AGENT_INVALID`. */
  relay(request: RelayedRequest): Promise<RelayedReply>;
}

export interface RelayedRequest extends Asked {
  readonly role: Role;
  readonly method: string;
  /** With its query, as it was matched: without steps to other folders. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** Undefined if there is no body. */
  readonly body: AsyncIterable<Uint8Array> | undefined;
  /** Given, a reply of 200 is these bytes, and they are verified on the way: SHA2-256. No other reply may bring bytes of it. */
  readonly digest: Uint8Array | undefined;
}

export interface RelayedReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: () => AsyncIterable<Uint8Array>;
}

/** What the API of an agent is a door to. */
export interface Offered extends Services {
  readonly peers: PeerService;
}
