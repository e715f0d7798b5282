import type { Clock } from '../../base/clock.ts';
import type { DocketError } from '../../errors.ts';

/** How an agent shows nats-server who it is. Files are read again at every connect, so that what expires can be replaced. */
export type NatsCredentials =
  /** A file with JWT and seed, as `nsc` makes it. */
  | { readonly kind: 'creds'; readonly file: string }
  /** A file with the seed of an nkey (`SU…`). */
  | { readonly kind: 'nkey'; readonly file: string };

/** Files in PEM. */
export interface NatsTls {
  /** Of authorities to trust instead of the system's. */
  readonly ca?: string | undefined;
  /** The agent's own, where the server asks for one. */
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

/** What a stream may hold. */
export interface StreamLimit {
  /** Of the file storage of each server that has a copy. */
  readonly bytes: number;
  /** Milliseconds after which what it holds is dropped; 0 for never. */
  readonly age: number;
}

export type StreamLimits = Readonly<Record<'records' | 'results' | 'journals' | 'objects' | 'catalog', StreamLimit>>;

const MEBIBYTE = 2 ** 20;
const DAY = 24 * 60 * 60_000;

/**
 * For a start; a stream that is there keeps its own. Records and objects are refused when their stream is full (`MESH_FULL`); of results and journals the oldest go
 * first.
 */
export const DEFAULT_LIMITS: StreamLimits = {
  records: { bytes: 128 * MEBIBYTE, age: 0 },
  results: { bytes: 2048 * MEBIBYTE, age: 90 * DAY },
  journals: { bytes: 1024 * MEBIBYTE, age: 14 * DAY },
  objects: { bytes: 8192 * MEBIBYTE, age: 0 },
  catalog: { bytes: 64 * MEBIBYTE, age: 0 },
};

export interface NatsOptions {
  /** `nats://host:4222` or `tls://host:4222`, with `user:password@` or `token@` before the host where the server wants that. */
  readonly servers: readonly string[];
  /** Of the mesh: a word. */
  readonly name: string;
  /** DID of this member. */
  readonly self: string;
  readonly clock: Clock;
  readonly credentials?: NatsCredentials | undefined;
  readonly tls?: NatsTls | undefined;
  readonly limits?: Partial<StreamLimits> | undefined;
  /** Copies of what is kept. Default: 3 in a cluster of three servers or more, else 1. */
  readonly replicas?: number | undefined;
  /** Milliseconds for which calls wait for the engine before they throw `MESH_UNREACHABLE`. Default 15 s: a cluster takes 4 to 10 s to choose who leads a stream anew. */
  readonly patience?: number | undefined;
  /** Told of what nobody waits for: a beat that was refused, a stream that was lost and made again, a message that is none. Each problem once while it is the last. */
  readonly onFault?: ((fault: DocketError) => void) | undefined;
  /** Told if this member begins the mesh: nothing of that name was there. `others`: names of meshes that are, as far as the server tells. */
  readonly onMade?: ((others: readonly string[]) => void) | undefined;
}

export const PATIENCE = 15_000;
