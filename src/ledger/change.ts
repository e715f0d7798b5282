import type { CID } from '../ipld/cid.ts';
import { encode } from '../ipld/dag-cbor.ts';
import type { Ipld } from '../ipld/value.ts';
import type { StatRow } from '../store/stat-index.ts';
import type { Row } from './pack.ts';
import { ROW } from './row.ts';
import { NO_COUNTS, type RunCounts, type RunState, type TaskStand } from '../workflow/run-state.ts';

/** What can be written to the ledger. All changes given to one `commit` become durable together or not at all. */

export type MemoTable = 'declared' | 'resolved';

/** Stands in the column `heard_of` for a row that nobody is to be told of. */
export const PLAIN = '';

/** Files a receipt; the same CID again heals the bytes kept. */
export interface ReceiptChange {
  readonly kind: 'receipt';
  readonly cid: CID;
  readonly instruction: CID;
  readonly invocation: CID;
  /** As stored and sent, signature included. */
  readonly bytes: Uint8Array;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** Files a receipt, which must be in the ledger or earlier in the same commit, under its declared key. The first row under a key stays. */
export interface DeclaredChange {
  readonly kind: 'memo';
  readonly table: 'declared';
  /** 32 bytes. */
  readonly key: Uint8Array;
  readonly receipt: CID;
  /** Takes the place of a row that is there. Default false. */
  readonly replace?: boolean;
  /** DID of the agent that said so, where this home only heard it. */
  readonly heardOf?: string;
  /** The resolved key says as much, so nobody is to be told of this one. Default false. */
  readonly isPlain?: boolean;
}

/** The same under its resolved key. */
export interface ResolvedChange {
  readonly kind: 'memo';
  readonly table: 'resolved';
  /** 32 bytes. */
  readonly key: Uint8Array;
  /** What the key is the hash of, so that keys can be compared field by field. */
  readonly preimage: Uint8Array;
  /** The task's label, so that earlier keys of the same task can be found. */
  readonly label: string;
  readonly receipt: CID;
  /** Digest of the outcome. A row that is there with another one is a conflict, which is recorded and reported. */
  readonly out: Uint8Array;
  /** Takes the place of a row that is there, without a conflict. Default false. */
  readonly replace?: boolean;
}

/** No key leads to the receipt any more. It stays itself. */
export interface MemoForgetChange {
  readonly kind: 'memo-forget';
  readonly receipt: CID;
}

/** Files small blobs, by lower-case hex SHA2-256. The same digest again heals the bytes kept. */
export interface SmallChange {
  readonly kind: 'small';
  readonly blobs: ReadonlyMap<string, Uint8Array>;
}

export interface SmallDeleteChange {
  readonly kind: 'small-delete';
  readonly digests: Iterable<string>;
}

/** Remembers which bytes input files held; replaces what was known of the same files. */
export interface StatChange {
  readonly kind: 'stat';
  readonly rows: readonly StatRow[];
}

/** A new run, state `running`. */
export interface RunChange {
  readonly kind: 'run';
  /** ULID. */
  readonly run: string;
  readonly name: string;
  readonly workflow: CID;
  /** The blob from which the run can be resumed. */
  readonly plan: CID | null;
  /** Anything JSON can hold. */
  readonly options: unknown;
  /** How many it has. */
  readonly tasks: number;
  readonly created: number;
}

/** The idempotency key a run was submitted with. */
export interface SubmissionChange {
  readonly kind: 'submission';
  readonly key: string;
  /** Of all that was submitted. */
  readonly digest: string;
  readonly run: string;
}

/** What became of a run; a key left out stays as it is. `running` takes it up again. */
export interface RunUpdateChange {
  readonly kind: 'run-update';
  readonly run: string;
  readonly state: RunState;
  /** Nothing is changed unless its state is one of these when it comes to be written. Default: whatever it is. */
  readonly from?: readonly RunState[];
  readonly finished?: number | null;
  readonly counts?: RunCounts;
  /** Values of the named outputs. */
  readonly outputs?: Readonly<Record<string, Ipld>>;
  /** Anything JSON can hold, instead of what was there. */
  readonly options?: object;
  /** The plan as it is known now, with what URLs in it gave. */
  readonly plan?: CID;
  /** What was fetched for it, as JSON has it. Default: as it is. */
  readonly fetched?: readonly unknown[];
}

/** Forgets a run and its tasks; receipts and blobs stay. One that is not there is no error. */
export interface RunDeleteChange {
  readonly kind: 'run-delete';
  readonly run: string;
}

/** A token of less than every right. The token itself is not kept. */
export interface TokenChange {
  readonly kind: 'token';
  readonly id: string;
  /** SHA2-256 of the token. */
  readonly hash: Uint8Array;
  /** Anything JSON can hold. */
  readonly rights: unknown;
  /** Milliseconds since the epoch; null for one that does not expire. */
  readonly created: number;
  readonly expires: number | null;
}

/** One that is not there is no error. */
export interface TokenDeleteChange {
  readonly kind: 'token-delete';
  readonly id: string;
}

export type TaskVia = 'ran' | 'declared' | 'resolved' | 'unneeded';

/** How a task of a run ended, or its last attempt did. */
export interface RunTaskRow {
  /** Position in the plan. */
  readonly index: number;
  readonly label: string;
  readonly instruction: CID;
  readonly state: TaskStand;
  readonly via: TaskVia | null;
  readonly receipt: CID | null;
  /** The resolved key, where it was computed. */
  readonly key: Uint8Array | null;
  readonly attempts: number;
  /** Index of the task because of whose end this one was skipped. */
  readonly cause: number | null;
}

/** The last one given of a task stays. */
export interface RunTaskChange extends RunTaskRow {
  readonly kind: 'run-task';
  readonly run: string;
}

/** Names a manifest. One that has a module is never replaced: read back what is there. */
export interface ManifestChange {
  readonly kind: 'manifest';
  /** As it is looked up, and as it is shown. */
  readonly name: string;
  readonly shown: string;
  /** Spelled out, as `1.0.0`, and as the manifest has it. */
  readonly version: string;
  readonly written: string;
  /** The blob of its text. */
  readonly manifest: CID;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** Gives a manifest its module, unless it has one or is another one by now: read back what is there. */
export interface ManifestModuleChange {
  readonly kind: 'manifest-module';
  readonly name: string;
  readonly version: string;
  readonly manifest: CID;
  readonly module: CID;
}

/** Hides a version. Its row stays, since the version may come back only as it was: naming the same manifest again brings it. */
export interface ManifestRemoveChange {
  readonly kind: 'manifest-remove';
  readonly name: string;
  readonly version: string;
}

/** Files what another build tool says came of an action of its own; the last one stays. Docket never takes it for a result. */
export interface ActionChange {
  readonly kind: 'action';
  /** The tool's name for the action, 32 bytes. */
  readonly action: Uint8Array;
  /** The blob of what it says. */
  readonly entry: CID;
}

/** Files another name of a blob, which the caller has checked; the last one given stays. */
export interface AliasChange {
  readonly kind: 'alias';
  /** A CID of UnixFS. */
  readonly alias: CID;
  readonly blob: CID;
  /** Whether the name follows from the bytes alone, so that it can be checked again: the file is cut up as by default. */
  readonly isPlain: boolean;
}

/** Says whether results are taken from an agent; what was said of it before goes. */
export interface TrustChange {
  readonly kind: 'trust';
  readonly did: string;
  /** With `distrusted` all short cuts go: any of them may rest on what it said. They are made anew as results are looked up. */
  readonly verdict: TrustVerdict;
  /** For people; null keeps the name it had. */
  readonly name: string | null;
  readonly why: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** CIDs of the receipts it was found out by. */
  readonly evidence: readonly string[];
}

export type TrustVerdict = 'trusted' | 'distrusted';

/** Counts what was said to be a result and was not used. */
export interface RefusalChange {
  readonly kind: 'refusal';
  /** Who is named as its issuer; empty if nobody is. */
  readonly issuer: string;
  readonly reason: string;
  /** How many more. */
  readonly count: number;
  /** Of the last. */
  readonly message: string;
  /** Of the last, milliseconds since the epoch. */
  readonly at: number;
}

/** Remembers how far something that goes through the rows of a table has come. */
export interface MarkChange {
  readonly kind: 'mark';
  readonly name: string;
  readonly value: number;
}

export type Change =
  | TrustChange
  | RefusalChange
  | MarkChange
  | ReceiptChange
  | DeclaredChange
  | ResolvedChange
  | SmallChange
  | SmallDeleteChange
  | StatChange
  | RunChange
  | RunUpdateChange
  | RunTaskChange
  | RunDeleteChange
  | SubmissionChange
  | TokenChange
  | TokenDeleteChange
  | ManifestChange
  | ManifestModuleChange
  | ManifestRemoveChange
  | ActionChange
  | AliasChange
  | MemoForgetChange;

/** Adds the rows that make `change`. */
export function addRows(change: Change, add: (row: Row) => void): void {
  switch (change.kind) {
    case 'receipt':
      add([ROW.receipt, change.cid.bytes, change.instruction.bytes, change.invocation.bytes, change.at, change.bytes]);
      return;
    case 'memo':
      if (change.table === 'declared')
        add([
          ROW.declared,
          change.key,
          change.receipt.bytes,
          change.replace === true ? 1 : 0,
          change.isPlain === true ? PLAIN : (change.heardOf ?? null),
        ]);
      else {
        const { key, receipt, replace, out, label, preimage } = change;
        add([ROW.resolved, key, receipt.bytes, replace === true ? 1 : 0, out, label, preimage]);
      }
      return;
    case 'trust':
      add([ROW.trust, change.did, change.verdict, change.name, change.why, change.at, JSON.stringify(change.evidence)]);
      return;
    case 'refusal':
      add([ROW.refusal, change.issuer, change.reason, change.count, change.message, change.at]);
      return;
    case 'mark':
      add([ROW.mark, change.name, change.value]);
      return;
    case 'memo-forget':
      add([ROW.memoForget, change.receipt.bytes]);
      return;
    case 'small':
      for (const [digest, bytes] of change.blobs) add([ROW.small, Buffer.from(digest, 'hex'), bytes]);
      return;
    case 'small-delete':
      for (const digest of change.digests) add([ROW.smallDelete, Buffer.from(digest, 'hex')]);
      return;
    case 'stat':
      for (const { dev, ino, size, mtimeNs, ctimeNs, checkedAt, digest } of change.rows) {
        add([ROW.stat, dev, ino, size, mtimeNs, ctimeNs, Math.floor(checkedAt), Buffer.from(digest, 'hex')]);
      }
      return;
    case 'manifest':
      add([ROW.manifest, change.name, change.version, change.shown, change.written, change.manifest.bytes, change.at]);
      return;
    case 'manifest-module':
      add([ROW.manifestModule, change.module.bytes, change.name, change.version, change.manifest.bytes]);
      return;
    case 'manifest-remove':
      add([ROW.manifestRemove, change.name, change.version]);
      return;
    case 'run':
      add([
        ROW.run,
        change.run,
        change.name,
        change.workflow.bytes,
        change.plan?.bytes ?? null,
        JSON.stringify(change.options ?? null),
        change.created,
        JSON.stringify({ ...NO_COUNTS, total: change.tasks }),
      ]);
      return;
    case 'run-update':
      add([
        ROW.runUpdate,
        change.run,
        change.state,
        change.finished === undefined ? 0 : 1,
        change.finished ?? null,
        change.counts === undefined ? null : JSON.stringify(change.counts),
        change.outputs === undefined ? null : encode(change.outputs),
        change.from === undefined ? null : JSON.stringify(change.from),
        change.options === undefined ? null : JSON.stringify(change.options),
        change.plan?.bytes ?? null,
        change.fetched === undefined ? null : JSON.stringify(change.fetched),
      ]);
      return;
    case 'token':
      add([ROW.token, change.id, change.hash, JSON.stringify(change.rights), change.created, change.expires]);
      return;
    case 'token-delete':
      add([ROW.tokenDelete, change.id]);
      return;
    case 'submission':
      add([ROW.submission, change.key, change.digest, change.run]);
      return;
    case 'action':
      add([ROW.action, change.action, change.entry.bytes]);
      return;
    case 'alias':
      add([ROW.alias, change.alias.bytes, change.blob.bytes, change.isPlain ? 1 : 0]);
      return;
    case 'run-delete':
      add([ROW.runDelete, change.run]);
      return;
    case 'run-task':
      add([
        ROW.runTask,
        change.run,
        change.index,
        change.label,
        change.instruction.bytes,
        change.state,
        change.via,
        change.receipt?.bytes ?? null,
        change.key,
        change.attempts,
        change.cause,
      ]);
  }
}
