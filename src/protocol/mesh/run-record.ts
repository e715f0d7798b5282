import type { CID } from '../../ipld/cid.ts';
import { encode } from '../../ipld/dag-cbor.ts';
import { float, type Ipld, type IpldMap, isLink, isMap } from '../../ipld/value.ts';
import type { RunCounts } from '../../workflow/run-state.ts';
import { MESH_VERSION } from './member.ts';
import { count, data, flag, link, misfit, own, readMessage, type Refused, text, texts, weightOf } from './message.ts';
import type { Voucher } from './voucher.ts';

/**
 * What the mesh keeps of a run, under the key `run.<id>`. Whoever writes it has compared and set its revision: of two who want to, one does.
 *
 * Who drives the run may write it, and nobody else while that member is there. The revision at which a member took it is the epoch of its drive; later
 * revisions of the same drive say which that was.
 */
export interface RunRecord {
  readonly run: string;
  readonly name: string;
  readonly workflow: CID;
  readonly plan: CID;
  readonly asked: Asked;
  readonly state: MeshRunState;
  /** Who drives it, or did last; null while nobody does and anybody may. */
  readonly coordinator: Holder | null;
  /** Undefined: the revision of this very record. */
  readonly epoch?: number | undefined;
  /** Milliseconds since the epoch, by the clocks of whoever wrote them: for display. */
  readonly created: number;
  readonly finished: number | null;
  /** Whether the plan and all it needs are kept by the mesh, so that another can go on with it. */
  readonly isSecured: boolean;
  /** Coordinators that were lost since the run last got on. */
  readonly deaths: number;
  /** Members that took it up and could not go on with it, since one last could. */
  readonly tries: number;
  readonly counts: RunCounts;
  /** Values of the named outputs; a link to a blob of DAG-CBOR that holds them if they are large. */
  readonly outputs: IpldMap | CID;
  /** Why it failed, if not for its tasks. */
  readonly failure: { readonly code: string; readonly message: string } | null;
  /** Of the idempotency key it was submitted with: lower-case hex SHA2-256. */
  readonly submission: string | null;
  /** Of a run that was lost before it was secured: DID of the member that alone may have what it needs. */
  readonly awaits?: string | undefined;
  /** Absent if nobody says so, or not of this plan yet. */
  readonly voucher?: Voucher | undefined;
}

/** As the row of the run has it. */
export interface Asked {
  readonly slots: number | null;
  /** A link to a blob of DAG-CBOR if they are many. */
  readonly force: 'all' | readonly string[] | CID | null;
  readonly failFast: boolean;
  readonly awaitTime: number | null;
  /** Such as `2/3`. Absent, like a weight of 1, where nothing was said. */
  readonly agree?: string;
  readonly weight?: number;
}

/** One start of a member. */
export interface Holder {
  readonly did: string;
  readonly incarnation: string;
}

/** `deleted`: what members know of it is to be forgotten. */
export type MeshRunState = (typeof STATES)[number];

const STATES = ['running', 'completed', 'failed', 'cancelled', 'deleted'] as const;
const COUNTS = ['total', 'ran', 'cached', 'failed', 'skipped', 'cancelled'] as const;

/** Bytes of a record; what would be larger stands behind links. */
const LARGEST = 64 * 1024;
/** Bytes of outputs, and of forced labels, that stand in the record. */
export const INLINE_PART = 4096;

/** Characters. */
const NAME = 1_024;
const DID = 256;
const INCARNATION = 64;
const CODE = 64;
/** Bytes. */
const SIGNATURE = 64;
const AGREE = 8;
const MESSAGE = 2_048;
const MOST_FORCED = 4_096;
const MOST_TRIES = 1_000_000;
const RUN = /^[-\w]{1,64}$/;
const DIGEST = /^[0-9a-f]{64}$/;

export function keyOfRun(run: string): string {
  return `run.${run}`;
}

/** Names that are too long are cut. */
export function encodeRunRecord(record: RunRecord): Uint8Array {
  const { asked, coordinator, epoch, failure, counts, isSecured, voucher, awaits, ...rest } = record;
  const parts: Record<string, Ipld> = {
    ...rest,
    name: cut(record.name, NAME),
    v: MESH_VERSION,
    asked: { ...asked, ...(asked.weight === undefined ? {} : { weight: float(asked.weight) }) },
    coordinator: coordinator && { ...coordinator },
    counts: { ...counts },
    secured: isSecured,
    failure: failure && { code: failure.code, message: cut(failure.message, MESSAGE) },
  };
  if (epoch !== undefined) parts['epoch'] = epoch;
  if (awaits !== undefined) parts['awaits'] = awaits;
  if (voucher !== undefined) parts['voucher'] = { ...voucher };
  return encode(parts);
}

/** Of what stands under the key of a run. */
export function decodeRunRecord(key: string, bytes: Uint8Array): RunRecord | Refused {
  if (bytes.length > LARGEST) return { refused: 'large', problem: `it has ${bytes.length} bytes` };
  return readMessage(bytes, (map): RunRecord => {
    const run = text(map, 'run', INCARNATION);
    if (!RUN.test(run)) misfit('run is not the id of a run');
    if (keyOfRun(run) !== key) misfit(`it is of run ${run}`);
    const epoch = own(map, 'epoch') === undefined ? undefined : count(map, 'epoch', { least: 1 });
    return {
      run,
      name: text(map, 'name', NAME),
      workflow: link(map, 'workflow'),
      plan: link(map, 'plan'),
      asked: readAsked(inner(map, 'asked')),
      state: oneOf(map, 'state', STATES),
      coordinator: own(map, 'coordinator') === null ? null : readHolder(inner(map, 'coordinator')),
      ...(epoch === undefined ? {} : { epoch }),
      created: count(map, 'created'),
      finished: own(map, 'finished') === null ? null : count(map, 'finished'),
      isSecured: flag(map, 'secured'),
      deaths: count(map, 'deaths', { most: MOST_TRIES }),
      tries: count(map, 'tries', { most: MOST_TRIES }),
      counts: readCounts(inner(map, 'counts')),
      outputs: readOutputs(own(map, 'outputs')),
      failure: own(map, 'failure') === null ? null : readFailure(inner(map, 'failure')),
      submission: own(map, 'submission') === null ? null : digest(map, 'submission'),
      ...(own(map, 'awaits') === undefined ? {} : { awaits: text(map, 'awaits', DID) }),
      ...(own(map, 'voucher') === undefined ? {} : { voucher: readVoucher(inner(map, 'voucher')) }),
    };
  });
}

/** The idempotency key of a submission, under `submission.<digest>`. */
export interface SubmissionRecord {
  readonly run: string;
  /** Of all that was submitted. */
  readonly digest: string;
  /** Who claimed it. The run has a record of its own once it has begun. */
  readonly by: Holder;
}

export function keyOfSubmission(hex: string): string {
  return `submission.${hex}`;
}

export function encodeSubmission({ run, digest: of, by }: SubmissionRecord): Uint8Array {
  return encode({ v: MESH_VERSION, run, digest: of, by: { ...by } });
}

export function decodeSubmission(bytes: Uint8Array): SubmissionRecord | Refused {
  if (bytes.length > LARGEST) return { refused: 'large', problem: `it has ${bytes.length} bytes` };
  return readMessage(bytes, (map) => {
    const run = text(map, 'run', INCARNATION);
    if (!RUN.test(run)) misfit('run is not the id of a run');
    return { run, digest: text(map, 'digest', CODE), by: readHolder(inner(map, 'by')) };
  });
}

function readAsked(map: IpldMap): Asked {
  return {
    slots: own(map, 'slots') === null ? null : count(map, 'slots', { least: 1 }),
    force: readForce(map),
    failFast: flag(map, 'failFast'),
    awaitTime: own(map, 'awaitTime') === null ? null : count(map, 'awaitTime'),
    ...(own(map, 'agree') === undefined ? {} : { agree: text(map, 'agree', AGREE) }),
    ...(own(map, 'weight') === undefined ? {} : { weight: weightOf(map) }),
  };
}

function readForce(map: IpldMap): Asked['force'] {
  const force = own(map, 'force');
  if (force === null || force === 'all' || isLink(force)) return force;
  return texts(map, 'force', { most: MOST_FORCED, longest: INLINE_PART });
}

function readHolder(map: IpldMap): Holder {
  return { did: text(map, 'did', DID), incarnation: text(map, 'incarnation', INCARNATION) };
}

function readVoucher(map: IpldMap): Voucher {
  return { by: text(map, 'by', DID), signature: data(map, 'signature', SIGNATURE) };
}

function readCounts(map: IpldMap): RunCounts {
  return Object.fromEntries(COUNTS.map((name) => [name, count(map, name)])) as unknown as RunCounts;
}

function readOutputs(outputs: Ipld | undefined): IpldMap | CID {
  if (isLink(outputs) || isMap(outputs)) return outputs;
  return misfit('outputs is neither a map nor a link');
}

function readFailure(map: IpldMap): { readonly code: string; readonly message: string } {
  return { code: text(map, 'code', CODE), message: text(map, 'message', MESSAGE) };
}

function digest(map: IpldMap, key: string): string {
  const value = text(map, key, CODE);
  return DIGEST.test(value) ? value : misfit(`${key} is not a digest`);
}

function inner(map: IpldMap, key: string): IpldMap {
  const value = own(map, key);
  return isMap(value) ? value : misfit(`${key} is not a map`);
}

function oneOf<const T extends string>(map: IpldMap, key: string, words: readonly T[]): T {
  const value = own(map, key);
  return words.find((word) => word === value) ?? misfit(`${key} is none of ${words.join(', ')}`);
}

/** Not in the middle of a character: half of one cannot be encoded. */
function cut(words: string, most: number): string {
  return words.length <= most ? words : words.slice(0, most).toWellFormed();
}
