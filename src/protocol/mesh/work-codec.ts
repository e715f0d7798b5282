import * as Cid from '../../ipld/cid.ts';
import { decode, encode } from '../../ipld/dag-cbor.ts';
import { INLINE } from '../../ipld/large-value.ts';
import { float, type Ipld, type IpldMap, isList, isMap } from '../../ipld/value.ts';
import { checkGrant } from '../../workflow/grants.ts';
import * as Limit from '../../workflow/limits.ts';
import type { Task } from '../../workflow/model.ts';
import * as Needs from '../../workflow/needs.ts';
import { memoOf } from '../../workflow/policy.ts';
import { MESH_VERSION } from './member.ts';
import {
  amount,
  count,
  data,
  entries,
  flag,
  link,
  list,
  maps,
  misfit,
  own,
  readMessage,
  readPart,
  type Refused,
  text,
  weightOf,
} from './message.ts';
import type {
  AttemptName,
  DriveName,
  EndedTask,
  HeldState,
  HeldTask,
  KeptOffer,
  Offer,
  OfferedTask,
  UnreadTask,
  WorkMessage,
} from './work.ts';

/**
 * Work messages as they are sent: maps with the keys of `WorkMessage`, and `v`. Two parts of an offered task differ: `work` is the DAG-CBOR of `{task}`, what the
 * invocation's CID covers, so that however deep an input nests it can be sent; and `input`, DAG-CBOR too, is left out if it is the instruction's own.
 */

/** Tasks one message is about. More than a member holds for a drive. */
const MOST_TASKS = 4_096;
/** Small blobs a task comes with, and those its result names. */
const MOST_SMALL = 4_096;
const MOST_HELD = 65_536;
const MOST_HOLDERS = 64;
const MOST_DEPTH = 1_024;
const MOST_SLOTS = 4_096;
/** Characters. */
const LABEL = 8_192;
const MESSAGE = 1_024;
const OP = 128;
const DID = 256;
/** Run ids are names of files, among other things. */
const RUN = /^[-\w]{1,64}$/;
const DIGEST = /^[0-9a-f]{64}$/;
const STATES: readonly HeldState[] = ['waiting', 'fetching', 'running', 'overload', 'unfetched', 'refused'];

/** Throws `IPLD_INVALID`. */
export function encodeWork(message: WorkMessage): Uint8Array {
  const { kind, run, epoch } = message;
  const head = { v: MESH_VERSION, kind, run, epoch };
  switch (message.kind) {
    case 'offer':
      return encode({ ...head, weight: float(message.weight), tasks: message.tasks.map(offered), kept: message.kept.map(kept) });
    case 'withdraw':
    case 'received':
      return encode({ ...head, tasks: message.tasks.map(({ task, attempt }) => ({ task, attempt })) });
    case 'states':
      return encode({ ...head, isAll: message.isAll, tasks: message.tasks.map(held) });
    case 'ends':
      return encode({ ...head, tasks: message.tasks.map(ended) });
  }
}

function offered({ task, attempt, work, input, priority, ...rest }: OfferedTask): IpldMap {
  const { depth, alone, slots, isForced, label, module, small, holders } = rest;
  const { run, cause, meta, prf } = work;
  const { rsc, op, nnc } = run;
  return {
    task,
    attempt,
    priority: float(priority),
    depth,
    alone,
    slots,
    isForced,
    label: cut(label, LABEL),
    work: encode({ task: { run: { rsc, op, input: run.input, nnc }, cause, meta, prf } }),
    module,
    ...(input === run.input ? {} : { input: encode(input) }),
    small,
    holders,
  };
}

function held({ task, attempt, state, message }: HeldTask): IpldMap {
  return message === undefined ? { task, attempt, state } : { task, attempt, state, message: cut(message, MESSAGE) };
}

/** What is for people only is not worth a message that is refused. */
function cut(words: string, most: number): string {
  return words.length <= most ? words : words.slice(0, most).toWellFormed();
}

function ended({ task, attempt, isHit, receipt, small, held: blobs }: EndedTask): IpldMap {
  return { task, attempt, isHit, receipt, small, held: blobs.map(({ cid, size }) => ({ cid, size })) };
}

/** An offered task by itself, for one that is too large for a message. Throws `IPLD_INVALID`. */
export function encodeOffered(task: OfferedTask): Uint8Array {
  return encode({ v: MESH_VERSION, ...offered(task) });
}

/** Its name may be of another attempt than the one it was offered for. */
export function decodeOffered(bytes: Uint8Array): { readonly task: OfferedTask } | Refused {
  return readMessage(bytes, (map) => ({ task: readOffered(map) }));
}

function kept({ task, attempt, offer }: KeptOffer): IpldMap {
  return { task, attempt, offer };
}

/** What small blobs hold is not compared with their names: that is for whoever keeps them. Nor is a receipt looked into. */
export function decodeWork(bytes: Uint8Array): { readonly message: WorkMessage } | Refused {
  return readMessage(bytes, (map) => ({ message: readWork(map) }));
}

function readWork(map: IpldMap): WorkMessage {
  const drive = readDrive(map);
  const kind = text(map, 'kind', 16);
  switch (kind) {
    case 'offer':
      return readOffer(map, drive);
    case 'withdraw':
    case 'received':
      return { kind, ...drive, tasks: maps(map, 'tasks', MOST_TASKS, readName) };
    case 'states':
      return { kind, ...drive, isAll: flag(map, 'isAll'), tasks: maps(map, 'tasks', MOST_TASKS, readHeld) };
    case 'ends':
      return { kind, ...drive, tasks: maps(map, 'tasks', MOST_TASKS, readEnded) };
    default:
      return misfit('kind is not one that is known');
  }
}

/** A task that does not fit is told by its name, for that is all its coordinator must know: it may be of a later Docket, and the others of this one. */
function readOffer(map: IpldMap, drive: DriveName): Offer {
  const unread: UnreadTask[] = [];
  const readEach = <T>(key: string, read: (map: IpldMap) => T): T[] =>
    maps(map, key, MOST_TASKS, (item) => {
      const name = readName(item);
      const one = readPart(() => read(item));
      if ('part' in one) return [one.part];
      unread.push({ ...name, problem: one.problem });
      return [];
    }).flat();
  const weight = weightOf(map);
  const offer: Offer = { kind: 'offer', ...drive, weight, tasks: readEach('tasks', readOffered), kept: readEach('kept', readKept) };
  return unread.length === 0 ? offer : { ...offer, unread };
}

function readDrive(map: IpldMap): DriveName {
  const run = text(map, 'run', 64);
  if (!RUN.test(run)) misfit('run is not the id of a run');
  return { run, epoch: count(map, 'epoch') };
}

function readName(map: IpldMap): AttemptName {
  return { task: count(map, 'task', { most: 2 ** 32 }), attempt: count(map, 'attempt', { least: 1, most: 2 ** 31 }) };
}

function readOffered(map: IpldMap): OfferedTask {
  const work = readTask(data(map, 'work'));
  const input = own(map, 'input');
  const module = link(map, 'module');
  if (!Cid.isBlob(module)) misfit('module is not the name of a blob');
  return {
    ...readName(map),
    priority: amount(map, 'priority'),
    depth: count(map, 'depth', { least: 1, most: MOST_DEPTH }),
    alone: flag(map, 'alone'),
    slots: count(map, 'slots', { least: 1, most: MOST_SLOTS }),
    isForced: flag(map, 'isForced'),
    label: text(map, 'label', LABEL),
    work,
    module,
    input: input === undefined ? work.run.input : decode(data(map, 'input')),
    small: readSmall(map),
    holders: list(map, 'holders', MOST_HOLDERS, readDid),
  };
}

/** Limits that cannot be enforced, and needs that are not known, are refused with the task. */
function readTask(bytes: Uint8Array): Task {
  const invocation = decode(bytes);
  const task = isMap(invocation) && Object.keys(invocation).length === 1 ? own(invocation, 'task') : undefined;
  if (!isMap(task) || Object.keys(task).length !== 4) misfit('work is not an invocation');
  const { run, cause, meta, prf } = task;
  if (!isMap(run) || Object.keys(run).length !== 4) misfit('run is not an instruction');
  const { input, nnc } = run;
  if (input === undefined || cause === undefined) misfit('run has no input, or work no cause');
  if (typeof nnc !== 'string' && !(nnc instanceof Uint8Array)) misfit('nnc is neither a string nor bytes');
  if (!isMap(meta)) misfit('meta is not a map');
  if (!isList(prf)) misfit('prf is not a list');
  const op = text(run, 'op', OP);
  Limit.fromMeta(meta);
  Limit.retryFromMeta(meta);
  memoOf(meta);
  checkGrant(op, meta);
  Needs.fromMeta(meta);
  return { run: { rsc: text(run, 'rsc', Number.POSITIVE_INFINITY), op, input, nnc }, cause, meta, prf };
}

function readSmall(map: IpldMap): Record<string, Uint8Array> {
  return entries(map, 'small', MOST_SMALL, (bytes, name) => {
    if (!DIGEST.test(name)) misfit('the name of a small blob is not the hex of a SHA2-256');
    if (!(bytes instanceof Uint8Array) || bytes.length > INLINE) misfit(`a small blob is not at most ${INLINE} bytes`);
    return bytes;
  });
}

function readKept(map: IpldMap): KeptOffer {
  const offer = link(map, 'offer');
  if (!Cid.isBlob(offer)) misfit('offer is not the name of a blob');
  return { ...readName(map), offer };
}

function readDid(did: Ipld, name: string): string {
  return typeof did === 'string' && did.length <= DID ? did : misfit(`${name} is not a DID`);
}

function readHeld(map: IpldMap): HeldTask {
  const told = text(map, 'state', 16);
  const state = STATES.find((known) => known === told) ?? misfit('state is not one that is known');
  const name = { ...readName(map), state };
  return own(map, 'message') === undefined ? name : { ...name, message: text(map, 'message', MESSAGE) };
}

function readEnded(map: IpldMap): EndedTask {
  return {
    ...readName(map),
    isHit: flag(map, 'isHit'),
    receipt: data(map, 'receipt'),
    small: readSmall(map),
    held: maps(map, 'held', MOST_HELD, (blob) => ({ cid: link(blob, 'cid'), size: count(blob, 'size') })),
  };
}
