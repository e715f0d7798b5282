import type { CID } from '../ipld/cid.ts';

/**
 * What agents need of each other and of the engine between them: who is there, messages, records with compare-and-set, results by key, journals of runs, and
 * bytes that outlive an agent. The same contract (`test/contract/mesh.ts`) holds for the implementation in one process and for NATS.
 *
 * Nothing here is to be believed: whoever has the engine's credentials can send anything under any name. Receivers decode, verify and judge.
 *
 * - Members are named by their DIDs; two that have the same both get what is sent to it.
 * - All methods that wait throw `MESH_UNREACHABLE` while the engine cannot be reached for longer than they wait, `MESH_FULL` where a limit of it is used up,
 *   `MESH_REFUSED` where it denies the right, `MESH_NAME_INVALID`, `MESH_MESSAGE_TOO_LARGE` for what is more than `messages.largest`, and the signal's reason.
 * - After `MESH_UNREACHABLE` what was to be changed may have been, or not, or in part.
 * - Bytes that are given or got may be changed by whoever has them: they are copies. Listeners are never called in the turn of who sends.
 * - DIDs and names are words of `[-\w:]`, keys such words joined by dots; of at most 255 characters.
 * - After it was disposed of nothing is heard, nothing sent, what waits throws `MESH_UNREACHABLE`, and what goes on until aborted ends.
 */
export interface Mesh extends AsyncDisposable {
  /** DID of this member. */
  readonly self: string;
  /** Of the mesh; meshes on one engine do not hear each other. */
  readonly name: string;
  readonly presence: Presence;
  readonly messages: Messages;
  readonly records: Records;
  readonly results: Results;
  readonly journals: Journals;
  readonly objects: Objects;
  /** Whether the engine is heard at the moment. Who does not hear it judges nobody. */
  readonly link: Link;
  /** Called when that changes. */
  onLink(listener: (link: Link) => void): Disposable;
}

/** `since`: monotonic milliseconds. */
export type Link = { readonly tag: 'up'; readonly since: number } | { readonly tag: 'down'; readonly since: number; readonly error: Error };

/** Beats: small, many, to everybody, and not kept. A listener that throws is heard of as an uncaught exception, and nobody else's loss. */
export interface Presence {
  /** Lost if the link is down; not told. Throws `MESH_MESSAGE_TOO_LARGE`. */
  beat(beat: Uint8Array): void;
  /** Those of all members, also of this one: who hears its own name from elsewhere has a double. */
  onBeat(listener: (from: string, beat: Uint8Array) => void): Disposable;
}

/** Messages to one member: at most once, perhaps late, twice, or not in order; to nobody, if there is none of that name. */
export interface Messages {
  /** Bytes a message may have. */
  readonly largest: number;
  /** Throws `MESH_MESSAGE_TOO_LARGE`, `MESH_NAME_INVALID`. Dropped if the link is down: who sends has a timer. */
  send(to: string, message: Uint8Array): void;
  onMessage(listener: (from: string, message: Uint8Array) => void): Disposable;
  /**
   * A question to one member. Throws `MESH_NO_ANSWER` after `patience` ms, or at once if nobody of that name has a handler; `MESH_UNREACHABLE` if the link was down
   * meanwhile.
   */
  ask(to: string, question: Uint8Array, options: Asking): Promise<Uint8Array>;
  /**
   * A question to all others; gives answers as they come, until `patience` ms are over or nobody listens to them any more. Who has nothing to say does not answer. Throws
   * `MESH_UNREACHABLE` in the end if the link was down meanwhile: then silence means nothing.
   */
  askAll(question: Uint8Array, options: Asking): AsyncIterable<{ readonly from: string; readonly answer: Uint8Array }>;
  /** Undefined, a failure, or more than `largest`: no answer. One handler at a time: the one that was given last. */
  onQuestion(handler: (from: string, question: Uint8Array) => Promise<Uint8Array | undefined>): Disposable;
}

export interface Asking {
  /** Milliseconds. */
  readonly patience: number;
  readonly signal?: AbortSignal | undefined;
}

/** A record as it stands. Revisions of one key grow, and are the fencing epochs of what it stands for. */
export interface MeshRecord {
  readonly key: string;
  readonly value: Uint8Array;
  readonly revision: number;
}

export type RecordChange =
  | ({ readonly kind: 'put' } & MeshRecord)
  | { readonly kind: 'deleted'; readonly key: string; readonly revision: number }
  /** All that stood there when the watch began was given. */
  | { readonly kind: 'current' };

/** Small records, of which each has one owner at a time. Linearizable by key. A prefix is a key, or '' for all. */
export interface Records {
  get(key: string): Promise<MeshRecord | undefined>;
  /** `expected`: the revision that stands there, 0 for none. The new revision; undefined if another stands there. */
  put(key: string, value: Uint8Array, expected: number): Promise<number | undefined>;
  /** Whether the revision was the one that stood there; not if nothing did. */
  delete(key: string, expected: number): Promise<boolean>;
  /** Removes what the engine keeps of records that were deleted long ago. To be called now and then, by one member. */
  tidy(signal: AbortSignal): Promise<void>;
  /** Those whose keys begin with these words and go on: `run.a`, but neither `run` nor `runs.a`, is under `run`. */
  list(prefix: string): Promise<readonly MeshRecord[]>;
  /**
   * What stands there, `current` once, then changes as they come, in the order of revisions for each key; goes on over cuts of the link. The newest of a key is given
   * for certain; what was changed again before it was read perhaps not, and perhaps something twice. What is deleted, or lost by the engine, is told with a revision larger than
   * any that it had; perhaps also what was put and deleted before it was read. Ends when aborted.
   */
  watch(prefix: string, signal: AbortSignal): AsyncIterable<RecordChange>;
}

/**
 * What somebody files under a key: the newest of each issuer is kept, within the limits of the engine. On NATS those are the newest 16 of a key, so others can push one
 * out by filing as many: what is not found is run again.
 */
export interface FiledResult {
  /** 32 bytes. */
  readonly key: Uint8Array;
  /** DID, as who filed it says. */
  readonly issuer: string;
  readonly value: Uint8Array;
}

export interface Results {
  /** Resolves when all are durable. */
  file(results: readonly FiledResult[]): Promise<void>;
  /**
   * Keys of results have 32 bytes. For each what was filed last under it, by whomever; undefined if that is nothing. A copy of the engine's that is behind may answer,
   * unless it is to be certain: that asks more of the engine.
   */
  latest(keys: readonly Uint8Array[], signal?: AbortSignal, isCertain?: boolean): Promise<readonly (FiledResult | undefined)[]>;
  /** What each issuer filed last under this key, of what the engine still keeps. */
  all(key: Uint8Array, signal?: AbortSignal): Promise<readonly FiledResult[]>;
  /** Since when the engine keeps results: a larger whole number after it lost them. */
  made(): Promise<number>;
}

export interface JournalEntry {
  /** Grows, also after the journal was deleted; not without gaps. */
  readonly seq: number;
  readonly entry: Uint8Array;
}

/** What happened in a run, in order, kept for a while. */
export interface Journals {
  /** In this order. Resolves when all are durable. */
  append(name: string, entries: readonly Uint8Array[]): Promise<void>;
  /** Those after `after`, then those that come, each once, until aborted; goes on over cuts of the link. 0: from the first that is kept. */
  read(name: string, after: number, signal: AbortSignal): AsyncIterable<JournalEntry>;
  /** Forgets all of it. Who reads goes on with what is appended later. */
  delete(name: string): Promise<void>;
}

/** Blobs that are to outlive the agents that hold them. What is read is not verified: who keeps it does that. */
export interface Objects {
  /** Resolves when it is durable; nothing is taken from `source` if it is there. Keeps nothing unless `source` ends after `size` bytes: throws `BLOB_MISMATCH`. */
  put(cid: CID, size: number, source: AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<void>;
  /** Throws `BLOB_MISSING`. */
  get(cid: CID, signal?: AbortSignal): AsyncIterable<Uint8Array>;
  has(cid: CID): Promise<boolean>;
  delete(cid: CID): Promise<void>;
  list(): AsyncIterable<{ readonly cid: CID; readonly size: number }>;
}
