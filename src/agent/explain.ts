import type { CID } from '../ipld/cid.ts';
import { decode } from '../ipld/dag-cbor.ts';
import { type Ipld, type IpldMap, isList, isMap } from '../ipld/value.ts';
import type { KeyRow } from '../ledger/results.ts';
import type { RunTaskRow } from '../ledger/change.ts';
import * as Key from '../receipt/key.ts';
import { outcomeOf } from '../receipt/out.ts';
import { decodeAs } from '../receipt/verify.ts';
import { resolveInput } from '../scheduler/inputs.ts';
import { policiesOf } from './policies-of.ts';
import * as Tree from '../store/tree.ts';
import type { Plan } from '../workflow/model.ts';
import { endOfStand } from '../workflow/run-state.ts';
import { grantsOf } from '../workflow/grants.ts';
import { isFixed } from '../workflow/resource.ts';
import { asPromise } from '../workflow/promise.ts';
import type { Because, Earlier, Explanation } from '../protocol/explanation.ts';
import { compareKeys } from './compare-keys.ts';
import { blobsOf } from './blobs-of.ts';
import type { Engine } from './engine.ts';
import { givenBy } from './given.ts';
import { failureText } from '../receipt/show.ts';
import { readReceipt } from './read-receipt.ts';
import { wasUnneeded } from './was-unneeded.ts';
import { wordsOfOthers } from './words-of-others.ts';

/** A task of a run, and what is asked about it. */
export interface Question {
  readonly run: string;
  readonly plan: Plan;
  readonly index: number;
  readonly forced: boolean;
  /** Whether the run is over. */
  readonly isOver: boolean;
  /** Why it has no place at the moment, or DID of the other agent where it is. */
  readonly lacks?: string | undefined;
  readonly member?: string | undefined;
}

export function explain(engine: Engine, question: Question): Explanation {
  const { run, plan, index, isOver } = question;
  const row = engine.ledger.runTask(run, index);
  if (row === undefined || row.via === 'unneeded') {
    if (!isOver) return pending(question);
    const rows = new Map([...engine.ledger.runTasks(run)].map((other) => [other.index, other]));
    if (!wasUnneeded(plan, rows)(index)) return { kind: 'cancelled' };
    return {
      kind: 'unneeded',
      wantedBy: plan.tasks.filter((task) => task.awaits.some((input) => input.task === index)).map((task) => task.label),
    };
  }
  const own = row.receipt === null ? undefined : readReceipt(engine, row.receipt);
  const failure = own && failureText(own.outcome);
  if (row.state === 'retrying' && !isOver && row.receipt !== null)
    return { ...pending(question), tried: { receipt: row.receipt, failure } };
  if (row.state === 'held')
    return isOver ? { kind: 'cancelled' } : { ...pending(question), ...(row.receipt === null ? {} : { held: row.receipt }) };
  if (row.state === 'skipped') return skipped(engine, question, row);
  if (row.state === 'cancelled') return { kind: 'cancelled' };
  const code = own?.outcome.tag === 'error' ? own.outcome.failure.code : undefined;
  const hasFailed = row.state === 'failed' || row.state === 'retrying';
  if (hasFailed && row.receipt !== null && (code === 'unkept' || (row.attempts === 0 && row.via === 'ran')))
    return { kind: 'refused', receipt: row.receipt, failure, hasRun: row.attempts > 0 };
  const issuer = own?.receipt.iss;
  const others = {
    ...(engine.did === undefined || issuer === engine.did ? {} : { issuer }),
    ...othersOn(engine, question, row, { issuer, isDisagreement: code === 'disagreement' }),
  };
  if (row.via !== 'ran' && row.via !== null && row.receipt !== null)
    return { kind: 'found', by: row.via, receipt: row.receipt, failure, ...others };
  const subject = { ...question, row, issuer, started: own?.receipt.meta.started ?? 0 };
  return { kind: 'ran', receipt: row.receipt, failure, because: because(engine, subject), nearest: nearest(engine, subject), ...others };
}

function pending({ lacks, member }: Question): Extract<Explanation, { kind: 'pending' }> {
  return { kind: 'pending', ...(lacks === undefined ? {} : { lacks }), ...(member === undefined ? {} : { member }) };
}

/** Of work that gives the same twice. */
function othersOn(
  engine: Engine,
  { plan, index }: Question,
  { key, receipt }: RunTaskRow,
  by: { readonly issuer: string | undefined; readonly isDisagreement: boolean },
): Pick<Extract<Explanation, { kind: 'ran' }>, 'assents' | 'dissents'> {
  if (key === null || receipt === null || !policiesOf(engine, plan).of(index).pure) return {};
  const { assents, dissents } = wordsOfOthers(engine, { instruction: plan.tasks[index]!.instruction, key, own: receipt, ...by });
  return { ...(assents.length === 0 ? {} : { assents }), ...(dissents.length === 0 ? {} : { dissents }) };
}

function skipped(engine: Engine, { run, plan }: Question, { cause }: RunTaskRow): Explanation {
  const row = cause === null ? undefined : engine.ledger.runTask(run, cause);
  const read = row?.receipt == null ? undefined : readReceipt(engine, row.receipt);
  return {
    kind: 'skipped',
    cause: cause === null ? undefined : plan.tasks[cause]?.label,
    causeState: row && endOfStand(row.state, 'failed'),
    failure: read && failureText(read.outcome),
  };
}

/** A task that ran, and when its last attempt did. */
interface Subject extends Question {
  readonly row: RunTaskRow;
  readonly started: number;
  /** Of its receipt. */
  readonly issuer: string | undefined;
}

/** An earlier result, and whose it is. */
type Signed = Extract<Because, { kind: 'checked' }>['earlier'];

function because(engine: Engine, subject: Subject): Because | undefined {
  const { plan, index, forced, row, started } = subject;
  const { memo, pure } = policiesOf(engine, plan).of(index);
  if (forced) return { kind: 'forced' };
  if (memo === 'never' || (!pure && memo !== 'always')) {
    const lost = lostResult(engine, subject);
    if (lost !== undefined) {
      const { issuer, ...earlier } = lost;
      return distrusted(engine, subject).has(issuer) ? { kind: 'not believed', earlier: lost } : { kind: 'blobs gone', earlier };
    }
    const { task } = plan.tasks[index]!;
    return memo === 'never' ? { kind: 'memo: never' } : { kind: 'impure', grants: grantsOf(task), isOpen: !isFixed(task.run.rsc) };
  }
  if (row.key === null) return undefined;
  const disbelieved = disbelievedResult(engine, subject);
  if (disbelieved !== undefined) return { kind: 'not believed', earlier: disbelieved };
  const filed = engine.ledger.key(row.key);
  if (filed !== undefined && row.receipt !== null && !filed.receipt.equals(row.receipt)) {
    const earlier = { receipt: filed.receipt, at: filed.at, failure: undefined };
    return { kind: filed.at <= started ? 'blobs gone' : 'at the same time', earlier };
  }
  const checked = checkedHere(engine, subject);
  if (checked !== undefined) return { kind: 'checked', earlier: checked };
  const failed = failedBefore(engine, plan.tasks[index]!.instruction, row.key, row.receipt);
  return failed && { kind: 'failed before', earlier: failed };
}

/**
 * The result that the same run had finished with, of which no other may be used. Receipts do not say of which run they are, but attempts are numbered through all drives of
 * one: it is of the attempt before, unless that may as well have come to nothing.
 */
function lostResult(engine: Engine, { run, plan, index, row }: Subject): Signed | undefined {
  const { key } = row;
  const created = engine.ledger.run(run)?.created;
  if (key === null || created === undefined || row.attempts < 2) return undefined;
  const before = engine.ledger.receiptsOfInstruction(plan.tasks[index]!.instruction, CANDIDATES).flatMap(({ cid, at, bytes }) => {
    const receipt = decodeAs(cid, bytes);
    return receipt?.meta.attempt === row.attempts - 1 && receipt.meta.started >= created ? [{ cid, at, receipt }] : [];
  });
  const found = before.find(({ receipt }) => receipt.meta.key !== undefined && Buffer.compare(receipt.meta.key, key) === 0);
  if (found === undefined || before.some(({ receipt }) => failureText(outcomeOf(receipt.out)) !== undefined)) return undefined;
  return { receipt: found.cid, at: found.at, failure: undefined, issuer: found.receipt.iss };
}

/**
 * What another agent had given when the task was begun here. A result that is believed is a hit, so it was run only to check that. (Where several have to agree on it, as
 * author or run say, it goes without saying.)
 */
function checkedHere(engine: Engine, subject: Subject): Signed | undefined {
  const { run, plan, index, issuer } = subject;
  const { task } = plan.tasks[index]!;
  const { agree = task.meta['agree'] } = (engine.ledger.run(run)?.options ?? {}) as { readonly agree?: unknown };
  if (agree !== undefined || issuer === undefined || issuer !== engine.did) return undefined;
  const barred = distrusted(engine, subject);
  return earlierResults(engine, subject).find((earlier) => earlier.issuer !== issuer && !barred.has(earlier.issuer));
}

/** The newest result there was, if all there were are of agents that are not believed. */
function disbelievedResult(engine: Engine, subject: Subject): Signed | undefined {
  const barred = distrusted(engine, subject);
  if (barred.size === 0) return undefined;
  const earlier = earlierResults(engine, subject);
  return earlier.every(({ issuer }) => barred.has(issuer)) ? earlier[0] : undefined;
}

/** Results under the same key that were here when the task was begun, the newest first. */
function earlierResults(engine: Engine, subject: Subject): Signed[] {
  const { plan, index, row } = subject;
  const begun = begunAt(engine, subject);
  return engine.ledger.receiptsOfInstruction(plan.tasks[index]!.instruction, CANDIDATES).flatMap(({ cid, at, bytes }) => {
    if (at > begun || row.receipt?.equals(cid) === true) return [];
    const receipt = decodeAs(cid, bytes);
    const isSame = receipt?.meta.key !== undefined && row.key !== null && Buffer.compare(receipt.meta.key, row.key) === 0;
    return isSame && outcomeOf(receipt.out).tag === 'ok' ? [{ receipt: cid, at, failure: undefined, issuer: receipt.iss }] : [];
  });
}

/** Whom this home did not believe when the task was begun. */
function distrusted(engine: Engine, subject: Subject): ReadonlySet<string> {
  const begun = begunAt(engine, subject);
  return new Set(engine.ledger.trust().flatMap(({ did, verdict, at }) => (verdict === 'distrusted' && at <= begun ? [did] : [])));
}

/** By the clock of this home: of what another agent ran all that is known is that its run had begun. */
function begunAt({ did, ledger }: Engine, { run, issuer, started }: Subject): number {
  return issuer !== undefined && issuer === did ? started : (ledger.run(run)?.created ?? started);
}

/** How many receipts and keys are looked at. */
const CANDIDATES = 50;

/** The newest earlier attempt under the same key. */
function failedBefore(engine: Engine, instruction: CID, key: Uint8Array, own: CID | null): Earlier | undefined {
  const rows = engine.ledger.receiptsOfInstruction(instruction, CANDIDATES);
  const older = own === null ? rows : rows.slice(rows.findIndex(({ cid }) => cid.equals(own)) + 1);
  for (const { cid, at, bytes } of older) {
    const receipt = decodeAs(cid, bytes);
    const failure = receipt && failureText(outcomeOf(receipt.out));
    if (failure !== undefined && receipt?.meta.key !== undefined && Buffer.compare(receipt.meta.key, key) === 0)
      return { receipt: cid, at, failure };
  }
  return undefined;
}

function nearest(engine: Engine, subject: Subject): Extract<Explanation, { kind: 'ran' }>['nearest'] {
  const preimage = preimageOf(engine, subject);
  if (preimage === undefined) return undefined;
  const after = decode(preimage);
  const { instruction, label } = subject.plan.tasks[subject.index]!;
  let best: { readonly key: KeyRow; readonly before: Ipld; readonly count: number } | undefined;
  for (const key of engine.ledger.similarKeys({ instruction, label }, CANDIDATES)) {
    if (key.at > subject.started || (subject.row.receipt !== null && key.receipt.equals(subject.row.receipt))) continue;
    const before = decode(key.preimage);
    // Trees as wholes first: opening those of every candidate could take long.
    const count = compareKeys(before, after, () => undefined).length;
    if (count > 0 && (best === undefined || count < best.count)) best = { key, before, count };
  }
  if (best === undefined) return undefined;
  const differences = compareKeys(best.before, after, treesOf(engine)).map((difference) => ({
    ...difference,
    from: originOf(subject, difference.path),
  }));
  return { receipt: best.key.receipt, at: best.key.at, label: best.key.label, differences };
}

/** What the key of a task that ran was made of. Only results are filed under their key: that of a failure is made once more, if all it needs is there. */
function preimageOf(engine: Engine, { run, plan, index, row }: Subject): Uint8Array | undefined {
  if (row.key === null) return undefined;
  const filed = engine.ledger.key(row.key);
  if (filed !== undefined) return filed.preimage;
  try {
    const { task } = plan.tasks[index]!;
    const input = resolveInput(task.run, givenBy(engine, run, plan), blobsOf(engine));
    if ('failure' in input) return undefined;
    const key = Key.resolved(task.run, input.value, policiesOf(engine, plan).of(index));
    return Buffer.compare(key.key, row.key) === 0 ? key.preimage : undefined;
  } catch {
    // A tree on the way is gone or damaged.
    return undefined;
  }
}

function treesOf(engine: Engine): (cid: CID) => IpldMap | undefined {
  const reader = engine.reader();
  return (cid) => {
    try {
      return Tree.decode(reader.readAll(cid));
    } catch {
      return undefined;
    }
  };
}

/** The task whose promise stands at the beginning of this way into the key. */
function originOf({ plan, index }: Question, path: readonly (string | number)[]): string | undefined {
  const { run } = plan.tasks[index]!.task;
  let value: Ipld | undefined = run.input;
  if (path[0] !== 'input') return undefined;
  for (const step of path.slice(1)) {
    if (asPromise(value) !== undefined) break;
    if (isList(value) && typeof step === 'number') value = value[step];
    else if (isMap(value) && typeof step === 'string' && Object.hasOwn(value, step)) value = value[step];
    else return undefined;
    if (value === undefined) return undefined;
  }
  const awaited = asPromise(value);
  return awaited && plan.tasks.find((task) => task.instruction.equals(awaited.instruction))?.label;
}
